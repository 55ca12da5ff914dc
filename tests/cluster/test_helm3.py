"""The chart by Helm 3, with the values of dev: Argo CD renders with it, and many still type it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.chart.render import environment_file
from tests.cluster.installs import installed
from tests.tools_go import HELM3

if TYPE_CHECKING:
    from tests.cluster.images import Images
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")


def test_helm_3_installs_upgrades_rolls_back_tests_and_uninstalls(
    cluster: Reach, images: Images, servers: Servers
) -> None:
    """Runs are kept through all of it, and a run succeeds after each step that leaves an operator."""
    with installed(cluster, images, servers, tool=HELM3, environment=environment_file("dev")) as product:
        assert json.loads(product.helm("list", "--output", "json"))[0]["status"] == "deployed"

        def succeeds(name: str) -> None:
            product.apply(name, mode="tagging-only", month="2025-12", buildings=["138"])
            assert product.finish(name)["phase"] == "Succeeded", product.describe(name)

        succeeds("installed")
        product.install({"crds": {"create": False}, "operator": {"logLevel": "WARNING"}})
        succeeds("upgraded")
        product.helm("rollback", "voc-nlp", "1", "--wait", "--timeout", "3m")
        succeeds("rolled-back")
        assert product.helm("test", "voc-nlp", "--timeout", "3m").count("Succeeded") >= 2
        product.helm("uninstall", "voc-nlp", "--wait", "--timeout", "3m")
        kept = json.loads(product.kubectl("get", "vmr", "-o", "json"))["items"]
        assert {run["status"]["phase"] for run in kept} == {"Succeeded"}
        assert len(kept) == 3
        assert not product.kubectl("get", "deployments,cronjobs,pods", "-o", "name", "-l", "app.kubernetes.io/instance")
