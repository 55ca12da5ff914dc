"""Unpacked images, kept for the next cluster: a node's image store is hard-linked from the cache in seconds.

Layers are only ever read, by overlay mounts, so that they may be shared; the two databases beside them are copied.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.cluster import cache
from tests.cluster.shell import run, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@contextmanager
def seed(root: Path, images: Sequence[Path]) -> Iterator[bool]:
    """Fill ``root``, containerd's folder, from the cache and give True; or give False and keep what the block made."""
    key = cache.digest([], *(f"{one.name} {one.stat().st_mtime_ns}" for one in images), run("containerd", "--version"))
    kept = cache.folder("unpacked") / key
    with cache.alone("unpacked"):
        if kept.exists():
            _copy(kept, root)
            yield True
            return
        say(f"unpacking {len(images)} images")
        yield False
        fresh = kept.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        _copy(root, fresh)
        fresh.rename(kept)
        cache.keep_newest(kept.parent.iterdir(), 2)


def _copy(source: Path, target: Path) -> None:
    run("cp", "--archive", "--link", source, target)
    for database in source.rglob("*.db"):
        if "bolt" in database.parent.name or "snapshotter" in database.parent.name:
            run("cp", "--archive", "--remove-destination", database, target / database.relative_to(source))
