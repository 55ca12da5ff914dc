"""Beginning, end, and what comes after the end: retryFailed and the TTL. Pure."""

from __future__ import annotations

from datetime import timedelta

from voc_models.exit_codes import VocError
from voc_models.run import Step, resolve_month, run_id
from voc_operator.config import OperatorConfig
from voc_operator.draft import DONE, Draft
from voc_operator.settle import USAGE_ERROR
from voc_operator.status import BuildingPhase, BuildingStatus, Images, Phase

_NAMED = 10


def begin(draft: Draft) -> bool:
    """Settle once what never changes: month, run id, images. Return False when the run cannot begin."""
    if draft.get("run_id") is not None:
        return True
    # Only a number that is raised afterwards asks for another try.
    draft.set(retry_failed=draft.spec.retry_failed)
    try:
        month = resolve_month(draft.spec.month, draft.run.created, draft.spec.time_zone)
    except VocError as error:
        draft.finish(Phase.FAILED, "MonthRefused", str(error))
        return False
    name = run_id(draft.spec.mode, draft.run.created, draft.run.uid)
    draft.set(month=month, run_id=name, images=images(draft.config))
    draft.condition("Succeeded", None, "Pending", f"The run of {month} has not finished.")
    return True


def images(config: OperatorConfig) -> Images:
    """Return today's images."""
    return Images(
        worker=config.worker_image,
        worker_gpu=config.worker_gpu_image or config.worker_image,
        trainer=config.trainer_image,
    )


def conclude(draft: Draft) -> None:
    """End a run whose buildings and publish are all over, as minSucceeded says."""
    total, good, bad = draft.get("total") or 0, draft.get("succeeded"), draft.get("failed")
    if draft.unit((Step.PUBLISH, "")).phase is BuildingPhase.FAILED:
        why = draft.unit((Step.PUBLISH, "")).message or ""
        draft.finish(Phase.FAILED, "PublishFailed", f"Publishing failed. {why} {again(draft)}")
    elif draft.is_true("Stopped") and _stop_reason(draft) == USAGE_ERROR:
        draft.finish(Phase.FAILED, USAGE_ERROR, f"{_stop_message(draft)} Correct it and {again(draft, start=False)}")
    elif total == 0:
        draft.condition("NoBuildings", True, "NothingToDo", f"No building has VOC in {draft.get('month')}.")
        draft.finish(Phase.SUCCEEDED, "NothingToDo", f"No building has VOC in {draft.get('month')}: nothing to do.")
    elif bad == 0:
        what = "The model was trained and judged." if draft.middle is Step.TRAIN else f"All {total} buildings are done."
        draft.finish(Phase.SUCCEEDED, "Succeeded", what)
    else:
        enough = good > 0 and good * 100 >= int(draft.spec.min_succeeded.removesuffix("%")) * total
        phase = Phase.PARTIALLY_SUCCEEDED if enough else Phase.FAILED
        draft.finish(phase, phase.value, f"{bad} of {total} failed: {_failures(draft)}. {again(draft)}")


def again(draft: Draft, *, start: bool = True) -> str:
    """Return the sentence that says how to run what failed once more."""
    return f"{'R' if start else 'r'}aise spec.retryFailed to {draft.spec.retry_failed + 1} to run what failed again."


def _stop_reason(draft: Draft) -> str:
    return next(one.reason for one in draft.conditions if one.type == "Stopped")


def _stop_message(draft: Draft) -> str:
    return next(one.message for one in draft.conditions if one.type == "Stopped")


def _failures(draft: Draft) -> str:
    lines = [(name, line) for name, line in draft.buildings.items() if line.phase is BuildingPhase.FAILED]
    lines = lines or [(name, line) for name, line in draft.steps.items() if line.phase is BuildingPhase.FAILED]
    told = [f"{name} ({(line.message or 'no reason').rstrip('.')})" for name, line in lines[:_NAMED]]
    more = f" and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
    return ", ".join(told) + more


def after_the_end(draft: Draft) -> bool:
    """Take up a run whose retryFailed was raised, or remove its Jobs after the TTL; say whether it goes on."""
    asked = draft.spec.retry_failed
    if asked > draft.get("retry_failed"):
        draft.set(retry_failed=asked)
        if _reopen(draft):
            return True
        draft.say("Normal", "NothingToRetry", "spec.retryFailed was raised, but nothing of this run failed.")
    completed = draft.get("completion_time") or draft.now
    due = completed + timedelta(seconds=draft.spec.ttl_seconds_after_finished)
    if due > draft.now:
        if draft.jobs:
            draft.look_again(due)
        return False
    for job in draft.jobs.values():
        draft.drop(job)
    return False


def _reopen(draft: Draft) -> bool:
    """Give everything that failed a new budget and today's images; the model stays."""
    if draft.get("phase") is Phase.CANCELLED:
        return False
    failed = [name for name, line in draft.buildings.items() if line.phase is not BuildingPhase.SUCCEEDED]
    steps = [name for name, line in draft.steps.items() if line.phase is not BuildingPhase.SUCCEEDED]
    if not failed and not steps and draft.get("run_id") is not None:
        return False
    for name in failed:
        draft.buildings[name] = _fresh(draft.buildings[name])
    # What was published without them is published again.
    for name in {*steps, *([Step.PUBLISH.value] if Step.PUBLISH.value in draft.steps else [])}:
        draft.steps[name] = _fresh(draft.steps[name])
    draft.set(phase=Phase.PENDING, completion_time=None, active_seconds=0.0, counted_at=None)
    draft.set(images=_next_images(draft), outages=0, hold_until=None)
    draft.conditions = [one for one in draft.conditions if one.type != "Stopped"]
    draft.condition("Succeeded", None, "Retrying", "What failed runs again.")
    draft.say("Normal", "Retrying", f"{len(failed)} buildings run again." if failed else "The failed step runs again.")
    return True


def _next_images(draft: Draft) -> Images:
    """Return today's images, marked when they are not those on which something has succeeded."""
    before: Images | None = draft.get("images")
    today = images(draft.config)
    done = (*draft.run.status.buildings.values(), *draft.run.status.steps.values())
    kept = any(line.phase is BuildingPhase.SUCCEEDED for line in done)
    mixed = before is not None and kept and (before.mixed or before != today)
    return today.model_copy(update={"mixed": mixed})


def _fresh(line: BuildingStatus) -> BuildingStatus:
    changes = {"phase": BuildingPhase.WAITING, "earlier": line.attempts, "message": None, "not_before": None}
    return line.model_copy(update=changes)


def fail_unfinished(draft: Draft, message: str) -> None:
    """Give up every unit that is not done, and its Job."""
    for unit in draft.unfinished_units():
        job = draft.current_job(unit)
        if job is not None:
            draft.drop(job)
        line = draft.unit(unit)
        jobs = line.jobs + (1 if job is not None else 0)
        changes = {"phase": BuildingPhase.FAILED, "message": line.message or message, "jobs": jobs, "not_before": None}
        draft.put(unit, line.model_copy(update=changes))


def all_done(draft: Draft) -> bool:
    """Tell whether every building is over."""
    return all(line.phase in DONE for line in draft.buildings.values())
