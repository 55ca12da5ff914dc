"""Which of two runs goes first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.unit.operator_world import START
from voc_models.months import Month
from voc_models.run import Mode, RunSpec
from voc_operator.decision import Run
from voc_operator.status import Phase, RunStatus
from voc_operator.waiting import blocking


def run(name: str, age: int = 0, phase: Phase = Phase.PENDING, mode: Mode = Mode.FULL, **spec: Any) -> Run:  # noqa: ANN401 - fields of RunSpec
    """Return a run created ``age`` minutes after the first one."""
    started = START if phase is not Phase.PENDING else None
    status = RunStatus(phase=phase, start_time=started)
    created = START + timedelta(minutes=age)
    return Run(name, "voc", f"uid-{name}", 1, created, False, RunSpec(mode=mode, **spec), status)


def test_of_two_new_runs_of_one_month_the_older_one_goes_first() -> None:
    """Exactly one of the two waits, and it says for whom."""
    first, second = run("a"), run("b", 1, mode=Mode.REFRESH)
    assert blocking(first, [first, second]) == ""
    assert blocking(second, [first, second]) == "a"


def test_a_run_that_has_begun_is_never_overtaken() -> None:
    """Also not by an older one that was suspended before it began."""
    older, begun = run("a", suspend=True), run("b", 1, Phase.RUNNING)
    assert blocking(begun, [older]) == ""
    assert blocking(older, [begun]) == "b"
    assert blocking(run("c", 2), [older]) == ""


def test_a_run_suspended_in_the_middle_keeps_its_month() -> None:
    """Its buildings are half done."""
    assert blocking(run("b", 1), [run("a", 0, Phase.SUSPENDED, suspend=True)]) == "a"


def test_finished_runs_other_months_and_other_buildings_block_nobody() -> None:
    """Only the same month and at least one common building makes rivals."""
    me = run("b", 1, buildings=["95"])
    others = [
        run("done", phase=Phase.SUCCEEDED),
        run("month", month=Month(2025, 10)),
        run("building", buildings=["101"]),
        run("train", mode=Mode.TRAIN, phase=Phase.RUNNING),
    ]
    assert blocking(me, others) == ""
    assert blocking(me, [run("all", phase=Phase.RUNNING)]) == "all"


def test_one_training_at_a_time() -> None:
    """Two trainings would race for the champion, whatever their months."""
    assert blocking(run("b", 1, mode=Mode.TRAIN), [run("a", mode=Mode.TRAIN, month=Month(2025, 9))]) == "a"


def test_a_finished_run_whose_retry_failed_was_raised_takes_its_turn() -> None:
    """It is unfinished again, and waits for the one that runs now."""
    again = run("a", phase=Phase.FAILED, retry_failed=1)
    assert blocking(again, [run("b", 5, Phase.RUNNING)]) == "b"
    assert blocking(run("c", 9), [again]) == "a"


def test_a_cancelled_run_blocks_nobody_whatever_its_retry_failed_says() -> None:
    """It can never be taken up again."""
    assert blocking(run("b", 1), [run("a", phase=Phase.CANCELLED, cancel=True, retry_failed=1)]) == ""
