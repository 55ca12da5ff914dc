"""The layout of the store."""

from __future__ import annotations

import pytest

from voc_models import keys
from voc_models.exit_codes import DataError
from voc_models.months import Month

DECEMBER = Month(2025, 12)
RUN = "full_20260101_020000_1a2b3"


def test_the_layout_is_the_designs() -> None:
    """Every object of a month lies where the design says."""
    assert keys.building_object(DECEMBER, "95", "tagged", RUN) == f"202512/95/tagged_95_202512_{RUN}.csv"
    assert keys.building_object(DECEMBER, "95", "reviewed", RUN) == f"202512/95/reviewed_95_202512_{RUN}.csv"
    assert keys.building_object(DECEMBER, "95", "dashboard", RUN) == f"202512/95/dashboard_95_202512_{RUN}.html"
    assert keys.latest(DECEMBER, "95") == "202512/95/latest.json"
    assert keys.dashboard_link(DECEMBER, "95") == "202512/95/dashboard.html"
    assert keys.review_workbook(DECEMBER) == "202512/review_202512.xlsx"
    assert keys.fleet(DECEMBER, RUN) == f"202512/fleet_202512_{RUN}.html"
    assert keys.plan(DECEMBER, RUN) == f"202512/runs/{RUN}/plan.json"
    assert keys.summary(DECEMBER, RUN) == f"202512/runs/{RUN}/summary.json"
    assert keys.review_snapshot(DECEMBER, RUN) == f"202512/reviews/{RUN}.csv"
    assert keys.review_outcome(DECEMBER, RUN) == f"202512/runs/{RUN}/review.json"
    assert keys.review_history(DECEMBER) == "202512/review_history.jsonl"
    assert keys.release("20260116") == "models/releases/20260116.json"
    assert keys.artifact("work", "20260116") == "models/kobert_work_20260116/"


@pytest.mark.parametrize(
    "building", ["", "..", "a/b", ".hidden", "x" * 64, "a b", "a\n", "runs/../..", "runs", "reviews"]
)
def test_a_building_id_never_leaves_its_folder(building: str) -> None:
    """An id that is no plain folder name is refused."""
    with pytest.raises(DataError, match="cannot name a folder"):
        keys.latest(DECEMBER, building)
