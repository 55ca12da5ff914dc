"""Unpacked sets of images, kept for the next cluster: a node's image store is put together from one in a second.

Layers are only ever read, by overlay mounts, so a node gets those of a kept set as read-only mounts; the blobs beside
them are hard-linked, and two databases are copied. A new set starts as a hard-linked copy of the newest one, so that
only layers that changed are unpacked and take space.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tarfile
from typing import TYPE_CHECKING, Final

from tests.cluster import cache
from tests.cluster.shell import run, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.cluster.sandbox import Sandbox

_LAYERS: Final = "io.containerd.snapshotter.v1.overlayfs/snapshots"
_BLOBS: Final = "io.containerd.content.v1.content"
_DATABASES: Final = (
    "io.containerd.metadata.v1.bolt/meta.db",
    "io.containerd.snapshotter.v1.overlayfs/metadata.db",
)
_KEPT: Final = 3


def alone() -> AbstractContextManager[None]:
    """Keep other processes from taking and keeping sets meanwhile."""
    return cache.alone("unpacked")


def take(images: Sequence[Path], root: Path, sandbox: Sandbox) -> int | None:
    """Fill ``root``, the folder of a containerd that does not run yet, with the set of ``images``.

    Returns:
        A descriptor that keeps the set from being removed until it is closed, or None when there is no such set yet:
        ``root`` then holds the newest other set, if there is one.
    """
    kept = _place(images)
    if not kept.exists():
        say(f"unpacking {len(images)} images")
        if others := _newest_first():
            _link(others[0], root)
        return None
    os.utime(kept)
    held = _lock(kept, fcntl.LOCK_SH)
    for layer in (kept / _LAYERS).iterdir():
        (root / _LAYERS / layer.name).mkdir(parents=True)
    mounts = "cd {0} && for one in *; do mount -o bind,ro {0}/$one {1}/$one; done"
    sandbox.run("sh", "-ec", mounts.format(kept / _LAYERS, root / _LAYERS))
    run("cp", "--archive", "--link", kept / _BLOBS, root)
    _copy_databases(kept, root)
    return held


def keep(images: Sequence[Path], root: Path) -> None:
    """Keep what a stopped containerd made in ``root`` as the set of ``images``, and remove sets that nobody uses."""
    kept = _place(images)
    fresh = kept.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    _link(root, fresh)
    fresh.rename(kept)
    os.utime(kept)
    for old in _newest_first()[_KEPT:]:
        held = _lock(old, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if held is not None:
            shutil.rmtree(old)
            os.close(held)


def names(archive: Path) -> list[str]:
    """Return the names of the images in a docker archive."""
    with tarfile.open(archive) as opened:
        manifest = opened.extractfile("manifest.json")
        assert manifest is not None
        return [name for image in json.load(manifest) for name in image["RepoTags"]]


def _place(images: Sequence[Path]) -> Path:
    words = sorted(f"{one.name} {one.stat().st_size}" for one in images)
    return cache.folder("unpacked") / cache.digest([], *words, run("containerd", "--version"))


def _newest_first() -> list[Path]:
    sets = [path for path in cache.folder("unpacked").iterdir() if not path.suffix]
    return sorted(sets, key=lambda one: one.stat().st_mtime, reverse=True)


def _lock(kept: Path, how: int) -> int | None:
    descriptor = os.open(cache.folder("locks") / f"unpacked-{kept.name}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _link(source: Path, target: Path) -> None:
    run("cp", "--archive", "--link", source, target)
    _copy_databases(source, target)


def _copy_databases(source: Path, target: Path) -> None:
    for name in _DATABASES:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        run("cp", "--archive", "--remove-destination", source / name, target / name)
