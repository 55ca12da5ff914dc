"""The run's clock: only time in which it works counts towards activeDeadlineSeconds. Pure."""

from __future__ import annotations

from datetime import timedelta

from voc_operator.draft import Draft
from voc_operator.status import BuildingPhase


def count(draft: Draft) -> bool:
    """Add the time since the last reconcile if the run worked; return whether the deadline has passed.

    Suspended, waiting, held back and queued time does not count, and a clock that jumps backwards adds nothing.
    """
    since = draft.get("counted_at")
    working = is_working(draft)
    seconds = float(draft.get("active_seconds"))
    if working and since is not None:
        seconds += max(0.0, (draft.now - since).total_seconds())
    draft.set(active_seconds=seconds, counted_at=draft.now if working else None)
    left = draft.spec.active_deadline_seconds - seconds
    if working and left > 0:
        draft.look_again(draft.now + timedelta(seconds=left))
    return left <= 0


def is_working(draft: Draft) -> bool:
    """Tell whether a Job of the run is admitted, or a retry's pause is all that it waits for."""
    jobs = draft.unfinished_jobs()
    if jobs:
        return not all(job.suspended for job in jobs)
    if draft.spec.suspend or draft.get("hold_until") is not None:
        return False
    lines = [*draft.buildings.values(), *draft.steps.values()]
    return any(line.phase is BuildingPhase.RETRYING for line in lines)
