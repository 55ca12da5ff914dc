"""A building's measures against small months counted by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from tests.unit.fixtures_rows import at, reviewed, tagged
from voc_models.labels import Label
from voc_models.months import Month
from voc_worker.columns import TAGGED
from voc_worker.measures.building import measure_building
from voc_worker.measures.model import BuildingMeasures, Comparability, KeywordSummary, Missing, MonthPoint
from voc_worker.measures.rows import PastMonth
from voc_worker.measures.trends import find_trends
from voc_worker.tables import empty

DECEMBER = Month(2025, 12)
LEAK = Label("시설", "누수")


def measure(rows: pd.DataFrame, *history: PastMonth, **more: Any) -> BuildingMeasures:  # noqa: ANN401 - passed on as is
    """Return the measures of building 95 in December 2025."""
    return measure_building(DECEMBER, "95", "가람빌딩", rows, history, **more)


def past(back: int, rows: pd.DataFrame, taxonomy: str = "") -> PastMonth:
    """Return the month ``back`` months before December 2025."""
    return PastMonth(DECEMBER.plus(-back), rows, taxonomy)


def many(count: int, month: Month = DECEMBER, **more: object) -> list[dict[str, object]]:
    """Return ``count`` rows on the days of ``month``."""
    return [
        {"voc_id": f"{month.compact}-{more.get('subject_minor', '')}-{number}", **more}
        | {"created_at": at(f"{month}-{number % 28 + 1:02d} 09:00")}
        for number in range(count)
    ]


def test_the_cards_of_a_month_counted_by_hand() -> None:
    """Four rows, three completed after 2, 4 and 12 hours, two replied to after 1 and 2: counts, shares and medians."""
    start = "2025-12-01 09:00"
    rows = tagged(
        {"created_at": at(start), "replied_at": at("2025-12-01 10:00"), "completed_at": at("2025-12-01 11:00")},
        {"created_at": at(start), "replied_at": at("2025-12-01 11:00"), "completed_at": at("2025-12-01 13:00")},
        {"created_at": at(start), "completed_at": at("2025-12-01 21:00")},
        {"created_at": at(start)},
    )
    found = measure(rows)
    assert {card.key: (card.value, card.rows) for card in found.kpis if card.missing is None} == {
        "voc_count": (4, 4),
        "completion_rate": (0.75, 4),
        "median_hours_first_reply": (1.5, 2),
        "median_hours_completion": (4, 3),
        "reviewed_share": (0, 4),
    }


def test_cards_compare_with_last_month_last_year_and_the_company() -> None:
    """A card carries the values of the month before, of the same month last year and of the company."""
    found = measure(
        tagged({}, {}),
        past(1, tagged({}, {}, {})),
        past(12, tagged(*many(5, DECEMBER.plus(-12)))),
        company={"voc_count": 40.0, "completion_rate": None},
    ).kpi("voc_count")
    assert (found.value, found.previous, found.last_year, found.company) == (2, 3, 5, 40)


def test_a_month_without_labels_counts_and_says_nothing_of_subjects() -> None:
    """An untagged past month gives counts and times; subjects, repeats and topics know nothing of it."""
    untagged = tagged({"request_contents": "3층", "completed_at": at("2025-12-01 11:00")}, {})
    found = measure(tagged({"request_contents": "3층"}), PastMonth(DECEMBER.plus(-1), untagged, tagged=False))
    assert [found.kpi(key).previous for key in ("voc_count", "completion_rate", "median_hours_completion")] == [
        2,
        0.5,
        2,
    ]
    assert (found.kpi("repeat_rate").previous, found.kpi("reviewed_share").previous) == (None, None)
    assert found.kpi("repeat_rate").missing is Missing.NO_PREVIOUS_MONTH
    assert (found.subjects[0].previous, found.places[0].previous, found.trends.months_left_out) == (None, None, ())
    assert found.trend[-2].count == 2


def test_what_is_unknown_is_none() -> None:
    """Without history and company medians a card has nothing to compare with."""
    found = measure(tagged({})).kpi("voc_count")
    assert (found.previous, found.last_year, found.company) == (None, None, None)


def test_a_customer_without_time_columns_gets_a_reason() -> None:
    """Measures whose column is empty in every month are missing with the reason."""
    found = measure(tagged({}), past(1, tagged({})))
    assert {card.key: card.missing for card in found.kpis if card.missing} == {
        "completion_rate": Missing.NO_COMPLETION_TIMES,
        "median_hours_first_reply": Missing.NO_REPLY_TIMES,
        "median_hours_completion": Missing.NO_COMPLETION_TIMES,
        "repeat_rate": Missing.NO_PLACES,
    }


def test_a_month_in_which_nothing_was_completed_has_rate_zero() -> None:
    """When another month has completion times, a month without any has completion rate 0, not none."""
    found = measure(tagged({}), past(1, tagged({"completed_at": at("2025-12-02 09:00")})))
    assert found.kpi("completion_rate").value == 0
    assert found.kpi("median_hours_completion").missing is Missing.NO_COMPLETION_TIMES


def test_a_completion_before_the_request_is_no_duration() -> None:
    """A row completed before it was received counts as completed, but its hours do not count."""
    found = measure(tagged({"completed_at": at("2025-11-30 09:00")}))
    assert found.kpi("completion_rate").value == 1
    assert found.kpi("median_hours_completion").value is None


def test_subjects_are_ranked_with_their_work_types() -> None:
    """Subjects come most first with shares, cumulative shares, work types inside and the other months' counts."""
    rows = tagged(
        {"work_minor": "보수"},
        {"work_minor": "점검"},
        {"work_minor": "점검"},
        {"subject_minor": "전기"},
    )
    first, second = measure(
        rows, past(1, tagged({"subject_minor": "전기"})), past(12, tagged({"subject_minor": "냉방"}))
    ).subjects
    assert (first.label, first.count, first.share, first.cumulative) == (LEAK, 3, 0.75, 0.75)
    assert [(item.label.minor, item.count) for item in first.work] == [("점검", 2), ("보수", 1)]
    assert (second.label.minor, second.cumulative, second.previous, second.last_year) == ("전기", 1, 1, 0)


def test_days_and_weekdays_by_hand() -> None:
    """December 2025 has five Mondays: six rows on two of them average 1.2, on every Monday's day."""
    rows = tagged(
        *[{"created_at": at("2025-12-01 09:30")}] * 4,
        *[{"created_at": at("2025-12-08 23:59")}] * 2,
    ).assign(voc_id=list("abcdef"))
    found = measure(rows)
    assert len(found.daily) == 31
    assert (found.daily[0].day, found.daily[0].count, found.daily[0].weekday_average) == (date(2025, 12, 1), 4, 1.2)
    assert list(found.weekday_averages) == [1.2, 0, 0, 0, 0, 0, 0]
    assert (found.hours[0][9], found.hours[0][23], sum(map(sum, found.hours))) == (4, 2, 6)


def test_the_trend_reaches_back_thirteen_months() -> None:
    """The trend has fourteen months, None where the store has none, and this month last; older months are ignored."""
    found = measure(tagged({}), past(13, tagged({}, {})), past(14, tagged({})), past(1, empty(TAGGED))).trend
    assert len(found) == 14
    assert found[0] == MonthPoint(Month(2024, 11), 2)
    assert [point.count for point in found[1:]] == [None] * 11 + [0, 1]


def test_an_empty_month_has_no_findings() -> None:
    """A month without rows has count 0, reasons for every other card, and no findings."""
    found = measure(empty(TAGGED), past(1, tagged({"request_contents": "3층"})))
    assert found.kpi("voc_count").value == 0
    assert {card.missing for card in found.kpis if card.key != "voc_count"} == {Missing.NO_ROWS}
    findings = (found.subjects, found.works, found.daily, found.hours, found.repeats, found.slowest, found.places)
    assert findings == ((),) * 7
    assert found.trends.rising == ()


def repeat(day: str, place: str = "1204호", **more: object) -> dict[str, object]:
    """Return a complaint about ``place`` on a day of 2025, known by that day."""
    return {"voc_id": day + place, "created_at": at(f"2025-{day} 09:00"), "request_contents": place, **more}


def test_repeats_are_the_same_subject_at_the_same_place() -> None:
    """Of five rows two repeat one of November and each other; another room and another subject do not count."""
    found = measure(
        tagged(
            repeat("12-05"),
            repeat("12-20"),
            repeat("12-06", "1205호"),
            repeat("12-21", "1205호", subject_minor="전기"),
            repeat("12-22", "추워요"),
        ),
        past(1, tagged(repeat("11-25"))),
    )
    assert found.kpi("repeat_rate").value == 2 / 5
    (complaint,) = found.repeats
    assert (complaint.place, complaint.label) == ("1204호", LEAK)
    assert [item.voc_id[:5] for item in complaint.occurrences] == ["11-25", "12-05", "12-20"]


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ("2025-11-25 09:00", "2025-12-25 09:00", 1),
        ("2025-11-25 09:00", "2025-12-25 09:01", 0),
        ("2025-12-05 09:00", "2025-12-05 10:00", 0),
        ("2025-12-05 09:00", "2025-12-05 10:01", 1),
    ],
)
def test_a_repeat_is_neither_late_nor_sent_twice(first: str, second: str, count: int) -> None:
    """A row repeats another from just over an hour to exactly 30 days later."""
    rows = [{"voc_id": moment, "created_at": at(moment), "request_contents": "3층 로비"} for moment in (first, second)]
    old = [row for row in rows if str(row["voc_id"]) < "2025-12"]
    new = [row for row in rows if str(row["voc_id"]) >= "2025-12"]
    assert len(measure(tagged(*new), past(1, tagged(*old))).repeats) == count


def test_what_repeated_last_month_is_not_this_months() -> None:
    """Two rows of November that repeat each other are no repeat of December."""
    found = measure(tagged(repeat("12-20", "7층")), past(1, tagged(repeat("11-10"), repeat("11-20"))))
    assert (found.repeats, found.kpi("repeat_rate").value) == ((), 0)


def test_rows_without_a_subject_do_not_repeat() -> None:
    """기타/기타 says nothing about what is repeated."""
    other = {"subject_major": "기타", "subject_minor": "기타"}
    assert measure(tagged(repeat("12-01", **other), repeat("12-09", **other))).repeats == ()


def test_the_repeat_rate_needs_the_month_before() -> None:
    """Without the month before, the rate is missing with the reason, and repeats within the month are still listed."""
    found = measure(tagged(repeat("12-01"), repeat("12-09")))
    assert found.kpi("repeat_rate").missing is Missing.NO_PREVIOUS_MONTH
    assert len(found.repeats) == 1


def test_the_slowest_subjects_have_an_interval() -> None:
    """Six rows completed after 1 to 6 hours have median 3.5 in 1 to 6; five are too few; an open row is counted."""
    start = at("2025-12-01 00:00")
    hours = [{"created_at": start, "completed_at": at(f"2025-12-01 {hour:02d}:00")} for hour in range(1, 7)]
    rows = tagged(*hours, {"created_at": start}, *({**row, "subject_minor": "전기"} for row in hours[:5]))
    (found,) = measure(rows).slowest
    assert (found.label, found.rows, found.open_rows) == (LEAK, 6, 1)
    assert (found.median_hours, found.low_hours, found.high_hours) == (3.5, 1, 6)


def test_places_are_counted_once_a_row() -> None:
    """A row that names a floor twice counts once; floors come before zones, each with its subject and last month."""
    rows = tagged(
        {"title": "3층 3층 화장실"},
        {"request_contents": "3층 복도", "subject_minor": "청소"},
        {"request_contents": "301호", "subject_minor": "청소"},
        {"reply": "5층에서 확인"},
    )
    found = measure(rows, past(1, tagged({"title": "3층"}))).places
    assert [(item.place, item.kind, item.count, item.previous) for item in found] == [
        ("3층", "floor", 3, 1),
        ("복도", "zone", 1, 0),
        ("화장실", "zone", 1, 0),
    ]
    assert (found[0].top_subject.minor, found[0].top_subject_count) == ("청소", 2)


def test_confidence_bands_hold_every_row() -> None:
    """Every row is in one band of its lesser confidence; rows without one come last."""
    nan = float("nan")
    levels = [0.0, 0.49, 0.5, 0.7, 0.9, 1.0]
    rows = reviewed(
        *({"subject_confidence": level, "work_confidence": 1.0, "subject_reviewed": level == 0.5} for level in levels),
        {"subject_confidence": nan, "work_confidence": nan},
    )
    found = measure(rows).confidence
    assert [(band.low, band.rows, band.reviewed) for band in found] == [
        (0.0, 2, 0),
        (0.5, 1, 1),
        (0.7, 1, 0),
        (0.9, 2, 0),
        (None, 1, 0),
    ]


def test_the_review_state_by_hand() -> None:
    """Three of four rows are reviewed, one corrected in each head, and one of two 표본 rows is reviewed."""
    done = {"subject_reviewed": True, "work_reviewed": True}
    rows = reviewed(
        {**done, "tagged_subject_minor": "전기", "is_sample": True},
        {**done, "tagged_work_minor": "점검"},
        done,
        {"tagged_subject_minor": "전기", "is_sample": True},
    )
    found = measure(rows)
    state = found.review
    assert (state.rows, state.reviewed, state.corrected_subject, state.corrected_work) == (4, 3, 1, 1)
    assert (state.sample_rows, state.sample_reviewed) == (2, 1)
    assert found.kpi("reviewed_share").value == 0.75


def test_keywords_are_passed_on() -> None:
    """The page's nouns are those that were given."""
    words = KeywordSummary((("누수", 3),))
    assert measure(tagged({}), keywords=words).keywords is words


def test_a_model_is_named_once() -> None:
    """The measures name each model release that tagged the rows, and the run that did."""
    found = measure(tagged({"model_version": "b"}, {"model_version": "a"}, {"model_version": "b"}))
    assert found.model_versions == ("a", "b")
    assert found.run_id == "full_20260101_020000_1a2b3"


def of_topics(*counts: int) -> pd.DataFrame:
    """Return a month with that many rows of 주제0, 주제1, and so on."""
    topics = tagged(*({"subject_minor": f"주제{number}"} for number in range(len(counts))))
    return topics.loc[topics.index.repeat(list(counts))]


def test_a_jump_in_one_topic_is_rising() -> None:
    """Twenty leaks after months of four are rising, with the rows behind them; the steady topic is not."""
    history = [
        past(
            back,
            tagged(
                *many(4, DECEMBER.plus(-back)),
                *many(30, DECEMBER.plus(-back), subject_minor="전기"),
            ),
        )
        for back in range(1, 13)
    ]
    found = measure(tagged(*many(20), *many(30, subject_minor="전기")), *history).trends
    assert found.comparability is Comparability.SAME_MODEL
    assert (len(found.months_used), found.topics_tested) == (12, 2)
    (topic,) = found.rising
    assert (topic.label, topic.count, topic.new) == (LEAK, 20, False)
    assert topic.expected == pytest.approx(48 / 365 * 31)
    assert topic.q_value < 0.001
    assert len(topic.voc_ids) == 20


def test_a_topic_never_seen_is_new() -> None:
    """Eight rows of a subject without any past are new, and have no ratio."""
    history = [past(back, tagged(*many(10, DECEMBER.plus(-back)))) for back in range(1, 7)]
    (topic,) = measure(tagged(*many(10), *many(8, subject_minor="결로")), *history).trends.rising
    assert (topic.label.minor, topic.new, topic.ratio, topic.expected) == ("결로", True, None, 0)


def test_two_rows_are_no_topic() -> None:
    """Two rows of a new subject are not called rising, however little the past has."""
    history = [past(back, tagged(*many(10, DECEMBER.plus(-back)))) for back in range(1, 13)]
    assert measure(tagged(*many(10), *many(2, subject_minor="결로")), *history).trends.rising == ()


def test_a_season_that_comes_every_year_is_not_rising() -> None:
    """A subject that swings between 0 and 30 a month is not called rising at 30."""
    counts = {1: 30, 11: 30, 12: 30}
    history = [past(back, of_topics(counts.get(back, 0), 300, 300)) for back in range(1, 13)]
    assert find_trends(DECEMBER, of_topics(30, 300, 300), history).rising == ()


def test_a_sure_but_small_rise_is_not_told() -> None:
    """A sixth more of a thousand rows is beyond chance and still nothing that a person would call rising."""
    history = [past(back, of_topics(1000)) for back in range(1, 13)]
    assert find_trends(DECEMBER, of_topics(1160), history).rising == ()
    assert len(find_trends(DECEMBER, of_topics(1400), history).rising) == 1


def test_the_number_of_topics_looked_at_counts() -> None:
    """Eight rows after months of three (p = 0.02) are told of a single topic, and not of one among twenty."""
    alone = find_trends(DECEMBER, of_topics(8), [past(back, of_topics(3)) for back in range(1, 13)])
    assert [topic.count for topic in alone.rising] == [8]
    history = [past(back, of_topics(*[3] * 20)) for back in range(1, 13)]
    among = find_trends(DECEMBER, of_topics(8, *[3] * 19), history)
    assert (among.rising, among.topics_tested) == ((), 20)


def test_rows_without_a_subject_do_not_rise() -> None:
    """기타/기타 is no topic, however often it comes."""
    other = many(40, subject_major="기타", subject_minor="기타")
    history = [past(back, tagged(*many(3, DECEMBER.plus(-back)))) for back in range(1, 13)]
    found = measure(tagged(*many(3), *other), *history).trends
    assert (found.rising, found.topics_tested) == ((), 1)


def test_another_model_is_not_compared() -> None:
    """Months that another release tagged are left out; with fewer than three left nothing is called rising."""
    other = [past(back, tagged(*many(4, DECEMBER.plus(-back), model_version="keyword"))) for back in range(3, 13)]
    same = [past(back, tagged(*many(4, DECEMBER.plus(-back)))) for back in (1, 2)]
    found = measure(tagged(*many(40)), *other, *same).trends
    assert (found.comparability, found.rising, len(found.months_left_out)) == (Comparability.NONE, (), 10)


def test_a_partly_comparable_past_is_said_so() -> None:
    """With three comparable months and some of another taxonomy the comparison is restricted, and works."""
    other = [past(back, tagged(*many(40, DECEMBER.plus(-back))), "old") for back in range(4, 9)]
    same = [past(back, tagged(*many(4, DECEMBER.plus(-back))), "new") for back in (1, 2, 3)]
    found = measure(tagged(*many(40)), *other, *same, taxonomy="new").trends
    assert found.comparability is Comparability.RESTRICTED
    assert found.months_used == (Month(2025, 9), Month(2025, 10), Month(2025, 11))
    assert [topic.label for topic in found.rising] == [LEAK]


def test_reviews_do_not_make_a_topic_rise() -> None:
    """Forty rows that reviewers moved into a subject are no rise: the machine's labels are compared."""
    history = [past(back, tagged(*many(44, DECEMBER.plus(-back), subject_minor="전기"))) for back in range(1, 13)]
    moved = reviewed(*many(44, tagged_subject_minor="전기", subject_reviewed=True))
    assert measure(moved, *history).trends.rising == ()


def test_chance_alone_rarely_rises() -> None:
    """Of a hundred buildings with ten steady topics, at most five are told of a rising one."""
    shuffled = pd.Series(range(100 * 13 * 10)).sample(frac=1, random_state=7).to_numpy()
    counts = (shuffled % 7).reshape(100, 13, 10)  # 0 to 6 alike: mean 3, variance 4, a little more than chance
    told = 0
    for building in counts:
        month, *others = (of_topics(*row) for row in building)
        told += bool(find_trends(DECEMBER, month, [past(back, rows) for back, rows in enumerate(others, 1)]).rising)
    assert told <= 5
