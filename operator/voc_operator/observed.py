"""What the cluster shows of a run's Jobs and pods, read from API objects into small values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from voc_models.run import KIND, Step
from voc_operator.jobs import ATTEMPT_LABEL, BUILDING_ANNOTATION, CONTAINER, RUN_UID_LABEL, STEP_LABEL, Attempt

#: Waiting reasons that no patience mends: somebody must change an image, a Secret or a ConfigMap.
_BLOCKED = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
#: Reasons of the scheduler, which others' end may mend.
_WAITING = frozenset({"Unschedulable", "SchedulingGated"})


class JobState(StrEnum):
    """Complete and Failed are conditions of the Job; until one is true its pods may still run."""

    ACTIVE = "Active"
    COMPLETE = "Complete"
    FAILED = "Failed"


class ObservedJob(NamedTuple):
    """One attempt's Job."""

    name: str
    uid: str
    run_uid: str
    attempt: Attempt
    state: JobState
    reason: str
    message: str
    suspended: bool
    deleting: bool
    created: datetime
    finished: datetime | None


class ObservedPod(NamedTuple):
    """One pod of an attempt; ``gone_by`` is when it should have ended, ``job_uid`` is "" once its Job was orphaned."""

    name: str
    uid: str
    run_uid: str
    job_uid: str
    attempt: Attempt
    phase: str
    created: datetime
    gone_by: datetime | None
    disrupted: bool
    exit_code: int | None
    oom_killed: bool
    message: str
    blocked: str
    pending_since: datetime | None

    @property
    def waits_for_room(self) -> bool:
        """Whether it does not start because no node takes it now."""
        return self.blocked.partition(":")[0] in _WAITING

    @property
    def ended(self) -> bool:
        """Whether no container of it runs any more."""
        return self.phase in {"Succeeded", "Failed"}

    def lost(self, now: datetime, patience: timedelta) -> bool:
        """Tell whether it should have ended ``patience`` ago: a dead node never confirms the end of its pods."""
        return not self.ended and self.gone_by is not None and now > self.gone_by + patience


class Observed(NamedTuple):
    """Everything that is seen of one run."""

    jobs: tuple[ObservedJob, ...] = ()
    pods: tuple[ObservedPod, ...] = ()


def read_time(text: str | None) -> datetime | None:
    """Return an API server's RFC 3339 time."""
    return datetime.fromisoformat(text) if text else None


def read_job(body: Mapping[str, Any]) -> ObservedJob | None:
    """Return what a Job tells, or None when it is no attempt of a run (somebody else's Job)."""
    metadata = body.get("metadata") or {}
    attempt = _attempt(metadata)
    owner = _controller(metadata)
    if attempt is None or owner.get("kind") != KIND:
        return None
    status = body.get("status") or {}
    true = {one["type"]: one for one in status.get("conditions") or [] if one.get("status") == "True"}
    end = true.get("Complete") or true.get("Failed")
    state = JobState(end["type"]) if end else JobState.ACTIVE
    return ObservedJob(
        name=metadata["name"],
        uid=metadata["uid"],
        run_uid=owner["uid"],
        attempt=attempt,
        state=state,
        reason=(end or {}).get("reason") or "",
        message=(end or {}).get("message") or "",
        suspended=bool((body.get("spec") or {}).get("suspend")),
        deleting=metadata.get("deletionTimestamp") is not None,
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        finished=read_time(end.get("lastTransitionTime")) if end else None,
    )


def read_pod(body: Mapping[str, Any]) -> ObservedPod | None:
    """Return what a pod tells, or None when it belongs to no attempt of a run.

    A pod without an owner lost its Job (``kubectl delete job --cascade=orphan``) and works on.
    """
    metadata = body.get("metadata") or {}
    attempt = _attempt(metadata)
    owner = _controller(metadata)
    if attempt is None or owner.get("kind", "Job") != "Job":
        return None
    status = body.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or []}
    container: Mapping[str, Any] = next(
        (one for one in status.get("containerStatuses") or [] if one.get("name") == CONTAINER), {}
    )
    state = container.get("state") or {}
    ended = state.get("terminated") or {}
    scheduled = conditions.get("PodScheduled", {})
    return ObservedPod(
        name=metadata["name"],
        uid=metadata["uid"],
        run_uid=(metadata.get("labels") or {}).get(RUN_UID_LABEL, ""),
        job_uid=owner.get("uid", ""),
        attempt=attempt,
        phase=status.get("phase") or "Pending",
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        gone_by=read_time(metadata.get("deletionTimestamp")),
        disrupted=conditions.get("DisruptionTarget", {}).get("status") == "True",
        exit_code=ended.get("exitCode"),
        oom_killed=ended.get("reason") == "OOMKilled",
        message=ended.get("message") or "",
        blocked=_blocked(state.get("waiting") or {}, scheduled),
        pending_since=read_time(scheduled.get("lastTransitionTime")),
    )


def _attempt(metadata: Mapping[str, Any]) -> Attempt | None:
    labels = metadata.get("labels") or {}
    try:
        step, number = Step(labels[STEP_LABEL]), int(labels[ATTEMPT_LABEL])
    except (KeyError, ValueError):
        return None
    return Attempt(step, (metadata.get("annotations") or {}).get(BUILDING_ANNOTATION, ""), number)


def _controller(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    owners = metadata.get("ownerReferences") or []
    return next((one for one in owners if one.get("controller")), {})


def _blocked(waiting: Mapping[str, Any], scheduled: Mapping[str, Any]) -> str:
    """Return why the pod does not start, "" while it only needs a moment."""
    if waiting.get("reason") in _BLOCKED:
        return f"{waiting['reason']}: {waiting.get('message') or 'no message'}"
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason') or 'Unschedulable'}: {scheduled.get('message') or 'no message'}"
    return ""
