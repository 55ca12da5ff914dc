"""Adapter: the versions of a file that Git remembers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from voc_models.exit_codes import UnavailableError
from voc_models.settings import child_environment


class GitError(UnavailableError):
    """Git does not answer."""


def committed_versions(file: Path) -> Iterator[str]:
    """Yield the file's text in each commit that changed it and that the current one comes from, newest first.

    Nothing outside a repository.

    Raises:
        GitError: git is not installed, or it fails on a repository.
    """
    folder, name = file.resolve().parent, file.name
    if not _inside(folder):
        return
    for commit in _git(folder, "log", "--format=%H", "--", name).decode().split():
        # A commit that removed the file has no text of it.
        if _git(folder, "ls-tree", "--name-only", commit, "--", name).strip():
            yield _git(folder, "show", f"{commit}:./{name}").decode("utf-8", errors="replace")


def is_shallow(folder: Path) -> bool:
    """Tell whether the clone has lost its older history, as CI's usually has."""
    return _inside(folder) and _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"


def _inside(folder: Path) -> bool:
    """Tell whether this is a repository; one that git refuses to read (owned by somebody else, in CI) is an error."""
    done = _run(folder, "rev-parse", "--is-inside-work-tree")
    if done.returncode and b"not a git repository" not in done.stderr:
        raise GitError(f"git refuses to read {folder}: {done.stderr.decode(errors='replace').strip()}")
    return done.returncode == 0


def _git(folder: Path, *words: str) -> bytes:
    done = _run(folder, *words)
    if done.returncode:
        raise GitError(f"git {' '.join(words)} failed in {folder}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(folder), *words]
    english = child_environment(None, {"LC_ALL": "C"})
    try:
        return subprocess.run(command, capture_output=True, timeout=120, check=False, env=english)  # noqa: S603 - no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"git does not answer: {error}. Install it, or run this where the repository is.") from error
