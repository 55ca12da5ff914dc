"""The working copy of one reconcile: the next status as it grows, and what is to be done."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Literal

from voc_models.run import Mode, Step
from voc_operator.conditions import with_condition
from voc_operator.config import OperatorConfig
from voc_operator.decision import AttemptEnd, Decision, Facts, Run, RunEvent
from voc_operator.jobs import Attempt
from voc_operator.observed import JobState, Observed, ObservedJob, ObservedPod
from voc_operator.status import BuildingPhase, BuildingStatus, Phase

#: A building of the run (its id), or a step that is no building (id "").
Unit = tuple[Step, str]
DONE = frozenset({BuildingPhase.SUCCEEDED, BuildingPhase.FAILED})


class Draft:
    """One reconcile's working copy; only functions of this package change it."""

    def __init__(self, run: Run, observed: Observed, facts: Facts, config: OperatorConfig) -> None:
        self.run, self.facts, self.config = run, facts, config
        self.now = facts.now
        self.spec = run.spec
        self.fields: dict[str, Any] = {}
        self.conditions = list(run.status.conditions)
        self.buildings = dict(run.status.buildings)
        self.steps = dict(run.status.steps)
        self.create: list[Attempt] = []
        self.delete: list[str] = []
        self.events: list[RunEvent] = []
        self.ended: list[AttemptEnd] = []
        self.needs_plan = False
        self.wake: datetime | None = None
        self.jobs: dict[Attempt, ObservedJob] = {job.attempt: job for job in observed.jobs}
        #: Most of a large run's units have no Job yet, and every turn asks for all of them.
        self._started: set[Unit] = {(attempt.step, attempt.building) for attempt in self.jobs}
        self.pods: dict[str, list[ObservedPod]] = defaultdict(list)
        self.live: dict[Unit, list[ObservedPod]] = defaultdict(list)
        for pod in observed.pods:
            self.pods[pod.job_uid].append(pod)
            if not pod.ended:
                self.live[pod.attempt.step, pod.attempt.building].append(pod)

    @property
    def patience(self) -> timedelta:
        """How long after its time a pod counts as lost."""
        return timedelta(seconds=self.config.lost_pod_seconds)

    @property
    def middle(self) -> Step:
        """The step between prepare and publish."""
        return Step.TRAIN if self.spec.mode is Mode.TRAIN else Step.BUILDING

    def get(self, name: str) -> Any:  # noqa: ANN401 - a field of RunStatus, whichever
        """Return a field of the next status."""
        return self.fields.get(name, getattr(self.run.status, name))

    def set(self, **changes: object) -> None:
        """Change fields of the next status."""
        self.fields |= changes

    def unit(self, unit: Unit) -> BuildingStatus:
        """Return a unit's line; a step that was never started waits."""
        step, building = unit
        known = self.buildings.get(building) if step is Step.BUILDING else self.steps.get(step.value)
        return known or BuildingStatus()

    def put(self, unit: Unit, line: BuildingStatus) -> None:
        """Change a unit's line."""
        step, building = unit
        if step is Step.BUILDING:
            self.buildings[building] = line
        else:
            self.steps[step.value] = line

    def unfinished_units(self) -> list[Unit]:
        """Return every unit that has not come to its end, steps first, buildings as planned."""
        units: list[Unit] = [(Step(name), "") for name, line in self.steps.items() if line.phase not in DONE]
        return units + [(Step.BUILDING, name) for name, line in self.buildings.items() if line.phase not in DONE]

    def current_job(self, unit: Unit) -> ObservedJob | None:
        """Return the Job of the unit's current attempt."""
        if unit not in self._started:
            return None
        return self.jobs.get(Attempt(*unit, self.unit(unit).jobs))

    def unfinished_jobs(self) -> list[ObservedJob]:
        """Return the Jobs that may still run or start a pod; one whose pods are all lost does neither."""
        return [job for job in self.jobs.values() if job.state is JobState.ACTIVE and not self.abandoned(job)]

    def abandoned(self, job: ObservedJob) -> bool:
        """Tell whether ``job`` is being deleted and only waits for pods of a dead node."""
        running = [pod for pod in self.pods.get(job.uid, []) if not pod.ended]
        return job.deleting and bool(running) and all(pod.lost(self.now, self.patience) for pod in running)

    def living(self, unit: Unit) -> list[ObservedPod]:
        """Return the unit's pods that still run and are not lost."""
        return [pod for pod in self.live.get(unit, []) if not pod.lost(self.now, self.patience)]

    def condition(self, kind: str, status: bool | None, reason: str, message: str) -> None:
        """Set a condition; None is Unknown."""
        self.conditions = with_condition(
            self.conditions, kind, status, reason, message, now=self.now, generation=self.run.generation
        )

    def clear(self, kind: str, reason: str, message: str) -> None:
        """Set a condition to False if there is one: what never was needs no mention."""
        if any(one.type == kind for one in self.conditions):
            self.condition(kind, False, reason, message)

    def is_true(self, kind: str) -> bool:
        """Tell whether a condition is True."""
        return any(one.type == kind and one.status == "True" for one in self.conditions)

    def say(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Tell people something by an Event."""
        self.events.append(RunEvent(kind, reason, message))

    def look_again(self, at: datetime) -> None:
        """Ask for another reconcile at ``at``, or earlier if somebody asked for that."""
        self.wake = min(self.wake, at) if self.wake else at

    def drop(self, job: ObservedJob) -> None:
        """Delete a Job unless that was asked for already."""
        if not job.deleting and job.name not in self.delete:
            self.delete.append(job.name)

    def finish(self, phase: Phase, reason: str, message: str) -> None:
        """End the run."""
        good = phase in {Phase.SUCCEEDED, Phase.PARTIALLY_SUCCEEDED}
        self.set(phase=phase, completion_time=self.now.replace(microsecond=0))
        self.set(eta=None, hold_until=None, outages=0)
        self.condition("Succeeded", good, reason, message)
        self.clear("Waiting", "Finished", "The run has finished.")
        self.clear("UpstreamUnavailable", "Finished", "The run has finished.")
        self.clear("PodsBlocked", "Finished", "The run has finished.")
        self.clear("Suspended", "Finished", "The run has finished.")
        self.say("Normal" if good else "Warning", reason, message)
        # Nothing more happens to a finished run, so that nothing else would wake the operator for what comes after.
        again = self.spec.retry_failed > self.get("retry_failed")
        self.look_again(self.now + timedelta(seconds=0 if again else self.spec.ttl_seconds_after_finished))

    def decision(self) -> Decision:
        """Return what came out."""
        status = self.run.status.model_copy(
            update=self.fields
            | {
                "conditions": self.conditions,
                "buildings": self.buildings,
                "steps": self.steps,
                "observed_generation": self.run.generation,
            }
        )
        return Decision(
            status,
            tuple(self.create),
            tuple(self.delete),
            tuple(self.events),
            tuple(self.ended),
            self.needs_plan,
            self.wake,
        )
