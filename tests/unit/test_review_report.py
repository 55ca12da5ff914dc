"""Predicted against final: the history of decisions and what it says of a month."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from tests.unit.fixtures_review import sheet_frame, tagged_frame, taxonomy
from voc_worker.review.history import Event, new_events, standing
from voc_worker.review.report import MIN_SAMPLE, band_of, rate, review_report, rows_to_read
from voc_worker.review.resolve import empty_snapshot, resolve

SEEN = datetime(2026, 1, 15, tzinfo=UTC)
ACCEPT = {"검수완료": "Y", "검수자": "김"}
CORRECT = {**ACCEPT, "검수_주제 대분류": "환경", "검수_주제 중분류": "청결/미화"}


def snapshot(tagged: pd.DataFrame, cells: dict[str, dict[str, str]]) -> pd.DataFrame:
    """Return the snapshot of a sheet into which people wrote ``cells``."""
    return resolve(sheet_frame(tagged, cells), taxonomy(), tagged).snapshot


def follow(tagged: pd.DataFrame, *sheets: dict[str, dict[str, str]]) -> list[Event]:
    """Return the history after one refresh for each sheet."""
    events: list[Event] = []
    for number, cells in enumerate(sheets, start=1):
        run_id = f"refresh_2026011{number}_020000_1a2b3"
        events += new_events(events, tagged, snapshot(tagged, cells), run_id=run_id, seen=SEEN)
    return events


def test_a_review_is_two_events_with_prediction_and_decision() -> None:
    """The first refresh that sees a review notes both heads: the machine's pair, the person's, and who decided."""
    subject, work = follow(tagged_frame(2), {"v0": CORRECT})
    assert (subject.event, subject.head, subject.reviewer) == ("reviewed", "subject", "김")
    assert (subject.predicted, subject.before, subject.final) == (
        ("시설", "냉난방/공조"),
        ("시설", "냉난방/공조"),
        ("환경", "청결/미화"),
    )
    assert subject.corrected
    assert not work.corrected
    assert (subject.confidence, subject.is_sample, subject.building_id) == (0.5, True, "95")


def test_the_same_snapshot_again_adds_nothing() -> None:
    """A refresh executed twice appends no event."""
    assert len(follow(tagged_frame(3), {"v0": CORRECT, "v1": ACCEPT}, {"v0": CORRECT, "v1": ACCEPT})) == 4


def test_a_changed_mind_keeps_the_prediction_and_the_step() -> None:
    """A second decision is noted as changed from the first one, against the same prediction."""
    events = follow(tagged_frame(1), {"v0": CORRECT}, {"v0": ACCEPT})
    assert [event.event for event in events] == ["reviewed", "reviewed", "changed"]
    assert events[-1].before == ("환경", "청결/미화")
    assert events[-1].final == events[-1].predicted == ("시설", "냉난방/공조")


def test_a_withdrawn_review_is_noted_and_no_longer_stands() -> None:
    """A decision that left the snapshot is noted once per head, and reviewing again starts anew."""
    events = follow(tagged_frame(1), {"v0": CORRECT}, {}, {}, {"v0": ACCEPT})
    assert [event.event for event in events] == ["reviewed"] * 2 + ["withdrawn"] * 2 + ["reviewed"] * 2
    assert events[2].before == ("환경", "청결/미화")
    assert standing(events[:4]) == {}
    assert len(standing(events)) == 2


def test_rows_of_no_building_are_left_out() -> None:
    """A snapshot row that the tagged rows do not hold makes no event."""
    tagged = tagged_frame(3)
    whole = snapshot(tagged, {"v0": ACCEPT, "v2": ACCEPT})
    events = new_events([], tagged.iloc[:1], whole, run_id="refresh_20260115_020000_1a2b3", seen=SEEN)
    assert {event.voc_id for event in events} == {"v0"}
    assert new_events(events, tagged.iloc[1:], empty_snapshot(), run_id="x", seen=SEEN) == []


@pytest.mark.parametrize(
    ("confidence", "band"),
    [
        (None, "none"),
        (0.0, "0.00-0.50"),
        (0.5, "0.50-0.70"),
        (0.949, "0.90-0.95"),
        (0.95, "0.95-1.00"),
        (1.0, "0.95-1.00"),
    ],
)
def test_bands_hold_their_lower_edge(confidence: float | None, band: str) -> None:
    """Every confidence, and none, has exactly one band."""
    assert band_of(confidence) == band


def test_rates_are_counted_by_class_and_band() -> None:
    """Corrections are counted under what the machine had said and how sure it was, withdrawn ones not at all."""
    tagged = tagged_frame(4)
    tagged.loc[3, ["subject_major", "subject_minor"]] = ["서비스", "안내/민원"]
    tagged.loc[1, "subject_confidence"] = 0.97
    tagged.loc[2, "subject_confidence"] = np.nan
    events = follow(tagged, {f"v{n}": CORRECT if n in {0, 3} else ACCEPT for n in range(4)})
    report = review_report(events, tagged)
    by_class = {one.name: (one.reviewed, one.corrected) for one in report.by_class["subject"]}
    assert by_class == {"시설 > 냉난방/공조": (3, 1), "서비스 > 안내/민원": (1, 1)}
    bands = {one.name: (one.reviewed, one.corrected) for one in report.by_band["subject"]}
    assert bands == {"0.50-0.70": (2, 2), "0.95-1.00": (1, 0), "none": (1, 0)}
    assert [one.corrected for one in report.by_class["work"]] == [0]
    assert (report.sample["subject"].reviewed, report.sample["subject"].corrected) == (1, 1)
    assert report.effort is None


def test_wilsons_interval_is_the_published_one() -> None:
    """The interval of 10 in 50 agrees with the textbook's figures, and of nothing it is everything."""
    events = follow(tagged_frame(50), {f"v{n}": CORRECT if n < 10 else ACCEPT for n in range(50)})
    found = rate("", [event for event in events if event.head == "subject"])
    assert (found.rate, round(found.low, 4), round(found.high, 4)) == (0.2, 0.1124, 0.3304)
    assert rate("", [])[2:] == (0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("rows", "wrong", "share"),
    [
        ([1] * 100, [1] * 10 + [0] * 90, 0.05),  # ten wrong rows on top: after five of them 95 are right
        ([1] * 100, [0] * 90 + [1] * 10, 0.95),  # ten wrong rows at the bottom
        ([100], [10], 0.5),  # nothing to order by: half of them must be read
        ([50, 50], [10, 0], 0.25),
        ([100], [5], 0.0),  # good enough already
        ([100], [100], 0.95),
    ],
)
def test_rows_to_read_as_counted_by_hand(rows: list[float], wrong: list[float], share: float) -> None:
    """The share to read is the one a person counts out for small cases."""
    assert rows_to_read(np.array([rows], float), np.array([wrong], float))[0] == pytest.approx(share)


def test_effort_is_estimated_from_the_sample_alone() -> None:
    """Only sample rows judged for both heads count, and the estimate is scaled to the month."""
    tagged = tagged_frame(1000)
    wrong = {f"v{n}": CORRECT for n in range(0, 1000, 50)}  # every tenth sample row
    judged = {f"v{n}": ACCEPT for n in range(0, 1000, 5)}
    misleading = {f"v{n}": CORRECT for n in range(1, 1000, 5)}
    effort = review_report(follow(tagged, {**misleading, **judged, **wrong}), tagged).effort
    assert effort is not None
    assert (effort.total, effort.sampled, effort.judged, effort.wrong) == (1000, 200, 200, 20)
    # The wrong rows are those with the lowest confidence, one level of 20 rows: half of them leave 5 % wrong.
    assert effort.rows == 50
    assert effort.low <= effort.rows <= effort.high <= 1000


def test_effort_needs_a_sample() -> None:
    """With fewer judged sample rows than the minimum there is no estimate."""
    tagged = tagged_frame(5 * MIN_SAMPLE)
    accepted = {f"v{n}": ACCEPT for n in range(0, 5 * MIN_SAMPLE, 5)}
    assert review_report(follow(tagged, accepted), tagged).effort is not None
    del accepted["v0"]
    assert review_report(follow(tagged, accepted), tagged).effort is None


def test_rows_with_the_same_text_widen_the_interval() -> None:
    """Duplicates are drawn together, so that many copies of one text do not pretend to be many witnesses."""
    tagged = tagged_frame(500)
    tagged["is_sample"] = True
    tagged["subject_confidence"] = 0.5
    cells = {f"v{n}": CORRECT if n < 100 else ACCEPT for n in range(500)}
    alone = review_report(follow(tagged, cells), tagged).effort
    tagged["duplicate_group"] = [f"g{n // 50}" for n in range(500)]
    together = review_report(follow(tagged, cells), tagged).effort
    assert alone is not None
    assert together is not None
    assert alone.rows == together.rows == 375
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_interval_covers_the_truth_in_most_simulated_months() -> None:
    """The 95 % interval holds the true effort in at least 85 % of simulated months."""
    rng = np.random.default_rng(7)
    total, held, trials = 3000, 0, 40
    for trial in range(trials):
        confidence = np.round(rng.uniform(0.3, 1.0, total), 3)
        wrong = rng.uniform(size=total) > confidence
        order = np.argsort(confidence, kind="stable")
        truth = rows_to_read(np.ones((1, total)), wrong[order][None].astype(float))[0] * total
        chosen = rng.choice(total, 150, replace=False)
        events = [_judgement(f"v{at}", head, float(confidence[at]), bool(wrong[at])) for at in chosen for head in HEADS]
        effort = review_report(events, pd.DataFrame({"is_sample": [True] * total}), seed=trial).effort
        assert effort is not None
        held += effort.low <= truth <= effort.high
    assert held / trials >= 0.85


HEADS = ("subject", "work")


def _judgement(voc_id: str, head: str, confidence: float, wrong: bool) -> Event:
    return Event.model_validate(
        {
            "seen": SEEN,
            "run_id": "refresh_20260115_020000_1a2b3",
            "event": "reviewed",
            "voc_id": voc_id,
            "building_id": "95",
            "head": head,
            "predicted": ("a", "b"),
            "before": ("a", "b"),
            "final": ("a", "c") if wrong else ("a", "b"),
            "confidence": confidence,
            "is_sample": True,
        }
    )
