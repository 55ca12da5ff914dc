"""A building that is stopped in the middle of its work, asked to end or evicted, or kept from beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from kubernetes import watch

from tests.cluster.installs import installed
from tests.cluster.pods import until
from voc_models.exit_codes import ExitCode
from voc_models.run import Step
from voc_operator.jobs import Attempt, job_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.cluster import Cluster
    from tests.cluster.images import Images
    from tests.cluster.product import Product
    from tests.cluster.reach import Live, Reach
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
ONE: Final = {"mode": "tagging-only", "month": "2025-12", "buildings": ["138"], "backoffLimit": 0}
BUILDINGS: Final = "vocnlp.io/step=building"


class Named(NamedTuple):
    """What a Job's name is made of, beside the attempt."""

    name: str
    uid: str


@pytest.fixture(scope="module")
def product(cluster: Reach, images: Images, servers: Servers) -> Iterator[Product]:
    """The product."""
    with installed(cluster, images, servers) as one:
        yield one


def deleted(product: Product, name: str) -> Live:
    """Ask a pod to end, with much patience, and return it as it was when it went."""
    version = product.core.read_namespaced_pod(name, product.namespace).metadata.resource_version
    product.kubectl("delete", "pod", name, "--grace-period=100", "--wait=false")
    stream = watch.Watch().stream(
        product.core.list_namespaced_pod,
        product.namespace,
        field_selector=f"metadata.name={name}",
        resource_version=version,
        timeout_seconds=120,
    )
    for event in stream:
        if event["type"] == "DELETED":
            return event["object"]
    raise AssertionError(f"Pod {name} was not gone after two minutes.")


def how_it_ended(pod: Live) -> Live:
    """Return what is known of the end of a pod's container."""
    return pod.status.container_statuses[0].state.terminated


def test_a_building_that_is_asked_to_end_does_so_and_is_done_by_the_next_pod(product: Product) -> None:
    """SIGTERM in the middle of a read: exit code 75 before the grace period is over, and nothing is counted."""
    name = product.prepare("asked-to-end", **ONE)
    with product.reading_held() as waiting:
        product.patch(name, suspend=False)
        until("the building reads", lambda: waiting() == 1)
        (pod,) = product.running_pods("building")
        ended = how_it_ended(deleted(product, pod))
    assert ended.exit_code == ExitCode.TRY_AGAIN, ended
    assert "SIGTERM" in ended.message
    status = product.finish(name)
    assert status["phase"] == "Succeeded", product.describe(name)
    line = status["buildings"]["138"]
    assert (line["attempts"], line["disruptions"]) == (1, 1)


def test_an_operator_that_is_asked_to_end_does_so(product: Product) -> None:
    """A rollout or a drain need not wait until the grace period is over and kill it, which would be exit code 137."""
    (pod,) = product.core.list_namespaced_pod(
        product.namespace, label_selector="app.kubernetes.io/component=operator"
    ).items
    assert how_it_ended(deleted(product, pod.metadata.name)).exit_code == ExitCode.OK


def test_a_building_evicted_for_the_nodes_memory_is_done_elsewhere(own_cluster: Cluster, product: Product) -> None:
    """Kubelet ends it because the node runs out of memory; the Job replaces its pod, and nothing is counted."""
    name = product.prepare("evicted-for-memory", **ONE)
    poor = own_cluster.add_node()
    try:
        own_cluster.core.patch_node("node-1", {"spec": {"unschedulable": True}})
        with product.reading_held() as waiting:
            product.patch(name, suspend=False)
            until("the building reads", lambda: waiting() == 1)
            (pod,) = product.running_pods("building")
            assert product.core.read_namespaced_pod(pod, product.namespace).spec.node_name == poor
            own_cluster.core.patch_node("node-1", {"spec": {"unschedulable": None}})
            own_cluster.starve(poor)
            until(
                "it is evicted",
                lambda: product.core.read_namespaced_pod(pod, product.namespace).status.reason == "Evicted",
            )
        status = product.finish(name)
        assert status["phase"] == "Succeeded", product.describe(name)
        line = status["buildings"]["138"]
        assert (line["attempts"], line["jobs"], line["disruptions"]) == (1, 1, 1)
    finally:
        own_cluster.core.patch_node("node-1", {"spec": {"unschedulable": None}})
        own_cluster.remove_node(poor)
        own_cluster.core.delete_node(poor)


def test_a_job_of_somebody_else_is_named_and_left_alone(product: Product) -> None:
    """Its name is the one that the building's first Job should have; the run says so and takes the next name."""
    name = product.prepare("name-taken", **ONE | {"backoffLimit": 1})
    taken = job_name(Named(name, product.run(name)["metadata"]["uid"]), Attempt(Step.BUILDING, "138", 0))
    pod = {"restartPolicy": "Never", "containers": [{"name": "none", "image": "none"}]}
    theirs = {"metadata": {"name": taken}, "spec": {"suspend": True, "template": {"spec": pod}}}
    before = product.batch.create_namespaced_job(product.namespace, theirs)
    product.patch(name, suspend=False)
    status = product.finish(name)
    assert status["phase"] == "Succeeded", product.describe(name)
    told = f"Building 138: Job {taken} exists and belongs to somebody else; delete it."
    assert product.told(name, "JobNameTaken") == [told]
    after = product.batch.read_namespaced_job(taken, product.namespace)
    assert (after.metadata.uid, after.metadata.generation) == (before.metadata.uid, before.metadata.generation)
    assert after.metadata.owner_references is None
