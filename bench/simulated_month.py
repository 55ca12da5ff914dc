"""A month of many buildings on a real control plane with simulated nodes, and what the operator needed for it."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kubernetes import client

from bench.simulated import RETRIED, VALUES, simulated_nodes
from bench.watch import memory_mb
from tests.cluster.audit import Request, requests
from tests.cluster.cluster import Cluster
from tests.cluster.images import project_images
from tests.cluster.installs import install_crd, installed
from tests.cluster.pause import pause_image
from tests.cluster.product import FINISHED, ProductError
from tests.cluster.programs import programs
from tests.cluster.servers import running_servers
from voc_models import keys
from voc_models.labels import Taxonomy
from voc_models.months import Month
from voc_models.plan import Plan, PlannedBuilding
from voc_models.run import API_VERSION, GROUP, KIND, VERSION, Mode, Step, run_id
from voc_operator.crd import PLURAL
from voc_operator.jobs import RUN_UID_LABEL, Attempt, RunRef, job_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.product import Product

PARALLELISM: Final = 64
#: Least seconds of a simulated step; at most a third more.
SECONDS: Final = 1.0
#: Of how many buildings one is interrupted at its first attempt.
INTERRUPTED: Final = 20
#: By its defaults the controller manager makes 20 requests a second, seven of them for each Job, and looks at five Jobs
#: at a time, which is less than 3 Jobs a second. Here the operator is measured, so those limits are lifted.
_FLAGS: Final = {
    "kube-controller-manager": ("--kube-api-qps=1000", "--kube-api-burst=2000", "--concurrent-job-syncs=32")
}
_PATIENCE: Final = 3600
_POLL: Final = 0.5


class Seen(NamedTuple):
    """One run. Times are seconds, ``began`` and ``ended`` Unix time; requests are the operator's own, by verb."""

    buildings: int
    began: float
    ended: float
    first_job: float
    first_building: float
    cpu_seconds: float
    peak_mb: float
    requests: Counter[str]
    patches: int
    object_bytes: int

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return self.ended - self.began


class Restart(NamedTuple):
    """What followed a kill: seconds until the new process asked for something, and until it had stored a status."""

    awake: float
    reconciled: float


class Idle(NamedTuple):
    """The operator with nothing to do: its requests and CPU seconds, its memory at the beginning and at the end."""

    requests: int
    cpu_seconds: float
    before_mb: float
    after_mb: float


class SimulatedMonth:
    """The product on a cluster whose steps are simulated."""

    def __init__(self, cluster: Cluster, product: Product) -> None:
        """Take where it runs."""
        self._cluster = cluster
        self._product = product
        self._runs = client.CustomObjectsApi(cluster.admin)

    def run(self, name: str, month: Month, buildings: int, midway: Callable[[], object] | None = None) -> Seen:
        """Apply a run of so many buildings and watch it to its end; call ``midway`` when half of them are done.

        Raises:
            ProductError: a building did not succeed, or the run did not end.
        """
        cpu = self.operator.cpu_seconds
        began = time.time()
        spec = {"mode": Mode.FULL.value, "month": str(month), "parallelism": PARALLELISM}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}
        made = self._runs.create_namespaced_custom_object(*self._place, body)
        ref = self._plan(made, month, buildings)
        planned = self._wait_for_prepare(ref)
        self._wait_for_end(name, buildings, midway)
        ended = time.time()
        asked = [one for one in requests(self._cluster, self._product.namespace) if began <= one.asked <= ended]
        jobs = [one for one in asked if one.right == "create jobs.batch"]
        # In the cluster, not in the log: a request that was under way when the operator was killed is not in it.
        made_jobs = self._product.kubectl("get", "jobs", "-l", f"{RUN_UID_LABEL}={ref.uid}", "-o", "name").split()
        if len(made_jobs) != 2 + buildings + buildings // INTERRUPTED:
            raise ProductError(f"{name} of {buildings} buildings made {len(made_jobs)} Jobs.")
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{self._product.namespace}/{PLURAL}/{name}"
        return Seen(
            buildings=buildings,
            began=began,
            ended=ended,
            first_job=jobs[0].answered - began,
            first_building=max(0.0, jobs[1].answered - planned),
            cpu_seconds=self.operator.cpu_seconds - cpu,
            peak_mb=self.operator.memory_mb("VmHWM"),
            requests=Counter(one.verb for one in asked),
            patches=sum(_stores(one) for one in asked),
            object_bytes=len(self._product.kubectl("get", "--raw", path).encode()),
        )

    def kill(self) -> float:
        """Kill the operator as a power cut would; return when."""
        now = time.time()
        os.kill(self.operator.pid, signal.SIGKILL)
        return now

    def restart_after(self, killed: float) -> Restart:
        """Return what the operator did after it was killed, once it has."""
        after = [one for one in requests(self._cluster, self._product.namespace) if one.asked > killed]
        # What the old process had sent may still arrive; the new one begins by asking what the API server knows.
        first = next(place for place, one in enumerate(after) if one.verb == "get" and not one.resource)
        stored = next(one for one in after[first:] if _stores(one))
        return Restart(after[first].asked - killed, stored.answered - killed)

    def idle(self, seconds: float) -> Idle:
        """Watch the operator do nothing."""
        process, began = self.operator, time.time()
        before, cpu = process.memory_mb("VmRSS"), process.cpu_seconds
        time.sleep(seconds)
        asked = [one for one in requests(self._cluster, self._product.namespace) if one.asked >= began]
        return Idle(len(asked), process.cpu_seconds - cpu, before, process.memory_mb("VmRSS"))

    @property
    def operator(self) -> OperatorProcess:
        """The operator's process as it is now."""
        pods = self._product.core.list_namespaced_pod(
            self._product.namespace, label_selector="app.kubernetes.io/component=operator"
        ).items
        return OperatorProcess.of([pod.metadata.uid for pod in pods])

    @property
    def _place(self) -> tuple[str, str, str, str]:
        return GROUP, VERSION, self._product.namespace, PLURAL

    def _plan(self, made: Any, month: Month, buildings: int) -> RunRef:  # noqa: ANN401 - an object of the API server
        """Write what ``prepare``, which is simulated, would have written."""
        uid, created = made["metadata"]["uid"], made["metadata"]["creationTimestamp"]
        identity = run_id(Mode.FULL, datetime.fromisoformat(created), uid)
        plan = Plan(
            run_id=identity,
            mode=Mode.FULL,
            month=month,
            created=datetime.now(UTC),
            buildings=tuple(PlannedBuilding(id=one, name=one, rows=1000) for one in _names(buildings)),
            taxonomy=Taxonomy(entries=()),
        )
        self._product.store.put(keys.plan(month, identity), plan.to_json())
        return RunRef(made["metadata"]["name"], self._product.namespace, uid, identity, month, created)

    def _wait_for_prepare(self, ref: RunRef) -> float:
        """Return when the API server showed the first step's Job as complete."""
        name = job_name(ref, Attempt(Step.PREPARE, "", 0))
        give_up = time.time() + 60
        while time.time() < give_up:
            found = self._product.batch.list_namespaced_job(ref.namespace, field_selector=f"metadata.name={name}").items
            if found and any(one.type == "Complete" for one in found[0].status.conditions or []):
                return time.time()
            time.sleep(0.02)
        raise ProductError(f"{name} did not end in a minute. {self._product.describe(ref.name)}")

    def _wait_for_end(self, name: str, buildings: int, midway: Callable[[], object] | None) -> None:
        give_up = time.time() + _PATIENCE
        while time.time() < give_up:
            status = self._runs.get_namespaced_custom_object(*self._place, name).get("status") or {}
            if midway is not None and status.get("succeeded", 0) >= buildings / 2:
                midway()
                midway = None
            if status.get("phase") in FINISHED:
                if status["phase"] != "Succeeded" or status["succeeded"] != buildings:
                    raise ProductError(f"{name} ended as {status['phase']}, {status.get('progress')}.")
                return
            time.sleep(_POLL)
        raise ProductError(f"{name} did not end. {self._product.describe(name)[-3000:]}")


class OperatorProcess:
    """The operator's process, as this machine's kernel sees it."""

    def __init__(self, pid: int) -> None:
        """Look at process ``pid``."""
        self.pid = pid

    @classmethod
    def of(cls, pods: list[str]) -> OperatorProcess:
        """Return the process that runs in one of the pods.

        Raises:
            ProductError: none does.
        """
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                is_it = b"voc_operator" in (folder / "cmdline").read_bytes()
                if is_it and any(uid in (folder / "cgroup").read_text(encoding="ascii") for uid in pods):
                    return cls(int(folder.name))
            except OSError:
                continue  # it has just ended
        raise ProductError("The operator does not run.")

    @property
    def cpu_seconds(self) -> float:
        """What it has used so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, kind: str) -> float:
        """Return its resident memory (VmRSS) or the most that it ever was (VmHWM)."""
        return memory_mb(self.pid, kind)


@contextmanager
def simulated_month() -> Iterator[SimulatedMonth]:
    """Start a cluster with simulated nodes and install the product, for as long as the block lasts."""
    images = project_images()
    needed = [archive for archive in images.archives if archive.name.startswith("operator-")]
    with (
        tempfile.TemporaryDirectory(prefix="voc-bench-") as name,
        Cluster([pause_image(programs()), *needed], _FLAGS) as cluster,
        running_servers(Path(name), cluster.host_address) as servers,
        simulated_nodes(cluster, Path(name), SECONDS),
    ):
        install_crd(cluster)
        with installed(cluster, images, servers, VALUES) as product:
            yield SimulatedMonth(cluster, product)


def _names(buildings: int) -> list[str]:
    return [f"{'b' if number % INTERRUPTED else RETRIED}{number:05}" for number in range(1, buildings + 1)]


def _stores(request: Request) -> bool:
    return request.right == f"patch {PLURAL}/status.{GROUP}" and request.code == 200
