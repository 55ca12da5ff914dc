"""A stand-in for the Dockerfile's public base image, made of Debian packages: Python, its venv module, certificates."""

from __future__ import annotations

from typing import Final

from tests.cluster import cache
from tests.cluster.buildah import buildah, exists
from tests.cluster.shell import slowly

_SUITE: Final = "bookworm"
_PACKAGES: Final = ("python3", "python3-venv", "ca-certificates")


def base_image() -> str:
    """Return the name of the base image, made on the first call (a minute or more)."""
    name = f"localhost/voc-nlp/base:{cache.digest([], _SUITE, *_PACKAGES)}"
    with cache.alone("base"):
        if not exists(name):
            archive = cache.folder("images") / "base.tar"
            slowly(
                f"making a base image of Debian {_SUITE} with Python",
                *("mmdebstrap", "--variant=minbase", "--dpkgopt=force-unsafe-io"),
                *(f"--include={','.join(_PACKAGES)}", _SUITE, archive),
            )
            container = buildah("from", "scratch").strip()
            try:
                buildah("add", container, archive, "/")
                buildah("commit", container, name)
            finally:
                buildah("rm", container)
                archive.unlink()
    return name
