"""A cluster of its own with the customer's servers, a registry, a Git repository and Argo CD: what a team has."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.chart.schemas import prometheus_definitions
from tests.cluster.cluster import Cluster
from tests.cluster.images import Images
from tests.cluster.pause import pause_image
from tests.cluster.programs import programs
from tests.cluster.servers import Servers, running_servers
from tests.cluster.settings import ClusterSettings, missing
from tests.cluster.shell import run
from tests.gitops.argo import ArgoCd
from tests.gitops.registry import Registry, running_registry
from tests.gitops.repository import Repository
from voc_worker.promotion.pins import Pins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voc_models.store_s3 import S3Store

_HERE = Path(__file__).parent
ENVIRONMENTS: Final = ("dev", "stage", "prod")
_GIT: Final = "https://git.example.com/voc-nlp.git"
#: Nothing cached: Kubernetes, Argo CD and the images are built first.
_TIMEOUT: Final = 5400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests the time that a first build takes."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.timeout(_TIMEOUT))


@dataclass(frozen=True)
class Team:
    """A cluster, the servers beside it, a registry, a repository, and Argo CD between Git and the cluster."""

    cluster: Cluster
    servers: Servers
    registry: Registry
    repository: Repository
    argo: ArgoCd

    @property
    def models(self) -> S3Store:
        """The model store that the environments share."""
        return self.servers.store("stat/voc-models")

    def kubectl(self, environment: str, *words: str) -> str:
        """Run kubectl in an environment's namespace and return what it printed."""
        flags = ("--kubeconfig", self.cluster.kubeconfig, "-n", f"voc-{environment}")
        return run(self.cluster.kubectl, *flags, *words)

    def get(self, environment: str, *words: str) -> list[dict[str, Any]]:
        """Return an environment's objects of a kind."""
        found: list[dict[str, Any]] = json.loads(self.kubectl(environment, "get", *words, "-o", "json"))["items"]
        return found

    def voc(self, *words: str, code: int = 0) -> str:
        """Type `voc words` where the repository is cloned, with keys that read the stores."""
        settings = self.servers.environment("")
        keys = {name: settings[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return self.repository.voc(*words, environment={"PATH": os.environ["PATH"], **keys}, code=code)

    def reference(self, repository: str, digest: str) -> str:
        """Return an image as manifests name it."""
        return f"{self.registry.images}/{repository}@{digest}"


def _missing() -> str | None:
    """Say which program of the servers beside the cluster is not installed, or return None."""
    absent = [name for name in ("git", "redis-server", "setpriv") if shutil.which(name) is None]
    return f"Missing beside the cluster: {', '.join(absent)}. Run: CI=true make tools" if absent else None


def pushed(registry: Registry, images: Images) -> Pins:
    """Push the images of the working tree; the worker's stands in for the one with CUDA."""
    names = ("operator", "worker", "trainer")
    archives = dict(zip(names, images.archives, strict=True))
    digests = {name: registry.push(getattr(images, name), archives[name], name) for name in names}
    return Pins(digests | {"workerGpu": registry.copy(digests["worker"], "worker", "worker-gpu")}, None)


def write_addresses(repository: Repository, servers: Servers, registry: Registry) -> None:
    """Replace what gitops/README.md says is to be replaced in the environments' values."""
    for name in ENVIRONMENTS:
        database = f"voc_{name}"
        servers.database.create_database(database, template=servers.database.dbname)
        settings = servers.environment("", database)
        line = f"{settings['DB_HOST']}\n  port: {settings['DB_PORT']}\n  name: {database}"
        region = f"  region: us-east-1\n  endpointUrl: {settings['S3_ENDPOINT_URL']}\n  pathStyle: true\n"
        words = {
            "registry.example.com/voc-nlp": registry.images,
            "s3://voc-nlp/": f"s3://{servers.s3.bucket}/",
            "  region: ap-northeast-2\n": region,
            f"postgresql.{name}.example.com": line,
            "sslmode: require": "sslmode: disable",
        }
        repository.replace(repository.values(name), words)


def write_clusters(repository: Repository, argo: ArgoCd) -> None:
    """Replace Git's address and the clusters' in Argo CD's files; dev and stage share a cluster."""
    folder = repository.clone / "gitops" / "argocd"
    repository.replace(folder / "project.yaml", {_GIT: repository.url})
    words: Mapping[str, str] = {
        _GIT: repository.url,
        "https://dev.kubernetes.example.com": argo.server,
        'https://stage.kubernetes.example.com, definition: "true"': f'{argo.server}, definition: "false"',
    }
    repository.replace(folder / "applicationset.yaml", words)


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """All of it; the namespaces of the environments are left to Argo CD."""
    settings = ClusterSettings.read()
    if reason := missing() or _missing():
        (pytest.fail if settings.ci else pytest.skip)(reason)
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster([pause_image(programs())]))
        folders = {name: tmp_path_factory.mktemp(name) for name in ("servers", "registry", "git", "argo")}
        servers = stack.enter_context(running_servers(folders["servers"], cluster.host_address))
        registry = stack.enter_context(running_registry(folders["registry"], cluster.host_address))
        cluster.trust_registry(registry.address)
        # stage's buildings ask for a card, and its monitoring for the Prometheus Operator.
        cluster.set_capacity("node-1", "nvidia.com/gpu", 1)
        label = {"op": "add", "path": "/metadata/labels/nvidia.com~1gpu.present", "value": "true"}
        cluster.core.patch_node("node-1", [label])
        argo = ArgoCd(cluster, folders["argo"], stack)
        for file in prometheus_definitions():
            argo.kubectl("apply", "--server-side", "-f", file)
        yield Team(cluster, servers, registry, Repository(folders["git"]), argo)
