"""Which run of a month is gone on with, on one machine."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from voc_models.labels import Taxonomy
from voc_models.months import Month
from voc_models.plan import Plan, PlannedBuilding, PlannedModel, Summary
from voc_models.run import Mode, RunSpec, TrainSpec
from voc_worker.local.runs import KnownRun, unfinished

CREATED = datetime(2025, 12, 20, tzinfo=UTC)
OCTOBER, NOVEMBER = Month(2025, 10), Month(2025, 11)


def plan(mode: Mode, train: TrainSpec | None = None, *buildings: str) -> Plan:
    """Return the plan of a run."""
    return Plan(
        run_id=f"{mode.value}_20251220_090000_abcde",
        mode=mode,
        month=NOVEMBER,
        created=CREATED,
        buildings=tuple(PlannedBuilding(id=one, name=one, rows=1) for one in buildings),
        model=PlannedModel(release="20251120", digest="d"),
        taxonomy=Taxonomy(entries=()),
        train=train,
    )


BOTH = TrainSpec(months=[OCTOBER, NOVEMBER])


@pytest.mark.parametrize(
    ("planned", "asked", "same"),
    [
        (BOTH, TrainSpec(months=[OCTOBER, NOVEMBER]), True),
        (BOTH, BOTH.model_copy(update={"base_model": "scratch"}), False),
        (BOTH, TrainSpec(months=[NOVEMBER]), False),
        (BOTH, BOTH.model_copy(update={"promote": "manual"}), False),
        (None, TrainSpec(), True),
    ],
)
def test_a_training_that_did_not_end_is_gone_on_with_when_the_same_is_asked(
    planned: TrainSpec | None, asked: TrainSpec, same: bool
) -> None:
    """Other months, another base model or another way to promote begin another training."""
    found = plan(Mode.TRAIN, planned)
    assert unfinished([KnownRun(found, None)], RunSpec(mode=Mode.TRAIN, train=asked)) == (found if same else None)


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        (RunSpec(mode=Mode.FULL), True),
        (RunSpec(mode=Mode.FULL, buildings=["101", "95"]), True),
        (RunSpec(mode=Mode.FULL, buildings=["95"]), False),
        (RunSpec(mode=Mode.FULL, model_version="20251120"), True),
        (RunSpec(mode=Mode.FULL, model_version="keyword"), False),
        (RunSpec(mode=Mode.REFRESH), False),
    ],
)
def test_a_month_that_did_not_end_is_gone_on_with_when_the_same_is_asked(asked: RunSpec, same: bool) -> None:
    """Another mode, other buildings or another model begin another run."""
    found = plan(Mode.FULL, None, "95", "101")
    assert unfinished([KnownRun(found, None)], asked) == (found if same else None)


def test_a_run_that_ended_is_not_gone_on_with() -> None:
    """Its summary says so; and where no run is, none is gone on with."""
    found = plan(Mode.FULL, None, "95")
    summary = Summary(
        run_id=found.run_id, mode=Mode.FULL, month=NOVEMBER, finished=CREATED, total=1, succeeded=1, model=found.model
    )
    assert unfinished([KnownRun(found, summary)], RunSpec(mode=Mode.FULL)) is None
    assert unfinished([], RunSpec(mode=Mode.FULL)) is None
