"""Trouble for one run on a cluster, all of it drawn from one seed: what is killed, when, and for how long.

The seed settles the run and the times; what lives at such a time depends on the machine, so the same seed makes the
same kind of trouble, not the same run to the millisecond.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kubernetes.client import ApiException

from tests.cluster.shell import ClusterError

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.product import Product
    from tests.cluster.reach import Live

BUILDINGS: Final = ("95", "101", "112", "127", "138")
_MODES: Final = ("full", "tagging-only")
#: An undisturbed run of two buildings takes about this long.
_SECONDS: Final = 20.0
_MOST_ACTS: Final = 5
#: The node is lost after 16 s without its kubelet, and its pods are to leave 5 s later.
_SHORT, _LONG = (0.5, 8.0), (20.0, 40.0)
#: Share of the kubelet's absences that lose the node.
_LOST: Final = 0.25
#: Programs that are killed and come back, each with its node.
_PROGRAMS: Final = {
    "kubelet": "node-1",
    "kube-apiserver": None,
    "kube-controller-manager": None,
    "kube-scheduler": None,
}
#: Ways to end a pod or a Job of the run.
_HANDS: Final = ("pod killed", "pod deleted", "pod deleted at once", "pod evicted", "Job deleted", "Job orphaned")
#: Every kind of trouble, as often as it is to come up.
_KINDS: Final = {
    "operator killed": 3,
    "operator deleted at once": 2,
    "kube-apiserver": 3,
    "kubelet": 3,
    "kube-controller-manager": 1,
    "kube-scheduler": 1,
    **dict.fromkeys(_HANDS, 1),
}


class Act(NamedTuple):
    """One deed.

    Attributes:
        at: seconds after the run was created.
        kind: one of the kinds above.
        pick: which of those that could be hit, from 0 to 1.
        seconds: after how many a killed program is started again.
    """

    at: float
    kind: str
    pick: float
    seconds: float


class Plot(NamedTuple):
    """What one seed makes: a run and its trouble."""

    seed: int
    mode: str
    buildings: tuple[str, ...]
    acts: tuple[Act, ...]

    @property
    def gentle(self) -> bool:
        """Whether nothing touches a pod or a Job of the run, so that no attempt may have ended early."""
        return not any(act.kind in _HANDS or _loses_the_node(act) for act in self.acts)

    @property
    def deaf(self) -> bool:
        """Whether a pod may have gone while nobody listened: what it said when it ended is lost with it.

        A lost node takes the operator along, which lives on it, too.
        """
        away = any(
            act.kind.startswith("operator") or act.kind == "kube-apiserver" or _loses_the_node(act) for act in self.acts
        )
        return away and not self.gentle


def _loses_the_node(act: Act) -> bool:
    return act.kind == "kubelet" and act.seconds > _SHORT[1]


def plot(seed: int) -> Plot:
    """Return what ``seed`` makes."""
    draw = random.Random(seed)  # noqa: S311 - it shall be foreseeable
    mode = draw.choice(_MODES)
    buildings = draw.sample(BUILDINGS, draw.choice((2, 3)))
    kinds = draw.choices([*_KINDS], [*_KINDS.values()], k=draw.randint(2, _MOST_ACTS))
    acts = [_act(draw, kind) for kind in kinds]
    return Plot(seed, mode, tuple(sorted(buildings, key=int)), tuple(sorted(acts)))


def _act(draw: random.Random, kind: str) -> Act:
    at, pick = draw.uniform(0, _SECONDS), draw.random()
    long = kind == "kubelet" and draw.random() < _LOST
    return Act(at, kind, pick, draw.uniform(*(_LONG if long else _SHORT)))


class Trouble:
    """Carries a plot out and keeps the story."""

    def __init__(self, cluster: Cluster, product: Product) -> None:
        self._cluster, self._product = cluster, product
        self._begin = time.monotonic()
        self._down: dict[str, float] = {}
        self._selector = ""
        self.story: list[str] = []

    def make(self, run_uid: str, acts: tuple[Act, ...]) -> None:
        """Do what is to be done to the run, at its times; afterwards every program runs again."""
        self._selector = f"vocnlp.io/run-uid={run_uid}"
        try:
            for act in acts:
                self._wait(act.at)
                self._tell(act.kind, self._do(act))
        finally:
            self._wait(max(self._down.values(), default=0))

    def _wait(self, at: float) -> None:
        """Sleep until ``at``; start meanwhile what has been down long enough."""
        while True:
            program, due = min(self._down.items(), key=lambda one: one[1], default=("", at + 1))
            time.sleep(max(0.0, self._begin + min(at, due) - time.monotonic()))
            if due > at:
                return
            del self._down[program]
            self._cluster.start(program, _PROGRAMS[program])
            self._tell(program, "runs again")

    def _tell(self, what: str, outcome: str) -> None:
        self.story.append(f"{time.monotonic() - self._begin:5.1f} s  {what}: {outcome}")

    def _do(self, act: Act) -> str:
        if act.kind in _PROGRAMS:
            return self._stop(act)
        try:
            if act.kind.startswith("Job"):
                return self._job(act)
            return self._pod(act)
        except (ApiException, ClusterError) as error:
            # What was chosen a moment ago has ended meanwhile.
            return f"too late ({str(error).splitlines()[0][:80]})"

    def _stop(self, act: Act) -> str:
        if act.kind in self._down:
            return "is down already"
        self._cluster.kill(act.kind, _PROGRAMS[act.kind])
        if act.kind == "kube-apiserver":
            # Everything else that is to be done needs it.
            time.sleep(act.seconds)
            self._cluster.start(act.kind)
            return f"was away for {act.seconds:.1f} s"
        self._down[act.kind] = time.monotonic() - self._begin + act.seconds
        return f"killed for {act.seconds:.1f} s"

    def _pod(self, act: Act) -> str:
        mine = act.kind.startswith("operator")
        selector = "app.kubernetes.io/component=operator" if mine else self._selector
        found = self._product.core.list_namespaced_pod(self._product.namespace, label_selector=selector).items
        pod = _chosen([one for one in found if one.status.phase in {"Pending", "Running"}], act.pick)
        if pod is None:
            return "no pod there"
        name, how = pod.metadata.name, act.kind.partition(" ")[2]
        if how == "killed":
            self._kill_container(pod)
        elif how == "evicted":
            self._product.core.create_namespaced_pod_eviction(
                name, self._product.namespace, {"metadata": {"name": name}}
            )
        else:
            options: dict[str, Any] = {"grace_period_seconds": 0} if how == "deleted at once" else {}
            self._product.core.delete_namespaced_pod(name, self._product.namespace, **options)
        return f"{name} ({pod.status.phase})"

    def _kill_container(self, pod: Live) -> None:
        state = pod.status.container_statuses[0] if pod.status.container_statuses else None
        if state is None or not state.container_id:
            raise ClusterError(f"{pod.metadata.name} has no container yet")
        self._cluster.nodes[pod.spec.node_name].kill_container(state.container_id.rpartition("/")[2])

    def _job(self, act: Act) -> str:
        found = self._product.batch.list_namespaced_job(self._product.namespace, label_selector=self._selector).items
        job = _chosen(found, act.pick)
        if job is None:
            return "no Job there"
        how = "Orphan" if act.kind == "Job orphaned" else "Foreground"
        name = job.metadata.name
        self._product.batch.delete_namespaced_job(name, self._product.namespace, propagation_policy=how)
        return f"{name} ({'over' if job.status.completion_time or job.status.failed else 'unfinished'})"


def _chosen(found: list[Live], pick: float) -> Live | None:
    ordered = sorted(found, key=lambda one: one.metadata.name)
    return ordered[int(pick * len(ordered))] if ordered else None
