"""API objects as the API server sends them, and an API server that records what was asked of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from voc_models.months import Month
from voc_models.run import API_VERSION, KIND, RunSpec, Step
from voc_operator.cluster import Cluster, KeptT, Object
from voc_operator.config import OperatorConfig
from voc_operator.decision import RunEvent
from voc_operator.errors import AlreadyExistsError, ClusterError, ConflictError, NotFoundError
from voc_operator.jobs import CONTAINER, RUN_UID_LABEL, Attempt, RunRef, build_job

CONFIG = OperatorConfig(worker_image="worker:1", trainer_image="trainer:1")
RUN_UID = "1a2b3c4d-0000-0000-0000-000000000000"
CREATED = "2026-01-01T00:00:00Z"
REF = RunRef("full-2025-12", "voc", RUN_UID, "full_20260101_090000_1a2b3", Month(2025, 12), CREATED)


def run_body(name: str = "full-2025-12", uid: str = RUN_UID, version: str = "10", **spec: object) -> Object:
    """Return a run as the API server shows it."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": "voc",
            "uid": uid,
            "resourceVersion": version,
            "generation": 1,
            "creationTimestamp": CREATED,
        },
        "spec": {"mode": "full", "month": "2025-12", **spec},
    }


def job_body(attempt: Attempt, uid: str, version: str, *, run: RunRef = REF, end: str = "") -> Object:
    """Return a Job as the API server shows it; ``end`` is Complete or Failed."""
    body = build_job(run, RunSpec.model_validate({"mode": "full"}), CONFIG, attempt)
    body["metadata"] |= {"uid": uid, "resourceVersion": version, "creationTimestamp": CREATED}
    if end:
        condition = {"type": end, "status": "True", "reason": end, "lastTransitionTime": CREATED}
        body["status"] = {"conditions": [condition]}
    return body


def pod_body(job: Object, uid: str, version: str, phase: str = "Running", message: str = "") -> Object:
    """Return a pod of ``job``; with a ``message`` its container ended well and left that."""
    template = job["spec"]["template"]["metadata"]
    owner = {"kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"], "controller": True}
    metadata = {
        "name": f"{job['metadata']['name']}-x",
        "uid": uid,
        "resourceVersion": version,
        "creationTimestamp": CREATED,
        "labels": template["labels"],
        "annotations": template["annotations"],
        "ownerReferences": [owner],
    }
    ended = {"name": CONTAINER, "state": {"terminated": {"exitCode": 0, "message": message}}}
    return {"metadata": metadata, "status": {"phase": phase, "containerStatuses": [ended] if message else []}}


PREPARE = Attempt(Step.PREPARE, "", 0)


class FakeTransport:
    """Says when the API server last answered."""

    answered_at = 0.0


class FakeCluster(Cluster):
    """An API server in memory; ``asked`` lists every request that changes something, ``faults`` fail the next ones."""

    def __init__(self) -> None:
        self.namespace = "voc"
        self.transport = FakeTransport()  # type: ignore[assignment]  # only its clock is looked at
        self.runs: dict[str, Object] = {}
        self.jobs: dict[str, Object] = {}
        self.pods: dict[str, Object] = {}
        self.events: list[RunEvent] = []
        self.asked: list[tuple[str, str]] = []
        self.faults: dict[str, list[ClusterError]] = {}
        self.version = 100
        self.on_list: Callable[[], object] | None = None

    def add_run(self, body: Object) -> Object:
        """Store a run, as a person's `kubectl apply` does."""
        self.runs[body["metadata"]["name"]] = body
        return body

    def end_job(self, name: str, end: str = "Complete") -> Object:
        """Let a Job end."""
        job = self.jobs[name]
        condition = {"type": end, "status": "True", "reason": end, "lastTransitionTime": CREATED}
        job["status"] = {"conditions": [condition]}
        job["metadata"]["resourceVersion"] = self._next()
        return copy.deepcopy(job)

    def read_runs(self, keep: Callable[[Object], KeptT]) -> list[KeptT]:
        """Return what is kept of every run."""
        self._ask("list", "runs")
        if self.on_list is not None:
            self.on_list()
        return _kept(self.runs, keep)

    def read_jobs(self, keep: Callable[[Object], KeptT], runs: Collection[str] | None = None) -> list[KeptT]:
        """Return what is kept of every Job, or of those of ``runs``."""
        self._ask("list", "jobs" if runs is None else f"jobs of {len(runs)} runs")
        return _kept(_of(self.jobs, runs), keep)

    def read_pods(self, keep: Callable[[Object], KeptT], runs: Collection[str] | None = None) -> list[KeptT]:
        """Return what is kept of every pod, or of those of ``runs``."""
        return _kept(_of(self.pods, runs), keep)

    def get_run(self, name: str) -> Object:
        """Return a run."""
        return copy.deepcopy(self._found(self.runs, name))

    def get_job(self, name: str) -> Object:
        """Return a Job."""
        return copy.deepcopy(self._found(self.jobs, name))

    def patch_status(self, name: str, status: Mapping[str, Any], resource_version: str) -> str:
        """Replace the status, unless somebody was first."""
        self._ask("patch", name)
        body = self._found(self.runs, name)
        if body["metadata"]["resourceVersion"] != resource_version:
            raise ConflictError("Somebody was first.")
        body["status"] = json.loads(json.dumps(status))
        body["metadata"]["resourceVersion"] = self._next()
        return str(body["metadata"]["resourceVersion"])

    def create_job(self, manifest: Mapping[str, Any]) -> Object:
        """Store a Job."""
        name = manifest["metadata"]["name"]
        self._ask("create", name)
        if name in self.jobs:
            raise AlreadyExistsError(f"{name} is there.")
        body = copy.deepcopy(dict(manifest))
        body["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": self._next(), "creationTimestamp": CREATED}
        self.jobs[name] = body
        return copy.deepcopy(body)

    def delete_job(self, name: str, uid: str) -> None:
        """Remove a Job at once."""
        self._ask("delete", name)
        if name in self.jobs and self.jobs[name]["metadata"]["uid"] == uid:
            del self.jobs[name]

    def create_event(self, name: str, uid: str, event: RunEvent, now: datetime) -> None:  # noqa: ARG002 - as above
        """Keep the Event."""
        self._ask("event", event.reason)
        self.events.append(event)

    def ping(self) -> None:
        """Count as asked."""
        self._ask("ping", "")

    def named(self, verb: str) -> list[str]:
        """Return what that verb was asked of."""
        return [name for one, name in self.asked if one == verb]

    def _ask(self, verb: str, name: str) -> None:
        self.asked.append((verb, name))
        if self.faults.get(verb):
            raise self.faults[verb].pop(0)

    def _next(self) -> str:
        self.version += 1
        return str(self.version)

    @staticmethod
    def _found(objects: dict[str, Object], name: str) -> Object:
        if name not in objects:
            raise NotFoundError(f"There is no {name}.")
        return objects[name]


def _of(objects: Mapping[str, Object], runs: Collection[str] | None) -> dict[str, Object]:
    labels = {name: body["metadata"]["labels"] for name, body in objects.items()}
    return {name: objects[name] for name, own in labels.items() if runs is None or own[RUN_UID_LABEL] in runs}


def _kept(objects: Mapping[str, Object], keep: Callable[[Object], KeptT]) -> list[KeptT]:
    return [keep(copy.deepcopy(one)) for one in objects.values()]
