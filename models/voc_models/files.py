"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

#: Temporary files end so; nothing else of ours does.
TEMPORARY_SUFFIX: Final = ".voc-part"
#: No write takes this long without touching its file: an older temporary file belonged to a killed process.
ABANDONED_AFTER_SECONDS: Final = 3600.0


@contextmanager
def whole_file(path: Path, *, folder: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path; when the block ends well its content takes ``path``'s place in one step, on disk.

    Args:
        path: where the file shall appear; an existing file is replaced, its readers keep the old bytes.
        folder: where the temporary file lies, on the same file system; beside ``path`` when None.

    Raises:
        OSError: as the operating system says; ``path`` is then as it was, and the temporary file is gone.
    """
    with temporary_file(folder or path.parent) as part:
        yield part
        flush(part)
        part.replace(path)
        flush(path.parent)


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """Yield a new path inside ``folder`` and remove what is left there when the block ends."""
    part = folder / f"{uuid4().hex}{TEMPORARY_SUFFIX}"
    try:
        yield part
    finally:
        with suppress(OSError):  # a file left behind is swept later; the error on its way matters more
            part.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have the operating system write a file, or a folder's list of names, to the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path, *, older_than_seconds: float = ABANDONED_AFTER_SECONDS) -> int:
    """Remove temporary files that killed processes left in ``folder``; return how many."""
    removed = 0
    for part in folder.glob(f"*{TEMPORARY_SUFFIX}"):
        # Two sweepers may meet, and a writer may finish meanwhile: a file that is gone was not ours to remove.
        with suppress(FileNotFoundError):
            if part.stat().st_mtime < time.time() - older_than_seconds:
                part.unlink()
                removed += 1
    return removed
