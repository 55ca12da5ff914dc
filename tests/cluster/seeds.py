"""Unpacked images, kept for the next cluster: a node's image store is put together from the cache in a second.

Layers are only ever read, by overlay mounts, so the node gets them as read-only mounts; what lies beside them is a
handful of files: the compressed blobs, which are hard-linked, and two databases, which are copied.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.cluster import cache
from tests.cluster.shell import run, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.cluster.sandbox import Sandbox

_LAYERS: Final = "io.containerd.snapshotter.v1.overlayfs/snapshots"
_DATABASES: Final = (
    "io.containerd.metadata.v1.bolt/meta.db",
    "io.containerd.snapshotter.v1.overlayfs/metadata.db",
)


@contextmanager
def seed(root: Path, images: Sequence[Path], sandbox: Sandbox) -> Iterator[bool]:
    """Fill ``root``, containerd's folder, from the cache and give True; or give False and keep what the block makes.

    Args:
        root: does not exist yet; containerd runs on it in ``sandbox`` and is stopped when a False block ends.
        images: the archives that it is to hold.
        sandbox: where the layers are mounted.
    """
    key = cache.digest([], *(f"{one.name} {one.stat().st_mtime_ns}" for one in images), run("containerd", "--version"))
    kept = cache.folder("unpacked") / key
    with cache.alone("unpacked"):
        unpacked = kept.exists()
        if unpacked:
            _use(kept, root, sandbox)
        else:
            say(f"unpacking {len(images)} images")
        yield unpacked
        if not unpacked:
            fresh = kept.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            run("cp", "--archive", "--link", root, fresh)
            _copy_databases(root, fresh)
            fresh.rename(kept)
            cache.keep_newest(kept.parent.iterdir(), 3)


def _use(kept: Path, root: Path, sandbox: Sandbox) -> None:
    root.mkdir(mode=0o711)
    (root / _LAYERS).mkdir(parents=True, mode=0o700)
    for layer in (kept / _LAYERS).iterdir():
        (root / _LAYERS / layer.name).mkdir()
    mounts = "cd {0} && for one in *; do mount -o bind,ro {0}/$one {1}/$one; done"
    sandbox.run("sh", "-ec", mounts.format(kept / _LAYERS, root / _LAYERS))
    run("cp", "--archive", "--link", kept / "io.containerd.content.v1.content", root)
    _copy_databases(kept, root)


def _copy_databases(source: Path, target: Path) -> None:
    for name in _DATABASES:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        run("cp", "--archive", "--remove-destination", source / name, target / name)
