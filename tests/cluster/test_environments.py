"""The chart with the values of each environment, through its whole life: dev's by Helm 3, which many still type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.chart.render import ENVIRONMENTS, environment_file
from tests.cluster.installs import installed
from tests.cluster.pods import until
from tests.tools_go import HELM3, HELM4, GoTool

if TYPE_CHECKING:
    from tests.cluster.images import Images
    from tests.cluster.product import Product
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
#: What is an example in the environments' files, or not there on the tests' cluster: cards and Prometheus's operator.
HERE: Final[dict[str, Any]] = {
    "crds": {"create": False},
    "store": {"modelAddress": ""},
    "steps": {"building": {"gpus": 0}},
    "monitoring": {"podMonitor": {"enabled": False}, "prometheusRule": {"enabled": False}},
}
#: stage and prod pin a model; the one in their files is an example, too.
PINNED: Final = {"model": {"release": "keyword", "sha256": ""}}


@pytest.mark.parametrize(("tool", "name"), [(HELM3, "dev"), (HELM4, "stage"), (HELM4, "prod")], ids=ENVIRONMENTS)
def test_an_environment_is_installed_upgraded_rolled_back_tested_and_uninstalled(
    cluster: Reach, images: Images, servers: Servers, tool: GoTool, name: str
) -> None:
    """Runs are kept through all of it, and one succeeds after the installation and after the way back."""
    values = HERE | (PINNED if name != "dev" else {})
    with installed(cluster, images, servers, values, tool=tool, environment=environment_file(name)) as product:
        assert json.loads(product.helm("list", "--output", "json"))[0]["status"] == "deployed"

        def succeeds(run: str) -> None:
            product.apply(run, mode="tagging-only", month="2025-12", buildings=["138"])
            assert product.finish(run)["phase"] == "Succeeded", product.describe(run)

        succeeds("installed")
        product.install({**values, "operator": {"logLevel": "WARNING"}})
        product.helm("rollback", "voc-nlp", "1", "--wait", "--timeout", "3m")
        succeeds("rolled-back")
        assert product.helm("test", "voc-nlp", "--timeout", "3m").count("Succeeded") >= 2
        product.helm("uninstall", "voc-nlp", "--wait", "--timeout", "3m")
        kept = json.loads(product.kubectl("get", "vmr", "-o", "json"))["items"]
        assert {run["status"]["phase"] for run in kept} == {"Succeeded"}
        assert len(kept) == 2
        until("nothing of the release is left", lambda: not left(product))


def left(product: Product) -> set[str]:
    """Return what is left of a release; the pods of `helm test` stay to be read, as Helm leaves every hook's."""
    listed = product.kubectl("get", "deployments,cronjobs,pods", "-o", "name", "-l", "app.kubernetes.io/instance")
    return set(listed.split()) - {"pod/voc-nlp-check-operator", "pod/voc-nlp-check-worker"}
