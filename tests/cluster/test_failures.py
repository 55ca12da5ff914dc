"""What fails on a cluster, for real: each exit code, memory, images, Secrets, outages, hands, the operator itself."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster import faults
from tests.cluster.installs import installed
from tests.cluster.pods import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.cluster import Cluster
    from tests.cluster.images import Images
    from tests.cluster.product import Product
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
DECEMBER = "2025-12"
FAULTS: faults.Faults = {
    "95": {"exit": 65},
    "101": {"exit": 70},
    "112": {"memory": True},
    "127": {"garbage": 1},
}


@pytest.fixture(scope="module")
def product(cluster: Reach, images: Images, servers: Servers) -> Iterator[Product]:
    """The product without faults."""
    with installed(cluster, images, servers) as one:
        yield one


@pytest.fixture(scope="module")
def faulty(cluster: Reach, images: Images, servers: Servers) -> Iterator[Product]:
    """The product whose buildings fail as FAULTS says."""
    small = {"resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "400Mi"}}}
    with installed(cluster, images, servers, {**faults.values(FAULTS), "steps": {"building": small}}) as one:
        yield one


@pytest.fixture(scope="module")
def slow(cluster: Reach, images: Images, servers: Servers) -> Iterator[Product]:
    """The product whose buildings 127 and 138 take long enough to be disturbed."""
    with installed(cluster, images, servers, faults.values({"127": {"sleep": 8}, "138": {"sleep": 8}})) as one:
        yield one


def pods_of(product: Product, step: str = "building") -> list[str]:
    """Wait until a pod of the step runs and return the names of those that do."""
    until(f"a {step} pod runs", lambda: bool(product.running_pods(step)))
    return product.running_pods(step)


def test_each_building_fails_as_its_container_did_and_the_rest_is_published(faulty: Product) -> None:
    """65 is final, 70 and an unknown code are retried, OOM counts and says so; the good building is there."""
    name = faulty.apply("faults", mode="full", month=DECEMBER, backoffLimit=1, minSucceeded="20%", parallelism=5)
    status = faulty.finish(name)
    lines = status["buildings"]
    assert status["phase"] == "PartiallySucceeded", faulty.describe(name)
    assert {building: line["attempts"] for building, line in lines.items()} == {
        "95": 1,
        "101": 2,
        "112": 2,
        "127": 2,
        "138": 1,
    }
    assert lines["95"]["message"] == "Exit code 65: The test asked for it."
    assert lines["101"]["message"].startswith("Exit code 70")
    assert "OOMKilled" in lines["112"]["message"]
    assert lines["127"]["message"].startswith("Exit code 1:")
    assert (status["succeeded"], status["failed"], status["progress"]) == (1, 4, "5/5")
    assert faulty.events(name).count("AttemptsFailed") == 4
    summary = json.loads(faulty.get(f"202512/runs/{status['runId']}/summary.json"))
    assert summary["failed"]["95"] == lines["95"]["message"]


def test_one_wrong_configuration_stops_the_run(cluster: Reach, images: Images, servers: Servers) -> None:
    """Exit code 64 ends the run; after the correction retryFailed takes it up again with what is installed then."""
    with installed(cluster, images, servers, faults.values({"95": {"exit": 64}})) as one:
        name = one.apply("stop", mode="full", month=DECEMBER, buildings=["95", "138"], parallelism=1)
        status = one.finish(name)
        assert status["phase"] == "Failed"
        assert one.condition(name, "Succeeded")["reason"] == "UsageError"
        one.install({"crds": {"create": False}, **faults.values({})})
        one.patch(name, retryFailed=1)
        until("the run goes on", lambda: one.status(name)["phase"] != "Failed")
        status = one.finish(name)
        assert status["phase"] == "Succeeded", one.describe(name)
        assert status["progress"] == "2/2"


def test_an_outage_of_the_database_longer_than_all_retries_loses_no_building(product: Product) -> None:
    """Buildings meet exit code 69 more often than backoffLimit allows; the run waits, says so, and ends well."""
    line = product.servers.database_line
    line.cut()
    try:
        name = product.apply("outage", mode="tagging-only", month=DECEMBER, backoffLimit=0)
        status = product.finish(name)
        assert status["phase"] == "Failed"
        assert "Exit code 69" in product.condition(name, "Succeeded")["message"]
        name = product.apply("outage-held", mode="tagging-only", month=DECEMBER, backoffLimit=3)
        product.wait_for_condition(name, "UpstreamUnavailable")
        time.sleep(5)
    finally:
        line.mend()
    status = product.finish(name)
    assert status["phase"] == "Succeeded", product.describe(name)
    assert product.condition(name, "UpstreamUnavailable")["status"] == "False"


def test_an_outage_of_the_store_is_waited_out(product: Product) -> None:
    """Neither the steps nor the operator, which reads the plan there, give up."""
    name = product.apply("store-outage", mode="tagging-only", month=DECEMBER, buildings=["138"])
    until("prepare is done", lambda: product.status(name).get("phase") == "Preparing")
    product.servers.s3_line.cut()
    try:
        product.wait_for_condition(name, "UpstreamUnavailable")
    finally:
        product.servers.s3_line.mend()
    assert product.finish(name)["phase"] == "Succeeded", product.describe(name)


def test_a_pod_and_a_job_deleted_by_hand_are_made_again(slow: Product) -> None:
    """Nothing is counted against the building, and its month is published once."""
    name = slow.apply("hands", mode="full", month=DECEMBER, buildings=["138"], backoffLimit=0)
    slow.kubectl("delete", "pod", pods_of(slow)[0], "--wait=false")
    until("another pod runs", lambda: slow.building(name, "138").get("disruptions") == 1)
    pods_of(slow)
    slow.kubectl("delete", "jobs", "-l", "vocnlp.io/step=building", "--wait=false")
    status = slow.finish(name)
    assert status["phase"] == "Succeeded", slow.describe(name)
    assert status["buildings"]["138"]["attempts"] == 1


def test_an_evicted_pod_is_replaced_uncounted(slow: Product) -> None:
    """The eviction API is what drains a node; podFailurePolicy ignores it."""
    name = slow.apply("evicted", mode="full", month=DECEMBER, buildings=["138"], backoffLimit=0)
    (pod,) = pods_of(slow)
    slow.core.create_namespaced_pod_eviction(pod, slow.namespace, {"metadata": {"name": pod}})
    status = slow.finish(name)
    assert status["phase"] == "Succeeded", slow.describe(name)
    assert status["buildings"]["138"]["attempts"] == 1


def test_suspend_resume_and_cancel(slow: Product) -> None:
    """Suspended, what runs finishes and nothing starts; cancelled, everything ends at once and the record stays."""
    name = slow.apply("pause", mode="full", month=DECEMBER, buildings=["138", "127"], parallelism=1)
    pods_of(slow)
    slow.patch(name, suspend=True)
    until("what ran has finished", lambda: slow.status(name).get("succeeded") == 1)
    assert slow.status(name)["phase"] == "Suspended"
    assert not pods_left(slow)
    slow.patch(name, suspend=False)
    assert slow.finish(name)["phase"] == "Succeeded"

    name = slow.apply("ended", mode="full", month=DECEMBER, buildings=["138"])
    pods_of(slow)
    slow.patch(name, cancel=True)
    assert slow.finish(name)["phase"] == "Cancelled"
    assert not pods_left(slow)


def pods_left(product: Product) -> list[str]:
    """Return the building pods that run."""
    return product.running_pods("building")


def test_a_second_run_of_the_month_waits_and_says_for_whom(slow: Product) -> None:
    """One run per month and building at a time."""
    first = slow.apply("first", mode="full", month=DECEMBER, buildings=["138"])
    pods_of(slow)
    second = slow.apply("second", mode="refresh", month=DECEMBER)
    assert "first" in slow.wait_for_condition(second, "Waiting")["message"]
    assert slow.finish(first)["phase"] == "Succeeded"
    assert slow.finish(second)["phase"] == "Succeeded"


def test_pods_that_cannot_start_are_explained(product: Product) -> None:
    """A missing Secret and an image that cannot be had are named in a condition."""
    product.install({"crds": {"create": False}, "extraSecrets": ["not-there"]})
    name = product.apply("no-secret", mode="full", month=DECEMBER, buildings=["138"])
    assert "not-there" in product.wait_for_condition(name, "PodsBlocked")["message"]
    product.patch(name, cancel=True)
    assert product.finish(name)["phase"] == "Cancelled"

    product.install({"crds": {"create": False}, "images": {"worker": {"tag": "never-built"}}})
    name = product.apply("no-image", mode="full", month=DECEMBER, buildings=["138"])
    assert "never-built" in product.wait_for_condition(name, "PodsBlocked")["message"]
    product.patch(name, cancel=True)
    assert product.finish(name)["phase"] == "Cancelled"
    product.install({"crds": {"create": False}})


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"mode": "weekly"}, "Unsupported value"),
        ({"mode": "full", "month": "2025-13"}, "month"),
        ({"mode": "full", "paralelism": 3}, "unknown field"),
        ({"mode": "full", "parallelism": 0}, "parallelism"),
        ({"mode": "full", "train": {}}, "spec.train belongs to mode train alone"),
        ({"mode": "train", "buildings": ["95"]}, "mode train learns from every building"),
        ({"mode": "full", "minSucceeded": "101%"}, "minSucceeded"),
        ({"mode": "full", "modelVersion": "newest"}, "modelVersion"),
    ],
)
def test_the_api_server_refuses_a_wrong_run_by_a_sentence(product: Product, spec: dict[str, object], word: str) -> None:
    """No webhook is needed."""
    with pytest.raises(Exception, match=word):
        product.apply("wrong", **spec)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"month": "2025-10"}, "spec.month cannot be changed"),
        ({"buildings": ["95"]}, "spec.buildings cannot be changed"),
        ({"mode": "refresh"}, "spec.mode cannot be changed"),
        ({"retryFailed": 0}, "spec.retryFailed only goes up"),
        ({"cancel": False}, "cannot be taken up again"),
    ],
)
def test_what_was_decided_at_creation_stays(product: Product, change: dict[str, object], word: str) -> None:
    """Fields that must not change do not, not even from absent to present."""
    name = f"fixed-{next(iter(change)).lower()}"
    product.apply(name, mode="full", month=DECEMBER, cancel=True, retryFailed=1, buildings=["138"])
    with pytest.raises(Exception, match=word):
        product.patch(name, **change)


def test_unknown_buildings_and_empty_months_end_with_a_sentence(product: Product) -> None:
    """An unknown building is refused by prepare; a month without VOC is a success with a condition."""
    name = product.apply("unknown", mode="full", month=DECEMBER, buildings=["999"])
    assert product.finish(name)["phase"] == "Failed"
    assert "999" in product.condition(name, "Succeeded")["message"]
    product.sql("DELETE FROM voc WHERE created_at >= '2025-02-01 +09' AND created_at < '2025-03-01 +09'")
    name = product.apply("empty", mode="full", month="2025-02")
    assert product.finish(name)["phase"] == "Succeeded", product.describe(name)
    assert product.condition(name, "NoBuildings")["status"] == "True"
    name = product.apply("future", mode="full", month="2090-01")
    assert product.finish(name)["phase"] == "Failed"
    assert "has not begun" in product.condition(name, "Succeeded")["message"]


def test_the_longest_name_and_the_same_name_again(product: Product) -> None:
    """A name of 253 characters works, and a run deleted and created again is another run."""
    name = ("a" * 62 + ".") * 4 + "b"
    product.apply(name, mode="tagging-only", month=DECEMBER, buildings=["138"])
    until("its Job runs", lambda: bool(product.status(name).get("startTime")))
    first = product.run(name)["metadata"]["uid"]
    product.kubectl("delete", "vmr", name, "--wait=false")
    until("it is gone", lambda: name not in product.kubectl("get", "vmr", "-o", "name"))
    product.apply(name, mode="tagging-only", month=DECEMBER, buildings=["138"])
    assert product.finish(name)["phase"] == "Succeeded"
    assert product.run(name)["metadata"]["uid"] != first


def test_jobs_go_after_the_ttl_and_the_record_stays(product: Product) -> None:
    """The operator removes Jobs, counting from completionTime."""
    name = product.apply("short", mode="tagging-only", month=DECEMBER, buildings=["138"], ttlSecondsAfterFinished=1)
    assert product.finish(name)["phase"] == "Succeeded"
    uid = product.run(name)["metadata"]["uid"]
    until(
        "its Jobs are gone",
        lambda: (
            "No resources" in product.kubectl("get", "jobs", "-l", f"vocnlp.io/run-uid={uid}", "--ignore-not-found")
            or not product.kubectl("get", "jobs", "-l", f"vocnlp.io/run-uid={uid}", "-o", "name")
        ),
    )
    assert product.status(name)["phase"] == "Succeeded"


def test_a_killed_operator_and_a_restarted_api_server_change_nothing(own_cluster: Cluster, slow: Product) -> None:
    """The run ends as it would have."""
    name = slow.apply("killed", mode="full", month=DECEMBER, parallelism=2)
    pods_of(slow)
    slow.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=operator", "--grace-period=0", "--force")
    own_cluster.kill("kube-apiserver")
    own_cluster.start("kube-apiserver")
    status = slow.finish(name)
    assert status["phase"] == "Succeeded", slow.describe(name)
    assert (status["progress"], {line["attempts"] for line in status["buildings"].values()}) == ("5/5", {1})


def test_a_lost_node_does_not_keep_the_run(own_cluster: Cluster, images: Images, servers: Servers) -> None:
    """The node's kubelet never comes back; the building runs again on another node and the run ends."""
    lost = own_cluster.add_node()
    try:
        slow = faults.values({"138": {"sleep": 60}})
        here = {"nodeSelector": {"kubernetes.io/hostname": lost}, "resources": {"requests": {"cpu": "10m"}}}
        with installed(own_cluster, images, servers, {**slow, "steps": {"building": here}}) as one:
            name = one.apply("lost", mode="full", month=DECEMBER, buildings=["138"], backoffLimit=0)
            (pod,) = pods_of(one)
            one.install({"crds": {"create": False}, **faults.values({})})
            own_cluster.remove_node(lost)
            # What the node controller does after its five minutes.
            one.kubectl("delete", "pod", pod, "--wait=false")
            status = one.finish(name)
            assert status["phase"] == "Succeeded", one.describe(name)
            line = status["buildings"]["138"]
            assert (line["attempts"], line["disruptions"], line["jobs"]) == (1, 1, 2)
    finally:
        own_cluster.core.delete_node(lost)
