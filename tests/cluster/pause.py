"""The image of the container that holds a pod's namespaces: one program in one layer, as an archive."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

from tests.cluster import cache
from tests.cluster.node import PAUSE

if TYPE_CHECKING:
    from pathlib import Path


def pause_image(programs: Path) -> Path:
    """Return the archive of the pause image, made of the program on the first call."""
    archive = programs / "pause.tar"
    with cache.alone("pause"):
        if not archive.exists():
            fresh = archive.with_suffix(".new")
            fresh.write_bytes(_archive((programs / "pause").read_bytes()))
            fresh.rename(archive)
    return archive


def _archive(program: bytes) -> bytes:
    """Return a docker archive (image specification 1.2) of an image that is nothing but ``program``."""
    layer = _tar({"pause": program}, mode=0o755)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE], "Layers": ["layer.tar"]}]
    files = {
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer,
        "manifest.json": json.dumps(manifest).encode(),
    }
    return _tar(files, mode=0o644)


def _tar(files: dict[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
