"""Installing the product for a test: a namespace of its own, a copy of the sample, the chart."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.cluster.pods import until
from tests.cluster.product import Product
from tests.cluster.training_volume import training_volume
from tests.tools_go import HELM4
from voc_operator.crd import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.cluster.images import Images
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers
    from tests.tools_go import GoTool

_ENFORCED = "pod-security.kubernetes.io/enforce"


@contextmanager
def restricted_namespace(cluster: Reach, name: str | None = None) -> Iterator[str]:
    """Make a namespace in which Pod Security ``restricted`` is enforced, for as long as the block lasts."""
    api = cluster.core
    name = name or f"voc-{uuid4().hex[:8]}"
    api.create_namespace({"metadata": {"name": name, "labels": {_ENFORCED: "restricted"}}})
    try:
        # A controller makes it a moment later, and no pod is admitted without it.
        until("the default service account exists", lambda: bool(api.list_namespaced_service_account(name).items))
        yield name
    finally:
        api.delete_namespace(name)


def install_crd(cluster: Reach, other: Mapping[str, object] | None = None) -> None:
    """Install the definition once for every release of the session; the charts then leave it alone.

    ``other`` is installed instead: a definition of another time.
    """
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), "apply", "--server-side", "-f", "-"]
    given = json.dumps(other) if other else text()
    subprocess.run(command, input=given, text=True, check=True, capture_output=True, timeout=60)


@contextmanager
def installed(
    cluster: Reach,
    images: Images,
    servers: Servers,
    changes: Mapping[str, object] | None = None,
    *,
    training: bool = False,
    tool: GoTool = HELM4,
    environment: Path | None = None,
) -> Iterator[Product]:
    """Install the chart into a fresh namespace, with a database and a store prefix of its own.

    Args:
        cluster: where.
        images: the project's.
        servers: the customer's.
        changes: values over the tests' own.
        training: whether it can train.
        tool: the Helm that installs.
        environment: a values file below the tests' own.
    """
    with restricted_namespace(cluster) as namespace:
        database = namespace.replace("-", "_")
        servers.database.create_database(database, template=servers.database.dbname)
        product = Product(cluster, namespace, images, servers, database)
        product.tool, product.environment = tool, environment
        volume = training_volume(cluster, namespace) if training else None
        product.install({"crds": {"create": False}, **(changes or {})}, volume)
        try:
            yield product
        finally:
            product.helm("uninstall", "voc-nlp", "--no-hooks", "--wait", "--ignore-not-found")
