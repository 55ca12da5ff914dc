"""From a run and what is observed of it to the next status and what to do. Pure: no clock, no cluster, no store.

Called again with the same facts it answers the same; called after any loss (of the operator, an event, a Job, a pod)
it goes on from what is there. An attempt that ended is latched in the status; for others the Jobs are the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from voc_models.run import Mode, Step
from voc_operator import deadline, launch, lifecycle
from voc_operator.config import OperatorConfig
from voc_operator.decision import Decision, Facts, Run
from voc_operator.draft import DONE, Draft
from voc_operator.observed import JobState, Observed, ObservedPod
from voc_operator.settle import DEADLINE_EXCEEDED, settle
from voc_operator.status import FINISHED, BuildingPhase, BuildingStatus, ModelStatus, Phase

_STORE_RETRY = timedelta(seconds=10)
_WAITING_RETRY = timedelta(seconds=30)


def reconcile(run: Run, observed: Observed, facts: Facts, config: OperatorConfig) -> Decision:
    """Return what follows for ``run`` from what is known now."""
    draft = Draft(run, observed, facts, config)
    if not run.deleting:
        _reconcile(draft)
        _count(draft)
    return draft.decision()


def _reconcile(draft: Draft) -> None:
    if draft.get("phase") in FINISHED and not lifecycle.after_the_end(draft):
        return
    if not lifecycle.begin(draft):
        return
    settle(draft)
    if draft.spec.cancel:
        _cancel(draft)
        return
    _suspend(draft)
    if _waits(draft):
        return
    _stop(draft)
    _go_on(draft)
    _tell_blocked(draft)


def _cancel(draft: Draft) -> None:
    """End everything; the run is Cancelled when nothing of it runs any more."""
    for job in draft.unfinished_jobs():
        draft.drop(job)
    living = [pod for unit in draft.live for pod in draft.living(unit)]
    if draft.unfinished_jobs() or living:
        draft.condition("Succeeded", None, "Cancelling", _cancelling(living))
        # A pod of a dead node never says that it ended.
        ends = [pod.gone_by + draft.patience for pod in living if pod.gone_by]
        draft.look_again(min([*ends, draft.now + _WAITING_RETRY]))
        return
    launch.mark_running(draft)
    draft.finish(Phase.CANCELLED, "Cancelled", "The run was cancelled. What had finished stays.")


def _cancelling(living: Sequence[ObservedPod]) -> str:
    """Return what is waited for; a pod without its Job ends by itself only, for the operator may not delete pods."""
    orphans = sorted(pod.name for pod in living if not pod.job_uid and pod.gone_by is None)
    if not orphans:
        return "The run is being cancelled; its pods are ending."
    return f"The run is being cancelled; these pods lost their Job and work on: {', '.join(orphans)}. Delete them."


def _suspend(draft: Draft) -> None:
    """Take back what only waits in a queue; what runs finishes."""
    if not draft.spec.suspend:
        if draft.is_true("Suspended"):
            draft.condition("Suspended", False, "Resumed", "The run goes on.")
            draft.say("Normal", "Resumed", "The run goes on.")
        return
    if not draft.is_true("Suspended"):
        draft.say("Normal", "Suspended", "No new attempts are started; those that run finish.")
    draft.condition("Suspended", True, "Suspended", "spec.suspend is true: no new attempts; those that run finish.")
    draft.set(phase=Phase.SUSPENDED)
    for job in draft.unfinished_jobs():
        if job.suspended:
            draft.drop(job)


def _waits(draft: Draft) -> bool:
    """Tell whether another run works on the same month; only a run that has nothing under way waits."""
    other = draft.facts.blocked_by
    if other and not draft.unfinished_jobs() and draft.get("phase") in {Phase.PENDING, Phase.SUSPENDED}:
        sentence = f"Waits for run {other}, which works on the same month and buildings."
        if draft.spec.mode is Mode.TRAIN:
            sentence = f"Waits for run {other}, which is training."
        if not draft.is_true("Waiting"):
            draft.say("Normal", "Waiting", sentence)
        draft.condition("Waiting", True, "OtherRun", sentence)
        draft.set(counted_at=None)
        draft.look_again(draft.now + _WAITING_RETRY)
        return True
    draft.clear("Waiting", "Free", "No other run works on the same month and buildings.")
    return False


def _stop(draft: Draft) -> None:
    """Give up what is unfinished when the deadline has passed or a step said that the configuration is wrong."""
    if draft.is_true("Stopped"):
        lines = {unit: draft.unit(unit) for unit in draft.unfinished_units()}
        if any(unit[0] is not Step.PUBLISH for unit in lines):
            lifecycle.fail_unfinished(draft, "The run was stopped before its turn.")
        return
    publishing = (Step.PUBLISH.value in draft.steps) and draft.steps[Step.PUBLISH.value].phase not in DONE
    if deadline.count(draft) and not publishing:
        seconds = draft.spec.active_deadline_seconds
        message = f"The run worked longer than activeDeadlineSeconds ({seconds} s)."
        draft.condition("Stopped", True, DEADLINE_EXCEEDED, message)
        draft.say("Warning", DEADLINE_EXCEEDED, message)
        lifecycle.fail_unfinished(draft, message)


def _go_on(draft: Draft) -> None:
    prepare = draft.unit((Step.PREPARE, ""))
    if prepare.phase is BuildingPhase.FAILED:
        draft.finish(Phase.FAILED, "PrepareFailed", f"Prepare failed. {prepare.message or ''} {lifecycle.again(draft)}")
    elif prepare.phase is not BuildingPhase.SUCCEEDED:
        _phase(draft, Phase.PREPARING)
        launch.launch_step(draft, Step.PREPARE)
        if draft.create and prepare.jobs == 0:
            draft.say("Normal", "Preparing", f"Preparing {draft.get('month')}: the run's plan is being made.")
    elif _planned(draft):
        if draft.middle is Step.TRAIN:
            _train(draft)
        else:
            _buildings(draft)


def _planned(draft: Draft) -> bool:
    """Take the plan over, once; return whether the run has one."""
    if draft.get("total") is not None:
        return True
    plan = draft.facts.plan
    if plan is None or plan.run_id != draft.get("run_id"):
        draft.needs_plan = True
        _phase(draft, Phase.PREPARING)
        if draft.facts.plan_fault:
            sentence = f"The plan cannot be read from the store. {draft.facts.plan_fault} It is tried again."
            if not draft.is_true("UpstreamUnavailable"):
                draft.say("Warning", "StoreUnavailable", sentence)
            draft.condition("UpstreamUnavailable", True, "StoreUnavailable", sentence)
            draft.look_again(draft.now + _STORE_RETRY)
        return False
    draft.clear("UpstreamUnavailable", "Recovered", "The store answers.")
    draft.set(model=ModelStatus(release=plan.model.release, digest=plan.model.digest))
    if draft.middle is Step.TRAIN:
        draft.set(total=1)
        months = ", ".join(str(month) for month in plan.train_months)
        draft.say("Normal", "Planned", f"Training on the reviewed rows of {months}.")
        return True
    draft.buildings = {building.id: BuildingStatus() for building in plan.buildings}
    draft.set(total=len(plan.buildings))
    rows = sum(building.rows for building in plan.buildings)
    model = "the keyword tagger" if plan.model.release == "keyword" else f"model {plan.model.release}"
    draft.say("Normal", "Planned", f"{len(plan.buildings)} buildings with {rows} VOC in {plan.month}, {model}.")
    return True


def _train(draft: Draft) -> None:
    line = draft.unit((Step.TRAIN, ""))
    if line.phase is BuildingPhase.SUCCEEDED:
        _publish(draft)
    elif line.phase is BuildingPhase.FAILED:
        _count(draft)
        lifecycle.conclude(draft)
    else:
        _phase(draft, Phase.RUNNING)
        launch.launch_step(draft, Step.TRAIN)


def _buildings(draft: Draft) -> None:
    if not lifecycle.all_done(draft):
        _phase(draft, Phase.RUNNING)
        launch.launch_buildings(draft)
        return
    _count(draft)
    if draft.get("succeeded"):
        _publish(draft)
    else:
        lifecycle.conclude(draft)


def _publish(draft: Draft) -> None:
    line = draft.unit((Step.PUBLISH, ""))
    if line.phase in DONE:
        _count(draft)
        lifecycle.conclude(draft)
        return
    _phase(draft, Phase.PUBLISHING)
    # What was given up may still be ending, and publish must not read beside it.
    if any(job.attempt.step is draft.middle for job in draft.unfinished_jobs()):
        return
    launch.launch_step(draft, Step.PUBLISH)


def _phase(draft: Draft, phase: Phase) -> None:
    if not draft.spec.suspend:
        draft.set(phase=phase)


def _tell_blocked(draft: Draft) -> None:
    """Say in a condition why pods do not start, after they had their time."""
    patience = timedelta(seconds=draft.config.blocked_seconds)
    stuck = []
    for pods in draft.live.values():
        for pod in pods:
            if not pod.blocked or pod.gone_by is not None:
                continue
            due = (pod.pending_since or pod.created) + patience
            if due <= draft.now:
                stuck.append(pod)
            else:
                draft.look_again(due)
    if not stuck:
        draft.clear("PodsBlocked", "Started", "Every pod starts.")
        return
    # What somebody must mend comes before what only waits for a free node.
    first = min(stuck, key=lambda pod: (pod.waits_for_room, pod.created, pod.name))
    how_many = "1 pod does" if len(stuck) == 1 else f"{len(stuck)} pods do"
    sentence = f"{how_many} not start. {first.name}: {first.blocked}"
    reason = first.blocked.partition(":")[0]
    if not draft.is_true("PodsBlocked"):
        draft.say("Warning", "PodsBlocked", sentence)
    draft.condition("PodsBlocked", True, reason, sentence)


def _count(draft: Draft) -> None:
    """Recompute the counts from the lines."""
    if draft.get("total") is None:
        return
    lines = draft.buildings.values()
    if draft.middle is Step.TRAIN:
        lines = {"": draft.unit((Step.TRAIN, ""))}.values()
    phases = [line.phase for line in lines]
    good, bad = phases.count(BuildingPhase.SUCCEEDED), phases.count(BuildingPhase.FAILED)
    done, total = good + bad, draft.get("total")
    active = sum(job.state is JobState.ACTIVE and job.attempt.step is draft.middle for job in draft.jobs.values())
    active += sum(attempt.step is draft.middle for attempt in draft.create)
    if (good, bad) != (draft.get("succeeded"), draft.get("failed")):
        draft.set(eta=_eta(draft, done, total))
    draft.set(succeeded=good, failed=bad, active=active, progress=f"{done}/{total}")


def _eta(draft: Draft, done: int, total: int) -> object:
    start = draft.get("start_time")
    if not done or done == total or start is None or draft.get("phase") in FINISHED:
        return None
    return (draft.now + (draft.now - start) / done * (total - done)).replace(microsecond=0)
