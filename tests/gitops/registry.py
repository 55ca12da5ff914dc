"""A registry of images on this machine, as CI pushes to one and nodes pull from it by digest."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.cluster.buildah import buildah, exists
from tests.cluster.pods import until
from tests.cluster.shell import run
from tests.gitops.background import Background
from tests.integration.fixtures_s3 import free_ports
from tests.tools_go import CRANE, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PROJECT: Final = "voc-nlp"


@dataclass(frozen=True)
class Registry:
    """Where it is; the chart's ``images.registry`` is ``address/voc-nlp``."""

    address: str

    @property
    def images(self) -> str:
        """The chart's ``images.registry``."""
        return f"{self.address}/{_PROJECT}"

    def push(self, image: str, archive: Path, repository: str) -> str:
        """Push an image of buildah's store, or of its archive when the store was emptied since; return its digest."""
        if not exists(image):
            buildah("pull", f"docker-archive:{archive}")
        with tempfile.NamedTemporaryFile("r") as file:
            # Compressing takes longer than everything else, and the line is this machine.
            words = ("--disable-compression", "--tls-verify=false", "--digestfile", file.name)
            buildah("push", *words, image, f"docker://{self.images}/{repository}:first")
            return file.read().strip()

    def copy(self, digest: str, repository: str, target: str) -> str:
        """Give an image a second repository and return its digest, which is the same."""
        source = f"{self.images}/{repository}@{digest}"
        run(program(CRANE), "copy", "--insecure", source, f"{self.images}/{target}:first")
        return digest

    def next_build(self, repository: str, digest: str, revision: str) -> str:
        """Push that image with another label, as CI does after a commit; return the digest, which is another one."""
        label = f"org.opencontainers.image.revision={revision}"
        source, target = f"{self.images}/{repository}@{digest}", f"{self.images}/{repository}:{revision}"
        return _digest(run(program(CRANE), "mutate", "--insecure", source, "--label", label, "--tag", target))


@contextmanager
def running_registry(folder: Path, host: str) -> Iterator[Registry]:
    """Serve images on ``host`` while the block runs."""
    (port,) = free_ports(1)
    address = f"{host}:{port}"
    command = [str(program(CRANE)), "registry", "serve", "--address", address, "--disk", str(folder)]
    with Background(command, folder / "registry.log") as server:
        until("the registry answers", lambda: server.alive and _answers(address))
        yield Registry(address)


def _answers(address: str) -> bool:
    asked = subprocess.run(
        [program(CRANE), "catalog", "--insecure", address], capture_output=True, check=False, timeout=30
    )
    return asked.returncode == 0


def _digest(said: str) -> str:
    """Return the digest of the reference that crane printed last."""
    return said.rsplit(maxsplit=1)[-1].partition("@")[2]
