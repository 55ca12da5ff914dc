"""The fleet's measures against a few buildings counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.fixtures_rows import at, reviewed, tagged
from voc_models.labels import Label
from voc_models.months import Month
from voc_worker.columns import TAGGED
from voc_worker.measures.fleet import company_medians, measure_fleet, summarise_building
from voc_worker.measures.fleet_model import BuildingMonth
from voc_worker.measures.funnels import expected_counts
from voc_worker.measures.model import LabelCount, Missing
from voc_worker.tables import empty

DECEMBER = Month(2025, 12)
LEAK = Label("시설", "누수")


def month_of(building_id: str, rows: int, back: int = 0, **more: object) -> BuildingMonth:
    """Return a building's month ``back`` months before December 2025, all completed in four hours."""
    plain = BuildingMonth(
        month=DECEMBER.plus(-back),
        building_id=building_id,
        building_name=f"건물 {building_id}",
        closed=False,
        rows=rows,
        completed=rows,
        repeats=0,
        median_hours_first_reply=1.0,
        median_hours_completion=4.0,
        reviewed=0,
        sample_reviewed=0,
        subject_right=0,
        work_right=0,
        subjects=(LabelCount(LEAK, rows),),
        model_version="20260116",
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # each test names fields of the dataclass


def test_a_building_is_summarised_by_hand() -> None:
    """Of three rows one is completed, two are reviewed 표본 rows, one of which the machine had wrong in one head."""
    done = {"subject_reviewed": True, "work_reviewed": True, "is_sample": True}
    rows = reviewed(
        {**done, "tagged_subject_minor": "전기", "request_contents": "3층"},
        {**done, "created_at": at("2025-12-02 09:00"), "completed_at": at("2025-12-02 12:00")},
        {"created_at": at("2025-12-03 09:00"), "request_contents": "3층"},
    )
    found = summarise_building(DECEMBER, "95", "가람빌딩", rows, empty(TAGGED))
    assert (found.rows, found.completed, found.repeats, found.median_hours_completion) == (3, 1, 1, 3)
    assert (found.reviewed, found.sample_reviewed, found.subject_right, found.work_right) == (2, 2, 1, 2)
    assert found.subjects == (LabelCount(LEAK, 3),)


def test_repeats_are_unknown_without_the_month_before_or_a_place() -> None:
    """A building's repeats are None when nothing is known of the month before, and when no row names a place."""
    located, plain = tagged({"request_contents": "3층"}), tagged({})
    assert summarise_building(DECEMBER, "95", "가람", located, None).repeats is None
    assert summarise_building(DECEMBER, "95", "가람", plain, empty(TAGGED)).repeats is None
    assert summarise_building(DECEMBER, "95", "가람", located, empty(TAGGED)).repeats == 0


def test_company_medians_leave_out_idle_buildings() -> None:
    """The medians are over buildings with rows: of 2, 4 and 30 rows the median is 4."""
    found = company_medians([month_of("a", 2), month_of("b", 30, completed=15), month_of("c", 4), month_of("d", 0)])
    assert (found["voc_count"], found["completion_rate"], found["median_hours_completion"]) == (4, 1, 4)
    assert set(company_medians([]).values()) == {None}


def test_totals_include_closed_buildings_and_name_only_open_ones() -> None:
    """A closed building counts in the totals and is neither in the ranking nor in a funnel."""
    buildings = [month_of("a", 10), month_of("z", 90, closed=True, completed=0)]
    found = measure_fleet(DECEMBER, buildings, [month_of(key, 10, back) for key in "az" for back in range(1, 5)])
    assert (found.buildings, found.closed_buildings, found.rows) == (2, 1, 100)
    assert [card.value for card in found.kpis[:2]] == [100, 0.1]
    assert [row.building_id for row in found.ranking] == ["a"]
    assert {point.building_id for funnel in found.funnels for point in funnel.points} == {"a"}


def test_cards_are_over_all_rows_and_hours_over_buildings() -> None:
    """Shares weigh every row alike, hours are the median building's, and last month and last year stand beside."""
    buildings = [
        month_of("a", 30, completed=15, reviewed=3, repeats=3, median_hours_completion=1.0),
        month_of("b", 10, repeats=None, median_hours_completion=None),
        month_of("c", 60, completed=35, median_hours_completion=5.0),
    ]
    found = measure_fleet(DECEMBER, buildings, [month_of("a", 7, 1), month_of("a", 9, 12)])
    assert {card.key: card.value for card in found.kpis} == {
        "voc_count": 100,
        "completion_rate": pytest.approx(0.6),
        "median_hours_first_reply": 1,
        "median_hours_completion": 3,
        "repeat_rate": pytest.approx(3 / 90),
        "reviewed_share": 0.03,
    }
    assert [(card.previous, card.last_year) for card in found.kpis[:2]] == [(7, 9), (1, 1)]
    assert {card.key: card.rows for card in found.kpis}["repeat_rate"] == 90


def test_an_unknown_column_has_a_reason() -> None:
    """When no building ever completed anything the rate is missing with the reason; one that did makes it zero."""
    never = month_of("a", 5, completed=0, median_hours_completion=None)
    before = replace(never, month=DECEMBER.plus(-1))
    unknown = measure_fleet(DECEMBER, [never], [before]).kpis[1]
    assert (unknown.value, unknown.missing) == (None, Missing.NO_COMPLETION_TIMES)
    known = measure_fleet(DECEMBER, [never], [month_of("a", 5, 1)]).kpis[1]
    assert (known.value, known.missing) == (0, None)


def test_a_fleet_without_buildings_says_so() -> None:
    """A month without buildings has zero rows, reasons for its cards, and nothing ranked."""
    found = measure_fleet(DECEMBER, [], [])
    assert (found.rows, found.ranking, found.funnels) == (0, (), ())
    assert {card.missing for card in found.kpis[1:]} == {Missing.NO_ROWS}


def test_the_ranking_carries_its_series() -> None:
    """Buildings are ranked by rows, ties by id, with fourteen months of counts and None where unknown."""
    history = [month_of("a", 3, 1), month_of("a", 8, 12), month_of("a", 2, 13), month_of("a", 1, 14)]
    found = measure_fleet(DECEMBER, [month_of("c", 5), month_of("b", 5), month_of("a", 9)], history)
    assert [(row.rank, row.building_id) for row in found.ranking] == [(1, "a"), (2, "b"), (3, "c")]
    first = found.ranking[0]
    assert first.series == (2, 8, *[None] * 10, 3, 9)
    assert (first.previous, first.last_year, found.ranking[1].previous) == (3, 8, None)


def test_subjects_are_summed_over_buildings() -> None:
    """The fleet's subjects are the sums of the buildings', most first."""
    other = Label("환경", "청결/미화")
    buildings = [month_of("a", 3), month_of("b", 5, subjects=(LabelCount(other, 4), LabelCount(LEAK, 1)))]
    found = measure_fleet(DECEMBER, buildings, [])
    assert found.subjects == (LabelCount(LEAK, 4), LabelCount(other, 4))


def test_accuracy_by_month_has_an_interval() -> None:
    """Accuracy is what the machine had right of reviewed 표본 rows, with Wilson's interval; None without such rows."""
    now = month_of("a", 50, reviewed=20, sample_reviewed=10, subject_right=10, work_right=5)
    november, december = measure_fleet(DECEMBER, [now], [month_of("a", 40, 1)]).months
    assert (november.subject.value, november.subject.rows) == (None, 0)
    assert (december.rows, december.reviewed, december.model_versions) == (50, 20, ("20260116",))
    assert (december.subject.value, december.work.value) == (1, 0.5)
    assert (december.subject.low, december.subject.high) == pytest.approx((0.7225, 1), abs=5e-5)


def test_expectations_are_scaled_to_what_came() -> None:
    """Two buildings of 31 a month and one of 62: when 248 rows come, they are expected as 62, 62 and 124."""
    history = [month_of(key, rows, back) for key, rows in (("a", 31), ("b", 31), ("c", 62)) for back in (2, 4, 5)]
    buildings = [month_of("a", 100), month_of("b", 24), month_of("c", 124), month_of("new", 50)]
    assert expected_counts(buildings, history) == pytest.approx({"a": 62, "b": 62, "c": 124})


def test_a_building_that_stands_out_is_marked() -> None:
    """Among thirty like buildings one with three times its past and one that completes half stand out, no other."""
    buildings = [month_of(f"{number:02d}", 50, completed=45) for number in range(28)]
    buildings += [month_of("many", 150, completed=135), month_of("slow", 50, completed=25)]
    history = [month_of(item.building_id, 50, back) for item in buildings for back in range(1, 5)]
    found = measure_fleet(DECEMBER, buildings, history)
    standing = {row.building_id: (row.count_standing, row.completion_standing) for row in found.ranking}
    assert standing.pop("many") == ("very_high", "usual")
    assert standing.pop("slow") == ("usual", "very_low")
    assert set(standing.values()) == {("usual", "usual")}


def test_limits_narrow_with_size() -> None:
    """The limits enclose the target and are narrower for a larger building."""
    buildings = [month_of("s", 10, completed=8), month_of("l", 1000, completed=800)]
    (funnel,) = [item for item in measure_fleet(DECEMBER, buildings, []).funnels if item.metric == "completion_rate"]
    first, last = funnel.limits[0], funnel.limits[-1]
    assert (funnel.target, first.size, last.size) == pytest.approx((0.8, 10, 1000))
    for limits in funnel.limits:
        assert limits.very_low <= limits.low <= funnel.target <= limits.high <= limits.very_high
    assert last.high - last.low < first.high - first.low


def test_a_spread_that_all_share_is_no_outlier() -> None:
    """When every building swings far beyond chance, phi widens the limits and nobody is marked."""
    buildings = [month_of(f"{number:02d}", 1000, completed=700 if number % 2 else 900) for number in range(20)]
    (funnel,) = measure_fleet(DECEMBER, buildings, []).funnels
    assert funnel.phi > 10
    assert {point.standing for point in funnel.points} == {"usual"}
