"""The project's images, built by buildah from its Dockerfile on a local base, and kept by the hash of their sources."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.cluster import buildah, cache
from tests.cluster.base_image import base_image
from tests.cluster.shell import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

#: Build arguments by target. PyTorch does not go into the trainer's layers: a test mounts it (Dockerfile, SLIM).
_TARGETS: Final[dict[str, dict[str, str]]] = {"operator": {}, "worker": {}, "trainer": {"SLIM": "1"}}
_SOURCES: Final = ("models", "operator", "worker")
_FILES: Final = ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE")
#: More than this many layers in the store: begin anew rather than fill the disk.
_MOST_LAYERS: Final = 200
#: Archives kept of each target; several working trees may share the cache.
_KEPT: Final = 4
_NAMED: Final = "operator=NAME,worker=NAME,trainer=NAME"


class Images(NamedTuple):
    """Names under which the cluster knows the images, and the archives that bring them there."""

    operator: str
    worker: str
    trainer: str
    archives: tuple[Path, ...] = ()


def project_images() -> Images:
    """Return the images of the working tree as it is, built when something in them changed.

    Raises:
        ClusterError: a build fails.
    """
    key = source_digest()
    with cache.alone("images"):
        archives = {target: cache.folder("images") / f"{target}-{key}.tar" for target in _TARGETS}
        if not all(archive.exists() for archive in archives.values()):
            _build(key, archives)
        for archive in archives.values():
            archive.touch()  # used last
    return Images(**{target: _name(target, key) for target in _TARGETS}, archives=tuple(archives.values()))


def source_digest() -> str:
    """Return the hash of everything that goes into the images."""
    trees = [path for name in _SOURCES for path in (cache.ROOT / name).rglob("*") if path.is_file()]
    sources = [path for path in trees if path.suffix != ".pyc"]
    files = [*(cache.ROOT / name for name in _FILES), *(cache.ROOT / "requirements").glob("*.txt")]
    return cache.digest([*sources, *files], str(_TARGETS))


def _build(key: str, archives: dict[str, Path]) -> None:
    if len(buildah.buildah("images", "--all", "--quiet").split()) > _MOST_LAYERS:
        buildah.buildah("rmi", "--all", "--force")
    project = tomllib.loads((cache.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = {"BASE": base_image(), "VERSION": project["version"], "REVISION": key}
    for target, arguments in _TARGETS.items():
        name = _name(target, key)
        buildah.build(f"building the {target}'s image", target, name, about | arguments)
        fresh = archives[target].with_suffix(".new")
        fresh.unlink(missing_ok=True)
        buildah.buildah("push", name, f"docker-archive:{fresh}:{name}")
        fresh.rename(archives[target])
        cache.keep_newest(archives[target].parent.glob(f"{target}-*.tar"), _KEPT)


def _name(target: str, key: str) -> str:
    return f"localhost/voc-nlp/{target}:{key}"


def named_images(text: str) -> Images:
    """Read ``operator=NAME,worker=NAME,trainer=NAME``: images that somebody's own cluster can pull.

    Raises:
        ClusterError: one is not named.
    """
    named = dict(part.strip().partition("=")[::2] for part in text.split(","))
    if absent := [target for target in _TARGETS if not named.get(target)]:
        raise ClusterError(f"VOC_TEST_IMAGES does not name {', '.join(absent)}. Write {_NAMED}.")
    return Images(named["operator"], named["worker"], named["trainer"])
