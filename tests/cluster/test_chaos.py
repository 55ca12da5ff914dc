"""Whatever is killed at whatever time, a run ends as if nothing had happened; see chaos.py and verdict.py.

VOC_CHAOS_RUNS runs, of which the first has the seed VOC_CHAOS_SEED and each other the next number. One run again:
VOC_CHAOS_SEED=… VOC_CHAOS_RUNS=1 make chaos
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.cluster.chaos import BUILDINGS, Plot, Trouble, plot
from tests.cluster.installs import installed
from tests.cluster.pods import until
from tests.cluster.product import ProductError
from tests.cluster.settings import ChaosSettings
from tests.cluster.shell import say
from tests.cluster.verdict import MONTH, faults, tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.cluster import Cluster
    from tests.cluster.images import Images
    from tests.cluster.product import Product
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
SETTINGS = ChaosSettings.read()
#: More than all that one plot can do to a building.
RETRIES = 12


class Stage(NamedTuple):
    """The product, and what an undisturbed run made of each building."""

    product: Product
    expected: dict[str, bytes]


@pytest.fixture(scope="module")
def stage(cluster: Reach, images: Images, servers: Servers) -> Iterator[Stage]:
    """The product after one undisturbed run."""
    with installed(cluster, images, servers) as product:
        name = product.apply("undisturbed", mode="full", month=str(MONTH), parallelism=2)
        assert product.finish(name)["phase"] == "Succeeded", product.describe(name)
        yield Stage(product, {building: tagged(product, building) for building in BUILDINGS})


@pytest.mark.parametrize("seed", range(SETTINGS.seed, SETTINGS.seed + SETTINGS.runs))
def test_a_troubled_run_ends_as_if_nothing_had_happened(own_cluster: Cluster, stage: Stage, seed: int) -> None:
    """Status, store, database and summary tell one truth: every building once, and nothing is left running."""
    drawn = plot(seed)
    fresh_operator(stage.product)
    began = time.monotonic()
    trouble = Trouble(own_cluster, stage.product)
    found = troubled(stage, drawn, trouble)
    seconds = time.monotonic() - began
    outcome = "as if nothing had happened" if not found else "; ".join(found)
    story = "\n".join([about(drawn), *(f"  {line}" for line in trouble.story), f"  {seconds:5.1f} s  {outcome}"])
    say(f"chaos: {story}")
    assert not found, f"VOC_CHAOS_SEED={seed} VOC_CHAOS_RUNS=1 make chaos tries the same again:\n{story}"


def troubled(stage: Stage, drawn: Plot, trouble: Trouble) -> list[str]:
    """Run once, in trouble; return what is wrong afterwards."""
    product = stage.product
    name = product.apply(
        f"chaos-{drawn.seed}",
        mode=drawn.mode,
        month=str(MONTH),
        buildings=list(drawn.buildings),
        parallelism=2,
        backoffLimit=RETRIES,
    )
    trouble.make(product.run(name)["metadata"]["uid"], drawn.acts)
    try:
        product.finish(name)
    except ProductError as error:
        return [str(error)]
    return faults(product, name, drawn, stage.expected)


def about(drawn: Plot) -> str:
    """Return one line about a plot."""
    return f"seed {drawn.seed}, {drawn.mode} of {', '.join(drawn.buildings)}"


def fresh_operator(product: Product) -> None:
    """Have an operator whose container never restarted: kubelet lets one that was killed often wait for minutes."""
    selector = "app.kubernetes.io/component=operator"

    def pods() -> list[tuple[bool, int]]:
        found = product.core.list_namespaced_pod(product.namespace, label_selector=selector).items
        states = [pod.status.container_statuses or [] for pod in found]
        return [(state[0].ready, state[0].restart_count) if state else (False, 0) for state in states]

    if [restarts for _, restarts in pods()] != [0]:
        product.kubectl("delete", "pods", "-l", selector)
    until("one operator works", lambda: pods() == [(True, 0)])
