"""What somebody gets wrong at an installation, and the sentence that says so."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import client

from tests.chart.render import CHART, REQUIRED, rendered
from tests.cluster.installs import installed, restricted_namespace
from tests.cluster.product import Product, ProductError
from tests.cluster.reach import Reach
from tests.tools_go import HELM4

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.images import Images
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
KEEP: dict[str, Any] = {"crds": {"create": False}}


def without(product: Product, secret: str, key: str) -> None:
    """Remove a key from a Secret."""
    patch = [{"op": "remove", "path": f"/data/{key}"}]
    client.CoreV1Api(product.cluster.admin).patch_namespaced_secret(secret, product.namespace, patch)


def test_a_second_release_in_a_namespace_is_refused(cluster: Reach, images: Images, servers: Servers) -> None:
    """Two operators would act on the same runs: Helm installs nothing and says which release is there."""
    with installed(cluster, images, servers) as one:
        with pytest.raises(
            ProductError, match=r"already holds the release voc-nlp of voc-nlp, .* Use another namespace"
        ):
            one.helm("install", "second", str(CHART), *REQUIRED, "--set=crds.create=false")
        assert [found["name"] for found in json.loads(one.helm("list", "--output", "json"))] == ["voc-nlp"]


@pytest.mark.parametrize(
    ("secret", "key", "value"),
    [
        ("database", "DB_PASSWORD", "database.existingSecret"),
        ("store", "AWS_SECRET_ACCESS_KEY", "store.existingSecret"),
    ],
)
def test_a_key_that_a_secret_lacks_is_named(
    cluster: Reach, images: Images, servers: Servers, secret: str, key: str, value: str
) -> None:
    """Helm refuses the upgrade, and where the key goes later a run and `helm test` say what is missing."""
    with installed(cluster, images, servers) as one:
        without(one, secret, key)
        with pytest.raises(ProductError, match=f"{value} names the Secret {secret}, which has no key {key}. Add the"):
            one.helm("upgrade", "voc-nlp", str(CHART), "--reuse-values", "--set=operator.logLevel=DEBUG")
        name = one.apply("keyless", mode="tagging-only", month="2025-12", buildings=["138"])
        assert one.finish(name)["phase"] == "Failed", one.describe(name)
        assert key in one.describe(name)
        with pytest.raises(ProductError):
            one.helm("test", "voc-nlp", "--timeout", "2m")
        assert key in one.kubectl("logs", "voc-nlp-check-worker")


@pytest.fixture
def tenant(cluster: Reach, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A namespace and the kubeconfig of its admin, who has no right beyond it; the definition's roles are there."""
    roles = rendered(HELM4, *REQUIRED, "--set=crds.aggregateRoles=true")
    kept = [one for one in yaml.safe_load_all(roles) if one and one["kind"] == "ClusterRole"]
    kubectl = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig)]
    subprocess.run([*kubectl, "apply", "-f", "-"], input=yaml.safe_dump_all(kept), text=True, check=True, timeout=60)
    with restricted_namespace(cluster) as namespace:
        account = ["create", "serviceaccount", "tenant"]
        bound = ["create", "rolebinding", "tenant", "--clusterrole=admin", f"--serviceaccount={namespace}:tenant"]
        for words in (account, bound):
            subprocess.run([*kubectl, "-n", namespace, *words], check=True, timeout=60)
        token = subprocess.check_output([*kubectl, "-n", namespace, "create", "token", "tenant"], text=True, timeout=60)
        config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="ascii"))
        config["users"][0]["user"] = {"token": token.strip()}
        file = tmp_path / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(config), encoding="ascii")
        yield namespace, file
    # They widen the roles of everybody on a cluster that is not ours.
    subprocess.run([*kubectl, "delete", "-f", "-"], input=yaml.safe_dump_all(kept), text=True, check=True, timeout=60)


def test_an_admin_of_a_namespace_installs_where_the_definition_is(
    tenant: tuple[str, Path], cluster: Reach, images: Images, servers: Servers
) -> None:
    """With the definition Helm says that it is forbidden; with crds.create=false the same user's operator works."""
    namespace, kubeconfig = tenant
    theirs = Reach(kubeconfig, cluster.host_address, cluster.kubectl, cluster.admin)
    database = namespace.replace("-", "_")
    servers.database.create_database(database, template=servers.database.dbname)
    product = Product(theirs, namespace, images, servers, database)
    with pytest.raises(ProductError, match=r"customresourcedefinitions.* is forbidden"):
        product.install()
    product.helm("uninstall", "voc-nlp", "--no-hooks", "--ignore-not-found")
    product.install(KEEP)
    name = product.apply("mine", mode="tagging-only", month="2025-12", buildings=["138"])
    assert product.finish(name)["phase"] == "Succeeded", product.describe(name)
    product.helm("uninstall", "voc-nlp", "--wait", "--timeout", "3m")
