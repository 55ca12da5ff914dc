"""Latching: what the Jobs show to be over is written into the status, once. Pure."""

from __future__ import annotations

from datetime import timedelta

from voc_models.run import Step
from voc_operator.decision import AttemptEnd
from voc_operator.draft import Draft, Unit
from voc_operator.jobs import Attempt, job_name
from voc_operator.observed import JobState
from voc_operator.outcome import FORGIVEN, LAG, Ended, Outcome, ended
from voc_operator.status import BuildingPhase, BuildingStatus

#: Exit codes 69 in a row that make an outage.
OUTAGE = 3
_LONGEST_RETRY = 30
_LONGEST_OUTAGE = 20
#: The Stopped condition's reasons.
USAGE_ERROR, DEADLINE_EXCEEDED = "UsageError", "DeadlineExceeded"


def settle(draft: Draft) -> None:
    """Latch the end of every attempt that is over, in the order in which they ended."""
    while found := _over(draft):
        for unit, end in sorted(found.items(), key=lambda one: (one[1].at, one[0])):
            _latch(draft, unit, end)


def _over(draft: Draft) -> dict[Unit, Ended]:
    found = {}
    for unit in draft.unfinished_units():
        job = draft.current_job(unit)
        if job is not None:
            end = ended(job, draft.pods.get(job.uid, []), draft.now, draft.patience)
            if end is not None:
                found[unit] = end
            elif job.finished is not None:
                draft.look_again(job.finished + LAG)
        elif draft.facts.conflicts and (name := _next_name(draft, unit)) in draft.facts.conflicts:
            message = f"Job {name} exists and belongs to somebody else; delete it."
            draft.say("Warning", "JobNameTaken", f"{name_of(unit)}: {message}")
            found[unit] = Ended(Outcome.RETRY, message, draft.now)
    return found


def _next_name(draft: Draft, unit: Unit) -> str:
    return job_name(draft.run, Attempt(*unit, draft.unit(unit).jobs))


def _latch(draft: Draft, unit: Unit, end: Ended) -> None:
    line = draft.unit(unit)
    job = draft.current_job(unit)
    if job is not None and job.state is JobState.ACTIVE:
        draft.drop(job)
    in_a_row = draft.get("outages") + 1 if end.outcome is Outcome.OUTAGE else 0
    if end.outcome in {Outcome.OUTAGE, Outcome.SUCCEEDED, Outcome.RETRY, Outcome.DATA}:
        _outage(draft, in_a_row, end.message)
    forgiven = (end.outcome is Outcome.DISRUPTED and line.disruptions < FORGIVEN) or in_a_row >= OUTAGE
    changes: dict[str, object] = {
        "jobs": line.jobs + 1,
        "disruptions": line.disruptions + max(end.disruptions, int(end.outcome is Outcome.DISRUPTED)),
        "attempts": line.attempts + (not forgiven),
        "message": end.message or None,
        "not_before": None,
    }
    if end.outcome is Outcome.SUCCEEDED:
        changes |= {"phase": BuildingPhase.SUCCEEDED, "rows": end.rows}
    elif end.outcome in {Outcome.DATA, Outcome.USAGE} or (not forgiven and _spent(draft, line)):
        changes |= {"phase": BuildingPhase.FAILED}
    else:
        changes |= {"phase": BuildingPhase.RETRYING}
        if not forgiven:
            pause = draft.config.retry_pause_seconds * min(2 ** (line.attempts - line.earlier), _LONGEST_RETRY)
            changes |= {"not_before": draft.now + timedelta(seconds=pause)}
    after = line.model_copy(update=changes)
    draft.put(unit, after)
    draft.ended.append(AttemptEnd(Attempt(*unit, line.jobs), end.outcome.value, end.message))
    if end.outcome is Outcome.USAGE:
        draft.condition("Stopped", True, USAGE_ERROR, f"{name_of(unit)}: {end.message} The run stops here.")
    if after.phase is BuildingPhase.FAILED:
        attempts = "1 attempt" if after.attempts == 1 else f"{after.attempts} attempts"
        draft.say("Warning", "AttemptsFailed", f"{name_of(unit)} failed after {attempts}. {end.message}")


def _spent(draft: Draft, line: BuildingStatus) -> bool:
    """Tell whether one more counted failure leaves no retry."""
    return line.attempts + 1 - line.earlier > draft.spec.backoff_limit


def _outage(draft: Draft, in_a_row: int, message: str) -> None:
    """Keep count of the exit codes 69 in a row and hold new attempts back when there are too many."""
    before = draft.get("outages")
    draft.set(outages=in_a_row)
    if in_a_row >= OUTAGE:
        pause = draft.config.outage_pause_seconds * min(2 ** (in_a_row - OUTAGE), _LONGEST_OUTAGE)
        draft.set(hold_until=draft.now + timedelta(seconds=pause))
        sentence = f"{in_a_row} attempts in a row found an upstream unavailable. {message} New attempts wait."
        if before < OUTAGE:
            draft.say("Warning", "UpstreamUnavailable", sentence)
        draft.condition("UpstreamUnavailable", True, "AttemptsFailed", sentence)
    elif before >= OUTAGE:
        draft.set(hold_until=None)
        draft.condition("UpstreamUnavailable", False, "Recovered", "The upstream answers again.")
        draft.say("Normal", "UpstreamRecovered", "The upstream answers again; the run goes on.")


def name_of(unit: Unit) -> str:
    """Return what people call a unit."""
    step, building = unit
    return f"Building {building}" if step is Step.BUILDING else f"Step {step.value}"
