"""One run of a month at a time on this machine; the operating system frees the lock of a killed holder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from voc_models.exit_codes import TryAgainError


class RunBusyError(TryAgainError):
    """Another run of that month is at work."""


@contextmanager
def month_lock(folder: Path, name: str, holder: str) -> Iterator[None]:
    """Hold the lock ``name`` (a compact month or ``train``) while the block runs.

    Raises:
        RunBusyError: somebody holds it; the sentence names them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / f"{name}.holder"
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        who = note.read_text(encoding="utf-8").strip() if note.exists() else "another process"
        raise RunBusyError(
            f"{who} is at work on {name}. Wait until it has finished, or stop it, then run this again."
        ) from error
    try:
        note.write_text(holder, encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()
