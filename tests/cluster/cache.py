"""What is built once on a machine: programs and images, outside the tree, named by the hash of what goes into them."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from tests.tools_go import cache

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]


def folder(*names: str) -> Path:
    """Return a folder of the cache, made when it is not there."""
    made = cache().joinpath("cluster", *names)
    made.mkdir(parents=True, exist_ok=True)
    return made


def digest(paths: Iterable[Path], *words: str) -> str:
    """Return a short hash of the names (from the project's root) and bytes of its files, and of ``words``."""
    total = hashlib.sha256()
    for path in sorted(paths):
        name = path.relative_to(ROOT).as_posix()
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    total.update("\0".join(words).encode())
    return total.hexdigest()[:16]


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Keep other processes from making the same thing meanwhile; they wait and find it made."""
    with FileLock(folder("locks") / f"{name}.lock"):
        yield


def keep_newest(paths: Iterable[Path], count: int) -> None:
    """Remove all but the ``count`` files used last, so that the cache does not grow for ever."""
    for path in sorted(paths, key=lambda one: one.stat().st_mtime, reverse=True)[count:]:
        path.unlink()
