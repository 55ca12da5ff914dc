"""What becomes of a run whose pods, Jobs or nodes have trouble."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.operator_world import prepared
from voc_models.run import Step
from voc_operator.jobs import Attempt, job_name
from voc_operator.status import BuildingPhase, Phase


def test_out_of_memory_counts_as_an_attempt_and_says_what_to_raise() -> None:
    """OOM is not the platform's fault."""
    one = prepared(buildings=("95",), backoff_limit=0)
    one.end(one.active(Step.BUILDING)[0], 137, oom=True)
    one.step()
    assert "memory" in (one.status.buildings["95"].message or "")
    assert one.status.phase is Phase.FAILED


def test_a_pod_deleted_by_hand_is_a_disruption_up_to_six_times() -> None:
    """The platform's interruptions are forgiven six times, then they count."""
    one = prepared(buildings=("95",), backoff_limit=0)
    for _ in range(6):
        one.delete_pod(one.active(Step.BUILDING)[0])
        one.step()
    line = one.status.buildings["95"]
    assert (line.attempts, line.disruptions) == (0, 6)
    one.delete_pod(one.active(Step.BUILDING)[0])
    one.step()
    assert one.status.buildings["95"].phase is BuildingPhase.FAILED


@pytest.mark.parametrize(("code", "told"), [(0, (3, 1, 0, None)), (137, (None, 1, 0, "Exit code 137"))])
def test_a_pod_whose_watch_lags_behind_its_jobs_is_waited_for(code: int, told: tuple[object, ...]) -> None:
    """A Job is over only after its pods: what the pod told, and whether it was deleted, is known a moment later."""
    one = prepared(buildings=("95",), backoff_limit=5)
    (name,) = one.active(Step.BUILDING)
    (before,) = one.running_pods(name)
    one.end(name, code)
    after, one.pods[before.uid] = one.pods[before.uid], before
    one.step()
    assert one.status.buildings["95"].jobs == 0
    assert one.last is not None
    assert one.last.wake == one.now + timedelta(seconds=10)
    one.pods[before.uid] = after
    one.step()
    line = one.status.buildings["95"]
    assert (line.rows, line.attempts, line.disruptions, (line.message or "")[:13] or None) == told


def test_a_pod_that_says_nothing_more_does_not_hold_its_job_up() -> None:
    """The Job's own condition counts after ten seconds, and at once where the clocks differ by more."""
    for seconds in (11, -3600):
        one = prepared(buildings=("95",))
        (name,) = one.active(Step.BUILDING)
        (before,) = one.running_pods(name)
        one.end(name)
        one.pods[before.uid] = before
        one.wait(seconds)
        one.step()
        assert (one.status.buildings["95"].phase, one.status.buildings["95"].rows) == (BuildingPhase.SUCCEEDED, None)


def test_a_job_deleted_by_hand_is_made_again() -> None:
    """Nothing is counted; the same attempt is there again."""
    one = prepared(buildings=("95",))
    one.delete_job(one.active(Step.BUILDING)[0])
    one.step()
    assert len(one.active(Step.BUILDING)) == 1
    assert one.play().buildings["95"].attempts == 1


def test_a_pod_that_outlives_its_job_holds_the_next_attempt_back() -> None:
    """Two pods never work on one building."""
    one = prepared(buildings=("95",))
    one.orphan(one.active(Step.BUILDING)[0])
    one.step()
    assert not one.active()
    one.end_orphans()
    one.step()
    assert len(one.active(Step.BUILDING)) == 1


def test_a_lost_node_does_not_keep_the_run_for_ever() -> None:
    """A pod that never confirms its end is given up after its grace and five minutes; until then nothing new starts."""
    one = prepared(buildings=("95",))
    (name,) = one.active(Step.BUILDING)
    one.lose_node(name)
    one.wait(300)
    one.step()
    assert one.created[-1] == Attempt(Step.BUILDING, "95", 0)
    one.wait(61)
    one.step()
    assert one.created[-1] == Attempt(Step.BUILDING, "95", 1)
    status = one.play()
    assert status.phase is Phase.SUCCEEDED
    assert (status.buildings["95"].attempts, status.buildings["95"].disruptions) == (1, 1)


def test_a_cancelled_run_names_the_pods_that_lost_their_job() -> None:
    """The operator may not delete pods, and without its Job such a pod has no deadline either."""
    one = prepared(buildings=("95",))
    (name,) = one.active(Step.BUILDING)
    (pod,) = one.running_pods(name)
    one.orphan(name)
    one.pods[pod.uid] = pod._replace(job_uid="")
    one.spec = one.spec.model_copy(update={"cancel": True})
    one.step()
    assert f"lost their Job and work on: {pod.name}. Delete them." in one.message("Succeeded")
    one.end_orphans()
    one.step()
    assert one.status.phase is Phase.CANCELLED


def test_pods_that_do_not_start_are_a_condition_after_a_while() -> None:
    """An image that cannot be pulled or a missing Secret is named."""
    one = prepared(buildings=("95",))
    (pod,) = one.running_pods(one.active()[0])
    why = 'CreateContainerConfigError: secret "database" not found'
    one.pods[pod.uid] = pod._replace(phase="Pending", blocked=why)
    one.step()
    assert one.condition("PodsBlocked") == ("", "")
    one.wait(61)
    one.step()
    assert one.condition("PodsBlocked") == ("True", "CreateContainerConfigError")
    assert 'secret "database" not found' in one.message("PodsBlocked")
    one.pods[pod.uid] = pod
    one.step()
    assert one.condition("PodsBlocked")[0] == "False"


def test_what_must_be_mended_is_told_before_what_waits_for_room() -> None:
    """A pod that finds no free card is older, and still the image that nobody can pull is the reason."""
    one = prepared(buildings=("95", "101"), parallelism=2)
    first, second = (one.running_pods(name)[0] for name in one.active())
    one.pods[first.uid] = first._replace(phase="Pending", blocked="Unschedulable: no card is free")
    one.pods[second.uid] = second._replace(phase="Pending", blocked="ImagePullBackOff: no such image")
    one.wait(61)
    one.step()
    assert one.condition("PodsBlocked") == ("True", "ImagePullBackOff")
    assert one.message("PodsBlocked").startswith("2 pods do not start.")


def test_a_job_of_somebody_else_costs_an_attempt_and_is_named() -> None:
    """The operator never adopts what it does not own."""
    one = prepared(buildings=("95",))
    taken = job_name(one.run, Attempt(Step.BUILDING, "95", 0))
    del one.jobs[taken]
    one.pods.clear()
    one.conflicts = frozenset({taken})
    one.step()
    assert taken in (one.status.buildings["95"].message or "")
    told = f"Building 95: Job {taken} exists and belongs to somebody else; delete it."
    assert [event.message for event in one.events if event.reason == "JobNameTaken"] == [told]
    one.conflicts = frozenset()
    one.wait(60)
    assert one.play().phase is Phase.SUCCEEDED


@pytest.mark.parametrize("message", ["\x00garbage", "x" * 100_000, "{}", '{"rows": -1}'])
def test_garbage_in_the_termination_message_changes_nothing(message: str) -> None:
    """The Job's own state decides; rows are then unknown or zero."""
    one = prepared(buildings=("95",))
    one.end(one.active()[0], 0, message=message)
    assert one.play().phase is Phase.SUCCEEDED


def test_a_lost_pod_that_was_to_be_evicted_is_one_disruption() -> None:
    """The node controller marks the pods of a dead node; that mark and the loss are one event."""
    one = prepared(buildings=("95",))
    (name,) = one.active(Step.BUILDING)
    one.lose_node(name)
    for pod in one.running_pods(name):
        one.pods[pod.uid] = pod._replace(disrupted=True)
    one.wait(400)
    one.step()
    assert one.status.buildings["95"].disruptions == 1
