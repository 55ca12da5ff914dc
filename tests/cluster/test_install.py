"""The chart on a real cluster: `helm test`, upgrade and rollback, a schedule that is due, uninstall during a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client

from tests.cluster import faults
from tests.cluster.installs import install_crd, installed
from tests.cluster.pods import until
from tests.cluster.product import ProductError
from voc_models.run import GROUP
from voc_operator.crd import PLURAL, definition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.cluster import Cluster
    from tests.cluster.images import Images
    from tests.cluster.product import Product
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
KEEP: dict[str, Any] = {"crds": {"create": False}}


@pytest.fixture(scope="module")
def product(cluster: Reach, images: Images, servers: Servers) -> Iterator[Product]:
    """The product."""
    with installed(cluster, images, servers) as one:
        yield one


def test_helm_test_proves_the_installation(product: Product) -> None:
    """API, rights, database, store, review book and one classified sentence, asked from pods of the release."""
    said = product.helm("test", "voc-nlp", "--logs", "--timeout", "3m")
    assert said.count("Phase:          Succeeded") >= 2, said


def test_upgrade_and_rollback_keep_runs(product: Product) -> None:
    """What is recorded outlives both, and the operator works after each."""
    name = product.apply("kept", mode="tagging-only", month="2025-12", buildings=["138"])
    assert product.finish(name)["phase"] == "Succeeded"
    product.install({**KEEP, "operator": {"logLevel": "DEBUG"}})
    assert product.status(name)["phase"] == "Succeeded"
    product.helm("rollback", "voc-nlp", "1", "--wait", "--timeout", "3m")
    assert product.status(name)["phase"] == "Succeeded"
    again = product.apply("after", mode="tagging-only", month="2025-12", buildings=["138"])
    assert product.finish(again)["phase"] == "Succeeded"


def test_a_schedule_that_is_due_makes_one_run_that_succeeds(product: Product) -> None:
    """The CronJob's trigger names the run by the scheduled time, so that firing twice makes one run."""
    # The month before today has VOC: all that building 138 ever had.
    product.sql(
        "UPDATE voc SET created_at = date_trunc('month', now()) - interval '9 days' WHERE building_id::text = '138'"
    )
    product.install({**KEEP, "schedules": {"full": {"enabled": True, "schedule": "* * * * *"}}})

    def runs() -> list[str]:
        found = json.loads(product.kubectl("get", "vmr", "-o", "json"))["items"]
        return [run["metadata"]["name"] for run in found if run["metadata"]["name"].startswith("full-")]

    until("the schedule made a run", lambda: bool(runs()))
    (name,) = runs()
    assert product.finish(name)["phase"] == "Succeeded"
    fired = "-o=jsonpath={.items[*].metadata.ownerReferences[?(@.kind=='CronJob')].name}"
    until("it fired again", lambda: len(product.kubectl("get", "jobs", fired).split()) > 1)
    assert runs() == [name]
    product.install(KEEP)


def test_a_run_of_a_newer_definition_is_told_to_wait_for_a_newer_operator(
    own_cluster: Cluster, product: Product
) -> None:
    """What the operator does not understand it says on the run and leaves alone; other runs go on."""
    newer = definition()
    spec = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["newerField"] = {"type": "string"}
    install_crd(own_cluster, newer)
    try:
        until("the field is known", lambda: "newerField" in product.kubectl("explain", "vmr.spec"))
        name = product.apply("newer", mode="tagging-only", month="2025-12", buildings=["95"], newerField="x")
        told = product.wait_for_condition(name, "SpecUnderstood", "False")["message"]
        assert "newerField" in told
        assert "Update the operator" in told
        assert product.told(name, "OperatorTooOld") == [told]
        other = product.apply("beside-newer", mode="tagging-only", month="2025-12", buildings=["95"])
        assert product.finish(other)["phase"] == "Succeeded"
        assert product.status(name).get("phase") in {None, "Pending"}
    finally:
        install_crd(own_cluster)


def test_an_operator_whose_definition_was_removed_says_so_and_works_when_it_is_back(
    own_cluster: Cluster, product: Product
) -> None:
    """The runs went with it; its pod tells what is missing until somebody installs it."""
    api, name = client.ApiextensionsV1Api(own_cluster.admin), f"{PLURAL}.{GROUP}"

    def said() -> str:
        try:
            return product.kubectl("logs", "deployment/voc-nlp-operator", "--tail=20")
        except ProductError:  # between two containers
            return ""

    api.delete_custom_resource_definition(name)
    try:
        until("its pod says what is missing", lambda: "does not know VocMonthlyRun" in said())
    finally:
        install_crd(own_cluster)
    product.kubectl("rollout", "status", "deployment/voc-nlp-operator", "--timeout=3m")
    back = product.apply("back", mode="tagging-only", month="2025-12", buildings=["95"])
    assert product.finish(back)["phase"] == "Succeeded"


def test_uninstalling_ends_what_runs_and_leaves_the_records(cluster: Reach, images: Images, servers: Servers) -> None:
    """The hook cancels, pods end, nothing hangs, and the runs stay."""
    with installed(cluster, images, servers, faults.values({"138": {"sleep": 300}})) as one:
        name = one.apply("long", mode="full", month="2025-12", buildings=["138"])
        until("it runs", lambda: bool(one.running_pods("building")))
        one.helm("uninstall", "voc-nlp", "--wait", "--timeout", "3m")
        assert one.status(name)["phase"] == "Cancelled"
        assert not one.running_pods("building")
        one.install(KEEP)
