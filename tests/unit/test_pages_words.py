"""Numbers and sentences as people read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests import pages_data
from voc_models.labels import Label
from voc_models.months import Month
from voc_worker.measures.model import BuildingMeasures, Kpi, KpiKey, Missing, Trends, Unit
from voc_worker.pages.cards import cards
from voc_worker.pages.summary import summarise
from voc_worker.pages.texts import catalogue
from voc_worker.pages.wording import change, count, day, hours, label_name, share

T = catalogue()
DECEMBER = Month(2025, 12)


@pytest.fixture(scope="module")
def measures() -> BuildingMeasures:
    """Measures of a month of 312 rows."""
    return pages_data.measures(pages_data.rows(312))


def with_kpi(measures: BuildingMeasures, card: Kpi) -> BuildingMeasures:
    """Return ``measures`` with one card replaced."""
    return replace(measures, kpis=tuple(card if kpi.key == card.key else kpi for kpi in measures.kpis))


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0%"), (0.001, "1%"), (0.125, "12%"), (0.999, "99%"), (1.0, "100%"), (1.2, "120%")]
)
def test_share_is_never_rounded_to_all_or_nothing(value: float, said: str) -> None:
    """What is not quite all is not 100 %, and what is not quite nothing is not 0 %."""
    assert share(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0분"), (0.7, "42분"), (1.0, "1.0시간"), (47.94, "47.9시간"), (48.0, "2.0일"), (96.0, "4.0일")],
)
def test_duration_has_the_unit_that_people_choose(value: float, said: str) -> None:
    """Below an hour minutes are said, from two days on days."""
    assert hours(T, value) == said


def test_counts_dates_and_labels_are_written_in_korean_style() -> None:
    """Thousands are separated, a date has its weekday, and a pair is joined by a slash without hidden characters."""
    assert [count(1234567), count(2.5), count(3.0)] == ["1,234,567", "2.5", "3"]
    assert day(T, date(2025, 12, 3)) == "12월 3일(수)"
    assert label_name(Label("설\u202e비", "누수\n")) == "설비 > 누수"


def test_change_from_nothing_is_unknown() -> None:
    """A relative change needs something to compare with."""
    assert change(5, 0) is None
    assert change(6, 4) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("key", "unit", "now", "then", "text", "tone"),
    [
        ("voc_count", "count", 312.0, 264.0, "264건 ▲\u00a018%", "even"),
        ("completion_rate", "share", 0.93, 0.95, "95% ▼\u00a02%p", "bad"),
        ("completion_rate", "share", 0.95, 0.9449, "94% ▲\u00a00.5%p", "even"),
        ("completion_rate", "share", 0.95, 0.95, "95% 같음", "even"),
        ("median_hours_completion", "hours", 4.0, 5.0, "5.0시간 ▼\u00a020%", "good"),
        ("median_hours_first_reply", "hours", 6.0, 5.0, "5.0시간 ▲\u00a020%", "bad"),
        ("repeat_rate", "share", 0.2, 0.1, "10% ▲\u00a010%p", "bad"),
        ("reviewed_share", "share", 0.2, 1.0, "100% ▼\u00a080%p", "even"),
        ("median_hours_completion", "hours", 2.0, 0.0, "0분 ▲\u00a02.0시간", "bad"),
    ],
)
def test_card_says_how_it_moved(key: KpiKey, unit: Unit, now: float, then: float, text: str, tone: str) -> None:
    """A comparison gives the other value, the difference, and whether that is good, which a count never is."""
    (card,) = cards((Kpi(key, unit, now, 100, then),), DECEMBER, T)
    assert [line.label for line in card.comparisons] == ["지난달", "작년 12월", "회사"]
    assert (card.comparisons[0].text, card.comparisons[0].tone) == (text, tone)
    assert card.comparisons[1].text == "자료 없음"


def test_card_without_value_says_why() -> None:
    """A missing number is a dash and a sentence, on a company's page without a company to compare with."""
    (card,) = cards((Kpi("repeat_rate", "share", None, 0, missing=Missing.NO_PLACES),), DECEMBER, T)
    assert (card.value, card.why) == ("–", "장소가 적힌 글이 없어 계산하지 못했습니다.")
    (whole,) = cards((Kpi("voc_count", "count", 5.0, 5),), DECEMBER, T, company=False)
    assert [line.label for line in whole.comparisons] == ["지난달", "작년 12월"]


@pytest.mark.parametrize(
    ("now", "then", "sentence"),
    [
        (312.0, 264.0, "12월 VOC는 312건으로 지난달(264건)보다 18% 늘었습니다."),
        (200.0, 400.0, "12월 VOC는 200건으로 지난달(400건)보다 50% 줄었습니다."),
        (100.0, 100.0, "12월 VOC는 100건으로 지난달과 같습니다."),
        (101.0, 100.0, "12월 VOC는 101건으로 지난달(100건)과 비슷합니다."),
        (7.0, None, "12월 VOC는 7건입니다."),
        (7.0, 0.0, "12월 VOC는 7건입니다."),
    ],
)
def test_headline_says_the_change(measures: BuildingMeasures, now: float, then: float | None, sentence: str) -> None:
    """The first sentence gives the number and, where last month is known, how it moved."""
    card = replace(measures.kpi("voc_count"), value=now, previous=then)
    assert summarise(with_kpi(measures, card), T).headline == sentence


def test_actions_start_with_what_rose(measures: BuildingMeasures) -> None:
    """What to do is at most four things: rising topics, the worst repeat, then loose ends, each with its section."""
    actions = summarise(measures, T).actions
    assert [action.target for action in actions] == ["topics", "topics", "repeats", "all"]
    leaks = measures.trends.rising[0].count
    assert actions[0].text == f"‘설비 > 누수’ {leaks}건의 원인을 확인하세요. 평소라면 {leaks / 2.6:.1f}건 정도입니다."


def test_open_rows_are_counted_from_the_card(measures: BuildingMeasures) -> None:
    """The rows left to finish are those without a completion time."""
    calm = replace(measures, trends=Trends(measures.trends.comparability, topics_tested=9), repeats=())
    quiet = with_kpi(calm, replace(measures.kpi("completion_rate"), value=0.95, rows=200))
    assert summarise(quiet, T).actions[0].text == "아직 완료되지 않은 10건을 마무리하세요."
    assert "평소보다 뚜렷이 늘어난 주제는 없습니다." in summarise(quiet, T).points


def test_quiet_month_is_called_quiet(measures: BuildingMeasures) -> None:
    """With nothing rising, repeating, open, slow or doubtful the page says that nothing is urgent."""
    calm = replace(measures, trends=Trends(measures.trends.comparability), repeats=(), slowest=(), confidence=())
    done = with_kpi(calm, replace(measures.kpi("completion_rate"), value=1.0))
    assert [action.text for action in summarise(done, T).actions] == ["서둘러 할 일은 보이지 않습니다."]


def test_missing_columns_leave_their_sentences_out(measures: BuildingMeasures) -> None:
    """Without completion times nothing is said about completion."""
    bare = with_kpi(measures, Kpi("completion_rate", "share", None, 0, missing=Missing.NO_COMPLETION_TIMES))
    assert not any("완료율" in point for point in summarise(bare, T).points)
    assert not any("완료되지" in action.text for action in summarise(bare, T).actions)
