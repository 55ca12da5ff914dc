"""What becomes of a run: each mode, each exit code, each thing that a person may ask for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.operator_world import START, prepared, world
from voc_models.months import Month
from voc_models.run import Mode, Step, TrainSpec
from voc_operator.decision import Facts
from voc_operator.jobs import Attempt
from voc_operator.observed import Observed
from voc_operator.reconcile import reconcile
from voc_operator.status import BuildingPhase, Phase


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.REFRESH, Mode.TAGGING_ONLY])
def test_a_month_goes_from_prepare_over_every_building_to_publish(mode: Mode) -> None:
    """Each step is one Job, each building is one Job, and the counts say so."""
    one = world(mode)
    status = one.play()
    assert status.phase is Phase.SUCCEEDED
    steps = [attempt.step for attempt in one.created]
    assert steps == [Step.PREPARE, *[Step.BUILDING] * 3, Step.PUBLISH]
    assert (status.total, status.succeeded, status.failed, status.progress) == (3, 3, 0, "3/3")
    assert status.month == Month(2025, 12)
    assert status.model is not None
    assert status.model.release == "20251120"
    assert [line.rows for line in status.buildings.values()] == [3, 3, 3]
    assert one.condition("Succeeded") == ("True", "Succeeded")


def test_training_is_one_job_between_prepare_and_publish() -> None:
    """Mode train has no buildings; its one Job is counted."""
    one = world(Mode.TRAIN, train=TrainSpec(base_model="scratch"))
    status = one.play()
    assert [attempt.step for attempt in one.created] == [Step.PREPARE, Step.TRAIN, Step.PUBLISH]
    assert (status.phase, status.progress) == (Phase.SUCCEEDED, "1/1")


def test_the_month_is_kept_whatever_the_clock_says_later() -> None:
    """The month before creation is resolved once."""
    one = world()
    one.step()
    one.wait(86400 * 62)
    one.step()
    assert one.status.month == Month(2025, 12)
    assert one.status.run_id == "full_20260101_090000_uid1"


def test_a_month_that_has_not_begun_is_a_condition() -> None:
    """CEL has no clock: the operator refuses the future by a sentence."""
    one = world(month=Month(2027, 1))
    one.step()
    assert one.status.phase is Phase.FAILED
    assert "has not begun" in one.message("Succeeded")
    assert not one.created


def test_never_more_building_jobs_than_parallelism_also_when_it_is_changed() -> None:
    """Parallelism is what is unfinished at once; raised and lowered it is obeyed from then on."""
    one = prepared(buildings=tuple(f"b{number}" for number in range(9)), parallelism=2)
    assert len(one.active(Step.BUILDING)) == 2
    one.spec = one.spec.model_copy(update={"parallelism": 5})
    one.step()
    assert len(one.active(Step.BUILDING)) == 5
    one.spec = one.spec.model_copy(update={"parallelism": 1})
    for name in one.active(Step.BUILDING)[:4]:
        one.end(name)
    one.step()
    assert len(one.active(Step.BUILDING)) == 1


@pytest.mark.parametrize("code", [70, 75, 1])
def test_a_retried_code_is_retried_after_a_pause_as_often_as_backoff_limit_says(code: int) -> None:
    """BackoffLimit 2 means three attempts, the pauses grow, and the building's line says why."""
    one = prepared(buildings=("95",), backoff_limit=2)
    for attempt in range(3):
        (name,) = one.active(Step.BUILDING)
        one.end(name, code)
        one.step()
        assert not one.active(Step.BUILDING)
        one.wait(10 * 2**attempt)
        one.step()
    line = one.status.buildings["95"]
    assert (line.phase, line.attempts) == (BuildingPhase.FAILED, 3)
    assert line.message is not None
    assert line.message.startswith(f"Exit code {code}")
    assert one.status.phase is Phase.FAILED
    assert "Raise spec.retryFailed to 1" in one.message("Succeeded")


def test_wrong_data_are_not_tried_again() -> None:
    """Exit code 65 fails its building alone and at once."""
    one = prepared(min_succeeded="60%", parallelism=1)
    one.end(one.active(Step.BUILDING)[0], 65)
    status = one.play()
    assert status.buildings["95"].attempts == 1
    assert status.phase is Phase.PARTIALLY_SUCCEEDED
    assert (status.succeeded, status.failed) == (2, 1)
    assert "95 (Exit code 65: code 65)" in one.message("Succeeded")


def test_a_wrong_configuration_stops_the_run() -> None:
    """One 64 ends what runs and starts nothing more."""
    one = prepared(parallelism=2)
    one.end(one.active(Step.BUILDING)[0], 64)
    one.step()
    assert not one.active()
    assert one.status.phase is Phase.FAILED
    assert one.condition("Succeeded") == ("False", "UsageError")
    assert [attempt.step for attempt in one.created].count(Step.BUILDING) == 2


def test_an_outage_longer_than_all_retries_loses_no_building() -> None:
    """After three exit codes 69 in a row nothing counts, pauses grow, one attempt asks for all, then all go on."""
    one = prepared(parallelism=3, backoff_limit=2)
    for name in one.active(Step.BUILDING):
        one.end(name, 69)
    one.step()
    assert one.condition("UpstreamUnavailable")[0] == "True"
    assert not one.active()
    for _ in range(12):
        one.wait(700)
        one.step()
        assert len(one.active(Step.BUILDING)) == 1
        one.end(one.active(Step.BUILDING)[0], 69)
        one.step()
    one.wait(700)
    status = one.play()
    assert status.phase is Phase.SUCCEEDED
    assert one.condition("UpstreamUnavailable")[0] == "False"
    assert max(line.attempts for line in status.buildings.values()) <= 2


def test_suspended_nothing_starts_what_runs_finishes_and_what_is_queued_is_taken_back() -> None:
    """Suspend keeps running Jobs, deletes queued ones uncounted, and resumes where it was."""
    one = prepared(parallelism=1)
    one.queued = True
    one.spec = one.spec.model_copy(update={"parallelism": 2})
    one.step()
    one.spec = one.spec.model_copy(update={"suspend": True})
    one.step()
    assert one.status.phase is Phase.SUSPENDED
    (left,) = one.active()
    one.end(left)
    one.step()
    assert not one.active()
    one.queued = False
    one.spec = one.spec.model_copy(update={"suspend": False})
    status = one.play()
    assert status.phase is Phase.SUCCEEDED
    assert {line.attempts for line in status.buildings.values()} == {1}


def test_cancel_ends_everything_and_keeps_what_had_finished() -> None:
    """A cancelled run deletes its unfinished Jobs and is Cancelled when their pods are gone."""
    one = prepared(parallelism=2)
    one.end(one.active(Step.BUILDING)[0])
    one.spec = one.spec.model_copy(update={"cancel": True})
    one.step()
    assert one.status.phase is Phase.CANCELLED
    assert not one.active()
    assert one.status.completion_time is not None
    assert one.status.buildings["95"].phase is BuildingPhase.SUCCEEDED


def test_retry_failed_runs_what_failed_with_a_new_budget_and_publishes_again() -> None:
    """Also after the TTL removed the Jobs; the finished buildings are left alone and names never repeat."""
    one = prepared(parallelism=3, backoff_limit=0, min_succeeded="50%", ttl_seconds_after_finished=60)
    one.end(one.active(Step.BUILDING)[0], 70)
    assert one.play().phase is Phase.PARTIALLY_SUCCEEDED
    one.wait(61)
    one.step()
    assert not one.jobs
    one.spec = one.spec.model_copy(update={"retry_failed": 1})
    before = len(one.created)
    assert one.play().phase is Phase.SUCCEEDED
    assert one.created[before:] == [Attempt(Step.BUILDING, "95", 1), Attempt(Step.PUBLISH, "", 1)]
    assert (one.status.succeeded, one.status.failed) == (3, 0)


@pytest.mark.parametrize(("image", "mixed"), [("worker:1", False), ("worker:2", True)])
def test_a_retry_on_another_image_says_that_the_run_mixed_them(image: str, mixed: bool) -> None:
    """What had succeeded was made by the image of before: the run proves neither."""
    one = prepared(parallelism=3, backoff_limit=0, min_succeeded="50%")
    one.end(one.active(Step.BUILDING)[0], 70)
    assert one.play().images is not None
    one.config = one.config.model_copy(update={"worker_image": image})
    one.spec = one.spec.model_copy(update={"retry_failed": 1})
    images = one.play().images
    assert images is not None
    assert (images.worker, images.mixed) == (image, mixed)


def test_the_deadline_ends_what_works_and_publishes_what_is_there() -> None:
    """Only time in which the run works counts."""
    one = prepared(parallelism=2, active_deadline_seconds=1000, min_succeeded="30%")
    one.end(one.active(Step.BUILDING)[0])
    one.step()
    one.spec = one.spec.model_copy(update={"suspend": True})
    one.end(one.active(Step.BUILDING)[0], 70)
    one.end(one.active(Step.BUILDING)[0], 70)
    one.step()
    one.wait(50_000)
    one.step()
    one.spec = one.spec.model_copy(update={"suspend": False})
    one.step()
    assert one.status.phase is Phase.RUNNING
    one.wait(1001)
    one.step()
    assert one.condition("Stopped") == ("True", "DeadlineExceeded")
    assert [one.jobs[name].attempt.step for name in one.active()] == [Step.PUBLISH]
    assert one.play().phase is Phase.PARTIALLY_SUCCEEDED


def test_no_building_in_the_month_is_a_success_with_a_condition() -> None:
    """There was nothing to do, and the run says so."""
    one = world(buildings=())
    status = one.play()
    assert (status.phase, status.total, status.progress) == (Phase.SUCCEEDED, 0, "0/0")
    assert one.condition("NoBuildings") == ("True", "NothingToDo")


def test_a_store_that_is_down_is_a_condition_and_a_retry() -> None:
    """The plan is read again until the store answers."""
    one = world()
    one.store_fault = "s3://b does not answer."
    one.step()
    one.end(one.active()[0])
    one.step()
    assert one.condition("UpstreamUnavailable") == ("True", "StoreUnavailable")
    assert one.last is not None
    assert one.last.needs_plan
    assert one.last.wake is not None
    one.store_fault = ""
    assert one.play().phase is Phase.SUCCEEDED


def test_a_second_run_waits_and_says_for_whom() -> None:
    """Nothing starts while another run has the month."""
    one = world()
    one.blocked_by = "full-again"
    one.step()
    assert not one.created
    assert one.status.phase is Phase.PENDING
    assert "full-again" in one.message("Waiting")
    one.blocked_by = ""
    assert one.play().phase is Phase.SUCCEEDED
    assert one.condition("Waiting")[0] == "False"


def test_times_that_people_read_are_whole_seconds() -> None:
    """As Kubernetes writes its own."""
    one = world()
    one.now = START + timedelta(microseconds=123)
    status = one.play()
    times = [status.start_time, status.completion_time, *(each.last_transition_time for each in status.conditions)]
    assert [time.microsecond for time in times if time is not None] == [0] * len(times)


def test_nothing_is_created_for_a_run_that_is_being_deleted() -> None:
    """The garbage collector removes what the run owns."""
    one = world()
    one.deleting = True
    one.step()
    assert not one.created


def test_a_clock_that_jumps_back_adds_no_time() -> None:
    """Clock skew neither ends a run nor breaks it."""
    one = prepared(buildings=("95",), active_deadline_seconds=600)
    one.now = START - timedelta(days=2)
    one.step()
    assert one.status.active_seconds >= 0
    assert one.play().phase is Phase.SUCCEEDED


def test_prepare_that_fails_fails_the_run_and_can_be_run_again() -> None:
    """An unknown building is the data's fault: one attempt, the reason in the condition, retryFailed takes it up."""
    one = world()
    one.step()
    one.end(one.active()[0], 65)
    one.step()
    assert one.condition("Succeeded") == ("False", "PrepareFailed")
    one.spec = one.spec.model_copy(update={"retry_failed": 1})
    assert one.play().phase is Phase.SUCCEEDED


def test_a_run_created_with_retry_failed_is_not_run_twice() -> None:
    """What counts is that the number was raised since the run began: a manifest applied anew is a new run."""
    one = world(retry_failed=3, backoff_limit=0)
    one.play(code=70)
    assert one.status.phase is Phase.FAILED
    assert [attempt.step for attempt in one.created] == [Step.PREPARE]


def test_the_decision_that_ends_a_run_asks_to_be_called_again_for_what_comes_after() -> None:
    """Nothing else would wake the operator: not for the TTL, not for a raised retryFailed."""
    one = prepared(buildings=("95",), backoff_limit=0, ttl_seconds_after_finished=60)
    one.spec = one.spec.model_copy(update={"retry_failed": 1})
    one.end(one.active(Step.BUILDING)[0], 65)
    observed = Observed(tuple(one.jobs.values()), tuple(one.pods.values()))
    ending = reconcile(one.run, observed, Facts(one.now, one.plan()), one.config)
    assert ending.status.phase is Phase.FAILED
    assert ending.wake == one.now
    one.spec = one.spec.model_copy(update={"retry_failed": 0})
    ending = reconcile(one.run, observed, Facts(one.now, one.plan()), one.config)
    assert ending.wake is not None
    assert ending.wake <= one.now + timedelta(seconds=60)
