"""What a report says about one building's month: records with numbers, never words (texts belong to the pages)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from datetime import date, datetime

    from voc_models.labels import Label
    from voc_models.months import Month

Unit = Literal["count", "share", "hours"]
KpiKey = Literal[
    "voc_count",
    "completion_rate",
    "median_hours_first_reply",
    "median_hours_completion",
    "repeat_rate",
    "reviewed_share",
]
#: The cards in the order of the page, each with its unit; also the keys of the plan's ``company_medians``.
KPI_UNITS: Final[dict[KpiKey, Unit]] = {
    "voc_count": "count",
    "completion_rate": "share",
    "median_hours_first_reply": "hours",
    "median_hours_completion": "hours",
    "repeat_rate": "share",
    "reviewed_share": "share",
}


class Missing(StrEnum):
    """Why a number is not there; the page has a sentence for each."""

    NO_ROWS = "no_rows"
    NO_REPLY_TIMES = "no_reply_times"
    NO_COMPLETION_TIMES = "no_completion_times"
    NO_PLACES = "no_places"
    NO_PREVIOUS_MONTH = "no_previous_month"


class Comparability(StrEnum):
    """Whether past months may be compared with this one, label by label."""

    SAME_MODEL = "same_model"  #: every past month that was used was tagged by this month's model release
    RESTRICTED = "restricted"  #: some past months were left out: another model or taxonomy tagged them
    NONE = "none"  #: too few comparable months; no topic is called new or rising


@dataclass(frozen=True, slots=True)
class Kpi:
    """One card. ``value`` is None exactly when ``missing`` says why; shares are in [0, 1], hours are not working hours.

    ``previous`` (last month), ``last_year`` (same month) and ``company`` (median over buildings) are None when unknown.
    ``rows`` is the number of rows that the value rests on.
    """

    key: KpiKey
    unit: Unit
    value: float | None
    rows: int
    previous: float | None = None
    last_year: float | None = None
    company: float | None = None
    missing: Missing | None = None


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Rows of one label."""

    label: Label
    count: int


@dataclass(frozen=True, slots=True)
class ParetoItem:
    """One subject: rows, share of all rows and cumulative share in [0, 1]; ``work`` are its work types, most first.

    ``previous`` and ``last_year`` are its rows in those months, None when the month is unknown.
    """

    label: Label
    count: int
    share: float
    cumulative: float
    work: tuple[LabelCount, ...] = ()
    previous: int | None = None
    last_year: int | None = None


@dataclass(frozen=True, slots=True)
class DayCount:
    """Rows received on one day (KST); ``weekday`` 0 is Monday, ``weekday_average`` the month's mean for it."""

    day: date
    weekday: int
    count: int
    weekday_average: float


@dataclass(frozen=True, slots=True)
class MonthPoint:
    """Rows of one month; None when the store has no such month."""

    month: Month
    count: int | None


@dataclass(frozen=True, slots=True)
class RisingTopic:
    """A subject seen more often than its own past explains.

    Attributes:
        label: the subject.
        count: rows this month.
        expected: rows that the past would let one expect in as many days.
        ratio: count / expected, None when the past has none (``new``).
        p_value: one-sided probability of at least ``count`` rows by chance.
        q_value: ``p_value`` adjusted for the number of topics looked at (Benjamini-Hochberg).
        new: whether no comparable past month has the subject.
        voc_ids: the rows behind it, oldest first.
    """

    label: Label
    count: int
    expected: float
    ratio: float | None
    p_value: float
    q_value: float
    new: bool
    voc_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trends:
    """New and rising topics, and how far the comparison could be trusted."""

    comparability: Comparability
    months_used: tuple[Month, ...] = ()
    months_left_out: tuple[Month, ...] = ()
    topics_tested: int = 0
    rising: tuple[RisingTopic, ...] = ()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One row of a repeat complaint."""

    voc_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RepeatComplaint:
    """The same subject at the same place at least twice within 30 days; oldest occurrence first."""

    place: str
    label: Label
    occurrences: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True)
class SlowSubject:
    """Time to completion of one subject: median hours with a 95 % interval, over ``rows`` completed rows."""

    label: Label
    rows: int
    median_hours: float
    low_hours: float
    high_hours: float
    open_rows: int


PlaceKind = Literal["floor", "zone"]


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """A floor (``3층``, ``B2``) or a zone (``로비``, ``주차장``) named in the text, with its most frequent subject."""

    place: str
    kind: PlaceKind
    count: int
    top_subject: Label
    top_subject_count: int
    previous: int | None = None


@dataclass(frozen=True, slots=True)
class ConfidenceBand:
    """Rows whose lesser confidence is in [low, high), the last band includes 1; ``low`` None: rows without one."""

    low: float | None
    high: float | None
    rows: int
    reviewed: int


@dataclass(frozen=True, slots=True)
class ReviewState:
    """How far the reviews are, honestly: rows, and what people changed."""

    rows: int
    reviewed: int
    corrected_subject: int
    corrected_work: int
    sample_rows: int
    sample_reviewed: int


@dataclass(frozen=True, slots=True)
class SubjectKeywords:
    """Top nouns of one subject with the number of rows that contain them, most first."""

    label: Label
    words: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class KeywordSummary:
    """Nouns of the month: ``frequencies`` for the word cloud (word, rows), most first; and per subject."""

    frequencies: tuple[tuple[str, int], ...] = ()
    by_subject: tuple[SubjectKeywords, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildingMeasures:
    """Everything on one building's page but the rows themselves. Times are KST; ``hours`` is [weekday][hour] counts.

    ``weekday_averages`` are rows per Monday, Tuesday, …; ``trend`` runs from 13 months ago to this month.
    ``rows`` 0 is an empty month: every tuple of findings is empty then.
    """

    month: Month
    building_id: str
    building_name: str
    rows: int
    model_versions: tuple[str, ...]
    run_id: str
    kpis: tuple[Kpi, ...]
    subjects: tuple[ParetoItem, ...]
    works: tuple[LabelCount, ...]
    daily: tuple[DayCount, ...]
    weekday_averages: tuple[float, ...]
    hours: tuple[tuple[int, ...], ...]
    trend: tuple[MonthPoint, ...]
    trends: Trends
    repeats: tuple[RepeatComplaint, ...]
    slowest: tuple[SlowSubject, ...]
    places: tuple[PlaceCount, ...]
    confidence: tuple[ConfidenceBand, ...]
    review: ReviewState
    keywords: KeywordSummary = KeywordSummary()

    def kpi(self, key: KpiKey) -> Kpi:
        """Return the card called ``key``."""
        return next(card for card in self.kpis if card.key == key)
