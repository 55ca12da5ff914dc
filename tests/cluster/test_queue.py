"""Who waits for what: buildings for cards, Jobs for their turn in a queue (Kueue's stand-in, see kueue.py)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.installs import installed
from tests.cluster.kueue import kueue
from tests.cluster.pods import until
from voc_operator.jobs import QUEUE_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.cluster import Cluster
    from tests.cluster.images import Images
    from tests.cluster.product import Product
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
CARD = "nvidia.com/gpu"
QUEUE = "voc"
MONTH = {"mode": "tagging-only", "month": "2025-12"}


@pytest.fixture(scope="module")
def product(cluster: Reach, images: Images, servers: Servers) -> Iterator[Product]:
    """The product whose buildings ask for a card each and whose Jobs name a queue."""
    changes = {
        "kueue": {"queueName": QUEUE},
        "steps": {"building": {"gpus": 1}},
        "images": {"workerGpu": {"repository": ""}},
    }
    with installed(cluster, images, servers, changes) as one:
        yield one


def jobs_of(product: Product, name: str) -> list[dict[str, Any]]:
    """Return the Jobs of a run."""
    uid = product.run(name)["metadata"]["uid"]
    found: list[dict[str, Any]] = json.loads(
        product.kubectl("get", "jobs", "-l", f"vocnlp.io/run-uid={uid}", "-o", "json")
    )["items"]
    return found


def test_two_cards_run_two_buildings_and_the_third_waits(own_cluster: Cluster, product: Product) -> None:
    """The scheduler gives out cards; the run says what the third building waits for, and it has its turn."""
    own_cluster.set_capacity("node-1", CARD, 2)
    name = product.prepare("cards", **MONTH, buildings=["95", "101", "138"], parallelism=3)
    with product.reading_held() as waiting:
        product.patch(name, suspend=False)
        until("two buildings are at work", lambda: waiting() == 2)
        told = product.wait_for_condition(name, "PodsBlocked")["message"]
        assert told.startswith("1 pod does not start."), told
        assert f"Insufficient {CARD}" in told
        pods = product.core.list_namespaced_pod(product.namespace, label_selector="vocnlp.io/step=building").items
        assert sorted(pod.status.phase for pod in pods) == ["Pending", "Running", "Running"]
        assert {pod.spec.containers[0].resources.limits[CARD] for pod in pods} == {"1"}
        assert product.status(name)["active"] == 3
    status = product.finish(name)
    assert (status["phase"], status["progress"]) == ("Succeeded", "3/3"), product.describe(name)
    assert {line["attempts"] for line in status["buildings"].values()} == {1}
    assert product.condition(name, "PodsBlocked")["status"] == "False"


def test_queued_jobs_count_as_unfinished_and_are_admitted_one_by_one(own_cluster: Cluster, product: Product) -> None:
    """Every Job names the queue; a Job that loses its admission in the middle waits for its next turn, uncounted."""
    own_cluster.set_capacity("node-1", CARD, 2)
    with kueue(own_cluster, product.namespace, quota=1) as queue:
        name = product.apply("queued", **MONTH, buildings=["95", "101", "138"], parallelism=2)
        until("the first building runs", lambda: bool(product.running_pods("building")))
        (first,) = queue.running()
        until("a second one is queued", lambda: len(queue.queued()) == 1)
        until("both are told of", lambda: product.status(name)["active"] == 2)
        queue.preempt(first)
        status = product.finish(name)
        assert status["phase"] == "Succeeded", product.describe(name)
        assert {line["attempts"] for line in status["buildings"].values()} == {1}, status
        assert (queue.most_unfinished, queue.most_admitted) == (2, 1)
    assert {job["metadata"]["labels"].get(QUEUE_LABEL) for job in jobs_of(product, name)} == {QUEUE}


def test_suspending_a_run_takes_its_queued_jobs_back(own_cluster: Cluster, product: Product) -> None:
    """They are deleted and not counted; resumed, the run makes them again."""
    own_cluster.set_capacity("node-1", CARD, 2)
    with kueue(own_cluster, product.namespace, quota=1) as queue:
        name = product.apply("taken-back", **MONTH, buildings=["95", "138"], parallelism=2)
        until("prepare is admitted", lambda: bool(queue.running()))
        queue.held = True
        until("both buildings are queued", lambda: len(queue.queued()) == 2)
        before = set(queue.queued())
        product.patch(name, suspend=True)
        until("they are gone", lambda: not queue.queued())
        until("the run is suspended", lambda: product.status(name)["phase"] == "Suspended")
        lines = product.status(name)["buildings"].values()
        assert {(line["attempts"], line["jobs"], line["phase"]) for line in lines} == {(0, 0, "Waiting")}
        product.patch(name, suspend=False)
        until("they are queued again", lambda: set(queue.queued()) == before)
        queue.held = False
        status = product.finish(name)
    assert status["phase"] == "Succeeded", product.describe(name)
    assert {line["attempts"] for line in status["buildings"].values()} == {1}


def test_the_operator_never_changes_a_job(own_cluster: Cluster, product: Product) -> None:
    """Whether a queued Job runs is the queue's decision: the operator creates and deletes Jobs, and patches none."""
    own_cluster.set_capacity("node-1", CARD, 2)
    with kueue(own_cluster, product.namespace, quota=1) as queue:
        queue.held = True
        name = product.apply("unchanged", **MONTH, buildings=["138"])
        until("prepare is queued", lambda: bool(queue.queued()))
        product.patch(name, suspend=True)
        until("it is taken back", lambda: not queue.queued())
        queue.held = False
        product.patch(name, suspend=False)
        assert product.finish(name)["phase"] == "Succeeded", product.describe(name)
    asked = own_cluster.requests_of(f"system:serviceaccount:{product.namespace}:voc-nlp-operator")
    verbs = {line["verb"] for line in asked if line.get("objectRef", {}).get("resource") == "jobs"}
    assert {"create", "delete", "list", "watch"} <= verbs
    assert not verbs & {"patch", "update"}
