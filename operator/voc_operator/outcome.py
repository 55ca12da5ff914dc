"""How an attempt ended: from its Job and pods to one word and one sentence. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from voc_models import answer
from voc_models.exit_codes import ExitCode
from voc_operator.observed import JobState, ObservedJob, ObservedPod

#: Disruptions of one building that are forgiven.
FORGIVEN = 6
#: How long what a pod told is waited for when its Job is over already: Jobs and pods are two watches.
LAG = timedelta(seconds=10)
_KILLED, _TERMINATED = 137, 143
#: The Job controller's own words, for when the pod is gone: "… failed with exit code 65 matching FailJob rule …".
_EXIT_CODE = re.compile(r"failed with exit code (\d+) matching")
_LINE = 400


class Outcome(StrEnum):
    """What follows from an attempt's end."""

    SUCCEEDED = "Succeeded"
    RETRY = "Retry"
    DATA = "Data"
    USAGE = "Usage"
    OUTAGE = "Outage"
    DISRUPTED = "Disrupted"


class Ended(NamedTuple):
    """An attempt's end; ``disruptions`` are pods that the platform ended and the Job replaced by itself."""

    outcome: Outcome
    message: str
    at: datetime
    rows: int | None = None
    disruptions: int = 0


_BY_CODE = {
    ExitCode.USAGE: Outcome.USAGE,
    ExitCode.DATA: Outcome.DATA,
    ExitCode.UNAVAILABLE: Outcome.OUTAGE,
}
_MEANINGS = {
    ExitCode.USAGE: "usage or configuration is wrong",
    ExitCode.DATA: "the data is wrong",
    ExitCode.UNAVAILABLE: "an upstream is unavailable",
    ExitCode.BUG: "a bug; see the pod's log",
    ExitCode.TRY_AGAIN: "it was interrupted, or somebody else was first",
}


def ended(job: ObservedJob, pods: Sequence[ObservedPod], now: datetime, patience: timedelta) -> Ended | None:
    """Return how the attempt of ``job`` ended, or None while it has not, or while a pod of it may still tell more.

    Args:
        job: the attempt's Job.
        pods: its pods, in any order.
        now: the clock.
        patience: how long after its time a pod counts as lost.
    """
    if lags(job, pods, now):
        return None
    at = job.finished or now
    disrupted = sum(pod.disrupted for pod in pods)
    if job.state is JobState.COMPLETE:
        good = next((pod for pod in pods if pod.exit_code == 0), None)
        said = answer.read_line(good.message) if good else None
        return Ended(Outcome.SUCCEEDED, "", at, said.rows if said else None, disrupted)
    if job.state is JobState.ACTIVE:
        return _active(pods, disrupted, now, patience)
    if job.reason == "DeadlineExceeded":
        return Ended(Outcome.RETRY, "The attempt took longer than attemptDeadlineSeconds allows.", at, None, disrupted)
    pod = _telling(pods)
    code = pod.exit_code if pod else _code_of(job)
    deleted = pod is None or pod.gone_by is not None
    if code is None or (deleted and code in {ExitCode.TRY_AGAIN, _KILLED, _TERMINATED}):
        return Ended(Outcome.DISRUPTED, "Its pod was deleted.", at, None, disrupted)
    return Ended(_BY_CODE.get(_known(code), Outcome.RETRY), _sentence(code, pod), at, None, disrupted)


def lags(job: ObservedJob, pods: Sequence[ObservedPod], now: datetime) -> bool:
    """Tell whether the watch of pods is behind: a Job is over only after its pods are.

    A clock that is wrong by more than ``LAG`` waits for nothing.
    """
    if job.state is JobState.ACTIVE or job.finished is None:
        return False
    return abs(now - job.finished) < LAG and any(not pod.ended for pod in pods)


def _active(pods: Sequence[ObservedPod], disrupted: int, now: datetime, patience: timedelta) -> Ended | None:
    running = [pod for pod in pods if not pod.ended]
    if running and all(pod.lost(now, patience) for pod in running):
        return Ended(Outcome.DISRUPTED, "Its node was lost.", now, None, disrupted)
    if disrupted > FORGIVEN:
        return Ended(Outcome.RETRY, f"The platform ended its pods {disrupted} times.", now)
    return None


def _telling(pods: Sequence[ObservedPod]) -> ObservedPod | None:
    """Return the pod that made the Job fail: the last one that ended by itself."""
    failed = [pod for pod in pods if pod.exit_code not in {None, 0} and not pod.disrupted]
    return max(failed, key=lambda pod: (pod.created, pod.name), default=None)


def _code_of(job: ObservedJob) -> int | None:
    found = _EXIT_CODE.search(job.message)
    return int(found[1]) if found else None


def _known(code: int) -> ExitCode:
    return ExitCode(code) if code in set(ExitCode) else ExitCode.BUG


def _sentence(code: int, pod: ObservedPod | None) -> str:
    """Return one line: the container's own sentence when it left one."""
    if pod is not None and pod.oom_killed:
        return "It ran out of memory (OOMKilled). Raise the memory limit of this step in the operator's configuration."
    said = answer.read_line(pod.message) if pod else None
    meaning = _MEANINGS.get(_known(code)) if code in set(ExitCode) else "it ended without saying why; see the pod's log"
    own = said.message if said and said.message else f"{meaning}."
    return " ".join(f"Exit code {code}: {own}".split())[:_LINE]
