"""A real cluster for the session, the project's images on it, and the customer's servers beside it.

With VOC_TEST_KUBECONFIG it is somebody's own cluster; tests that kill parts of one then have none to kill.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.images import Images, named_images, project_images
from tests.cluster.installs import install_crd, restricted_namespace
from tests.cluster.pause import pause_image
from tests.cluster.pods import Pods
from tests.cluster.programs import programs
from tests.cluster.reach import Reach, somebodys
from tests.cluster.sandbox import TUNABLES
from tests.cluster.servers import Servers, running_servers
from tests.cluster.settings import ClusterSettings, missing
from tests.cluster.training_volume import TrainingVolume, training_volume

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
#: A machine with nothing cached builds Kubernetes and three images before its first test.
_TIMEOUT = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests the time that a first build takes; each worker has one cluster, and takes whole files of tests."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.timeout(_TIMEOUT))


@pytest.fixture(scope="session")
def cluster_settings() -> ClusterSettings:
    """Say where the cluster comes from; without a way to have one, skip loudly, or fail in CI."""
    settings = ClusterSettings.read()
    reason = None if settings.kubeconfig else missing()
    if reason and settings.ci:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return settings


@pytest.fixture(scope="session")
def images(cluster_settings: ClusterSettings) -> Images:
    """The three images of this working tree, built when something in them changed; or those of VOC_TEST_IMAGES."""
    if cluster_settings.kubeconfig:
        if not cluster_settings.images:
            pytest.fail("VOC_TEST_KUBECONFIG needs VOC_TEST_IMAGES=operator=NAME,worker=NAME,trainer=NAME.")
        return named_images(cluster_settings.images)
    return project_images()


@pytest.fixture(scope="session")
def kernel_settings() -> dict[str, str]:
    """What kubelet would change of this machine, as it was before the cluster."""
    return {name: Path(f"/proc/sys/{name}").read_text(encoding="ascii") for name in TUNABLES}


@pytest.fixture(scope="session")
def cluster(cluster_settings: ClusterSettings, images: Images, kernel_settings: dict[str, str]) -> Iterator[Reach]:  # noqa: ARG001 - read before the cluster starts
    """A running cluster with the images on it; any will do."""
    if cluster_settings.kubeconfig:
        with somebodys(Path(cluster_settings.kubeconfig), cluster_settings.host_address) as reach:
            yield reach
    else:
        with Cluster([pause_image(programs()), *images.archives]) as own:
            yield own


@pytest.fixture(scope="session")
def crd(cluster: Reach) -> None:
    """VocMonthlyRun is known to the API server."""
    install_crd(cluster)


@pytest.fixture
def own_cluster(cluster: Reach) -> Cluster:
    """The cluster, for tests that kill its parts or add nodes; somebody's own is spared."""
    if not isinstance(cluster, Cluster):
        pytest.skip("This test kills parts of the cluster; VOC_TEST_KUBECONFIG is somebody's own.")
    return cluster


@pytest.fixture(scope="session")
def servers(cluster: Reach, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL with the sample, and S3; pods reach them on the cluster's ``host_address``."""
    with running_servers(tmp_path_factory.mktemp("servers"), cluster.host_address) as running:
        yield running


@pytest.fixture
def namespace(cluster: Reach) -> Iterator[str]:
    """A fresh namespace in which Pod Security ``restricted`` is enforced."""
    with restricted_namespace(cluster) as name:
        yield name


@pytest.fixture
def pods(cluster: Reach, namespace: str) -> Pods:
    """The pods of the test's namespace."""
    return Pods(cluster.core, namespace)


@pytest.fixture
def training(cluster: Reach, namespace: str) -> TrainingVolume:
    """What a pod of the trainer image mounts; nothing on a cluster whose trainer image is complete."""
    return training_volume(cluster, namespace)
