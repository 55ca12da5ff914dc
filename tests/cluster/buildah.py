"""buildah with a store of its own in the cache, and this machine's way to its package index."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.cluster import cache
from tests.cluster.shell import ClusterError, run, slowly

#: pip settings of this machine that a build needs to reach the same index; the build's own network is the machine's.
_PIP: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "cert")
_CERTIFICATES: Final = Path("/etc/ssl/certs")


def buildah(*words: str | Path) -> str:
    """Run buildah on our store and return what it printed."""
    return run("buildah", *_store(), *words)


def exists(image: str) -> bool:
    """Whether the store has the image."""
    try:
        buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", image)
    except ClusterError:
        return False
    return True


def build(doing: str, target: str, image: str, arguments: dict[str, str]) -> None:
    """Build a target of the project's Dockerfile.

    Raises:
        ClusterError: the build fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        secret = Path(scratch) / "pip.conf"
        secret.write_text(_pip_configuration(), encoding="utf-8")
        slowly(
            doing,
            *("buildah", *_store(), "bud", "--isolation", "chroot", "--layers", "--format", "docker"),
            *("--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro", "--secret", f"id=pip,src={secret}"),
            *(word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")),
            *("--target", target, "--tag", image, cache.ROOT),
        )


def _store() -> list[str]:
    """Layers are overlays where the machine can do that, and copies elsewhere."""
    overlay = "\toverlay\n" in Path("/proc/filesystems").read_text(encoding="ascii")
    driver = "overlay" if overlay else "vfs"
    where = {"root": cache.folder("store"), "runroot": cache.folder("store-run")}
    return [*(f"--{name}={path}" for name, path in where.items()), f"--storage-driver={driver}"]


def _pip_configuration() -> str:
    """Return a pip.conf of what this machine's pip was told about its index, by files and by environment."""
    found: dict[str, str] = {}
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    for line in said.splitlines():
        name, _, value = line.partition("=")
        setting = name.rpartition(".")[2]
        if setting in _PIP:
            found[setting] = value.strip("'\"")
    return "".join(["[global]\n", *(f"{name} = {value}\n" for name, value in found.items())])
