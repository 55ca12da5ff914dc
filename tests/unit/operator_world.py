"""A simulated cluster for the operator's pure part: a clock, Jobs, pods, and whatever may happen to them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from voc_models.labels import Taxonomy
from voc_models.months import Month
from voc_models.plan import Plan, PlannedBuilding, PlannedModel
from voc_models.run import Mode, RunSpec, Step
from voc_operator.config import OperatorConfig
from voc_operator.decision import Decision, Facts, Run, RunEvent
from voc_operator.jobs import Attempt, job_name
from voc_operator.observed import JobState, Observed, ObservedJob, ObservedPod
from voc_operator.reconcile import reconcile
from voc_operator.status import FINISHED, RunStatus

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = OperatorConfig(worker_image="worker:1", worker_gpu_image="worker-gpu:1", trainer_image="trainer:1")


@dataclass
class World:
    """One run and its cluster; ``stored`` is the status that the API server holds."""

    spec: RunSpec
    buildings: tuple[str, ...] = ("95", "101", "7")
    config: OperatorConfig = CONFIG
    now: datetime = START
    status: RunStatus = field(default_factory=RunStatus)
    stored: RunStatus = field(default_factory=RunStatus)
    jobs: dict[str, ObservedJob] = field(default_factory=dict)
    pods: dict[str, ObservedPod] = field(default_factory=dict)
    events: list[RunEvent] = field(default_factory=list)
    created: list[Attempt] = field(default_factory=list)
    blocked_by: str = ""
    conflicts: frozenset[str] = frozenset()
    store_fault: str = ""
    deleting: bool = False
    queued: bool = False
    last: Decision | None = None
    _uids: int = 0

    @property
    def run(self) -> Run:
        """The run as the operator has it in memory."""
        return Run("full-2025-12", "voc", "uid-1", 1, START, self.deleting, self.spec, self.status)

    def plan(self) -> Plan | None:
        """Return what prepare wrote, as far as the store can be read."""
        if self.store_fault or self.status.run_id is None:
            return None
        return Plan(
            run_id=self.status.run_id,
            mode=self.spec.mode,
            month=Month(2025, 12),
            created=START,
            buildings=tuple(PlannedBuilding(id=one, name=one, rows=3) for one in self.buildings),
            model=PlannedModel(release="20251120", digest="d"),
            taxonomy=Taxonomy(entries=()),
            train_months=(Month(2025, 11),) if self.spec.mode is Mode.TRAIN else (),
        )

    def step(self) -> Decision:
        """Reconcile until nothing changes, and carry out what was decided."""
        for _ in range(20):
            facts = Facts(self.now, self.plan(), self.store_fault, self.blocked_by, self.conflicts)
            observed = Observed(tuple(self.jobs.values()), tuple(self.pods.values()))
            decision = reconcile(self.run, observed, facts, self.config)
            changed = decision.status != self.status or decision.create or decision.delete
            self.status = decision.status
            self.events += decision.events
            for name in decision.delete:
                self.delete_job(name)
            for attempt in decision.create:
                self._create(attempt)
            self.last = decision
            if not changed:
                break
        return decision

    def persist(self) -> None:
        """Store the status as the API server would."""
        self.stored = RunStatus.model_validate_json(self.status.model_dump_json(by_alias=True))

    def restart(self) -> None:
        """Kill the operator: what was not stored is forgotten."""
        self.status = self.stored

    def _create(self, attempt: Attempt) -> None:
        name = job_name(self.run, attempt)
        assert name not in self.jobs, f"{name} was created twice"
        self.created.append(attempt)
        self._uids += 1
        uid = f"job-{self._uids}"
        self.jobs[name] = ObservedJob(
            name, uid, "uid-1", attempt, JobState.ACTIVE, "", "", self.queued, False, self.now, None
        )
        if not self.queued:
            self.start_pod(name)

    def start_pod(self, name: str) -> None:
        """Let the Job controller make the Job's pod."""
        job = self.jobs[name]._replace(suspended=False)
        self.jobs[name] = job
        self._uids += 1
        uid = f"pod-{self._uids}"
        self.pods[uid] = ObservedPod(
            uid, uid, "uid-1", job.uid, job.attempt, "Running", self.now, None, False, None, False, "", "", self.now
        )

    def active(self, step: Step | None = None) -> list[str]:
        """Return the names of unfinished Jobs, oldest first."""
        return [
            job.name
            for job in self.jobs.values()
            if job.state is JobState.ACTIVE and not job.deleting and step in {None, job.attempt.step}
        ]

    def running_pods(self, name: str) -> list[ObservedPod]:
        """Return the Job's pods that have not ended."""
        return [pod for pod in self.pods.values() if pod.job_uid == self.jobs[name].uid and not pod.ended]

    def end(self, name: str, code: int = 0, *, oom: bool = False, message: str = "") -> None:
        """Let the Job's pod end with an exit code, and the Job with it."""
        said = message or json.dumps({"rows": 3} if code == 0 else {"message": f"code {code}"})
        for pod in self.running_pods(name):
            phase = "Failed" if code else "Succeeded"
            self.pods[pod.uid] = pod._replace(phase=phase, exit_code=code, oom_killed=oom, message=said)
        state, reason = (JobState.FAILED, "PodFailurePolicy") if code else (JobState.COMPLETE, "")
        text = (
            f"Container step for pod voc/x failed with exit code {code} matching FailJob rule at index 1"
            if code
            else ""
        )
        self.jobs[name] = self.jobs[name]._replace(state=state, reason=reason, message=text, finished=self.now)

    def delete_job(self, name: str) -> None:
        """Delete a Job in the foreground: its pods end first, those of dead nodes never do."""
        if name not in self.jobs:
            return
        alive = False
        for pod in [pod for pod in self.pods.values() if pod.job_uid == self.jobs[name].uid]:
            if pod.ended or pod.gone_by is None:
                del self.pods[pod.uid]
            else:
                alive = True
        if alive:
            self.jobs[name] = self.jobs[name]._replace(deleting=True)
        else:
            del self.jobs[name]

    def delete_pod(self, name: str) -> None:
        """Delete the Job's pod by hand: SIGTERM, exit code 75, the pod is gone, the Job failed."""
        gone = self.running_pods(name)
        self.end(name, 75)
        for pod in gone:
            del self.pods[pod.uid]

    def lose_node(self, name: str) -> None:
        """Let the node of the Job's pod die: the pod is to be deleted and never ends."""
        for pod in self.running_pods(name):
            self.pods[pod.uid] = pod._replace(gone_by=self.now + timedelta(seconds=60))

    def orphan(self, name: str) -> None:
        """Delete the Job without its pods, as ``kubectl delete --cascade=orphan`` does."""
        del self.jobs[name]

    def end_orphans(self) -> None:
        """Let the pods that no Job owns come to their end."""
        owned = {job.uid for job in self.jobs.values()}
        for pod in [pod for pod in self.pods.values() if pod.job_uid not in owned]:
            del self.pods[pod.uid]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def play(self, code: int = 0, rounds: int = 400) -> RunStatus:
        """Let every Job end with ``code`` until the run is over."""
        for _ in range(rounds):
            self.step()
            if self.status.phase in FINISHED:
                return self.status
            for name in self.active():
                self.end(name, code)
            self.wait(60)
        raise AssertionError(f"The run did not end: {self.status.phase}, {self.status.conditions}")

    def condition(self, kind: str) -> tuple[str, str]:
        """Return a condition's status and reason."""
        return next(((one.status, one.reason) for one in self.status.conditions if one.type == kind), ("", ""))

    def message(self, kind: str) -> str:
        """Return a condition's message."""
        return next(one.message for one in self.status.conditions if one.type == kind)


def world(mode: Mode = Mode.FULL, buildings: tuple[str, ...] = ("95", "101", "7"), **spec: Any) -> World:  # noqa: ANN401 - fields of RunSpec
    """Return a world with one new run."""
    return World(RunSpec(mode=mode, **spec), buildings)


def prepared(mode: Mode = Mode.FULL, buildings: tuple[str, ...] = ("95", "101", "7"), **spec: Any) -> World:  # noqa: ANN401 - fields of RunSpec
    """Return a world whose run has its plan and its first building Jobs."""
    one = world(mode, buildings, **spec)
    one.step()
    one.end(one.active(Step.PREPARE)[0])
    one.step()
    return one
