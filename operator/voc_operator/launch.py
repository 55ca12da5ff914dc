"""Which attempts to start now. Pure."""

from __future__ import annotations

from voc_models.run import Step
from voc_operator.draft import DONE, Draft, Unit
from voc_operator.jobs import Attempt
from voc_operator.settle import OUTAGE
from voc_operator.status import BuildingPhase


def launch_step(draft: Draft, step: Step) -> None:
    """Start the next attempt of a step that is no building, if it may."""
    unit = (step, "")
    draft.put(unit, draft.unit(unit))
    if _held(draft):
        return
    if ready(draft, unit):
        _start(draft, unit)


def launch_buildings(draft: Draft) -> None:
    """Fill up to ``parallelism`` unfinished building Jobs, in the plan's order."""
    mark_running(draft)
    if _held(draft):
        return
    busy = [job for job in draft.unfinished_jobs() if job.attempt.step is Step.BUILDING]
    # While an upstream is down one attempt asks for all.
    most = 1 if draft.get("outages") >= OUTAGE else draft.spec.parallelism
    free = most - len(busy)
    for building, line in draft.buildings.items():
        if free <= 0:
            break
        if line.phase not in DONE and ready(draft, (Step.BUILDING, building)):
            _start(draft, (Step.BUILDING, building))
            free -= 1


def ready(draft: Draft, unit: Unit) -> bool:
    """Tell whether a new attempt of ``unit`` may start now; otherwise ask to be woken when it may."""
    line = draft.unit(unit)
    if draft.current_job(unit) is not None:
        return False
    if line.not_before is not None and line.not_before > draft.now:
        draft.look_again(line.not_before)
        return False
    living = draft.living(unit)
    for pod in living:
        if pod.gone_by is not None:
            draft.look_again(pod.gone_by + draft.patience)
    return not living


def mark_running(draft: Draft) -> None:
    """Let the lines of buildings say whether a Job of theirs is there; a Job that somebody deleted runs no more."""
    for building, line in draft.buildings.items():
        if line.phase in DONE:
            continue
        there = draft.current_job((Step.BUILDING, building)) is not None
        if there and line.phase is not BuildingPhase.RUNNING:
            draft.buildings[building] = line.model_copy(update={"phase": BuildingPhase.RUNNING})
        elif not there and line.phase is BuildingPhase.RUNNING:
            idle = BuildingPhase.RETRYING if line.jobs else BuildingPhase.WAITING
            draft.buildings[building] = line.model_copy(update={"phase": idle})


def _start(draft: Draft, unit: Unit) -> None:
    line = draft.unit(unit)
    draft.create.append(Attempt(*unit, line.jobs))
    draft.put(unit, line.model_copy(update={"phase": BuildingPhase.RUNNING, "not_before": None}))
    if draft.get("start_time") is None:
        draft.set(start_time=draft.now.replace(microsecond=0))


def _held(draft: Draft) -> bool:
    """Tell whether nothing new may start: the run is suspended, or an outage has its pause."""
    if draft.spec.suspend:
        return True
    until = draft.get("hold_until")
    if until is not None and until > draft.now:
        draft.look_again(until)
        return True
    return False
