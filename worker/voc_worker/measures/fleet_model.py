"""What head office's report says about all buildings of a month: records with numbers, never words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from voc_models.months import Month
    from voc_worker.measures.model import Kpi, LabelCount


@dataclass(frozen=True, slots=True)
class BuildingMonth:
    """One building's month in a few numbers: what the fleet report is made of, so that no text has to be kept.

    ``completed`` is None when completion is unknown, ``repeats`` when the month before is or no row names a place. Of
    the ``sample_reviewed`` reviewed 표본 rows the machine had ``subject_right`` and ``work_right`` right. ``closed``
    buildings count but are not named.
    """

    month: Month
    building_id: str
    building_name: str
    closed: bool
    rows: int
    completed: int | None
    repeats: int | None
    median_hours_first_reply: float | None
    median_hours_completion: float | None
    reviewed: int
    sample_reviewed: int
    subject_right: int
    work_right: int
    subjects: tuple[LabelCount, ...]
    model_version: str


Standing = Literal["usual", "low", "very_low", "high", "very_high"]


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One named building in the ranking; ``series`` are its rows per month, oldest first, None where unknown."""

    rank: int
    building_id: str
    building_name: str
    rows: int
    previous: int | None
    last_year: int | None
    completion_rate: float | None
    median_hours_first_reply: float | None
    median_hours_completion: float | None
    repeat_rate: float | None
    reviewed_share: float | None
    series: tuple[int | None, ...]
    count_standing: Standing = "usual"
    completion_standing: Standing = "usual"


@dataclass(frozen=True, slots=True)
class FunnelPoint:
    """One building in a funnel plot: ``size`` is expected rows (count) or rows (shares), ``value`` what is compared."""

    building_id: str
    building_name: str
    size: float
    value: float
    standing: Standing


@dataclass(frozen=True, slots=True)
class FunnelLimits:
    """The control limits at one size: 95 % (``low``, ``high``) and 99.8 % (``very_low``, ``very_high``)."""

    size: float
    very_low: float
    low: float
    high: float
    very_high: float


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel plot (Spiegelhalter 2005): points, the target line, the limits by size, and the over-dispersion ``phi``.

    ``count_ratio`` is rows this month over what the building's own past lets expect; ``completion_rate`` is a share.
    The limits are already widened by sqrt(phi) when phi > 1.
    """

    metric: Literal["count_ratio", "completion_rate"]
    target: float
    phi: float
    points: tuple[FunnelPoint, ...]
    limits: tuple[FunnelLimits, ...]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share right on reviewed 표본 rows with its 95 % Wilson interval; None when there are no rows."""

    rows: int
    right: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class FleetMonth:
    """One month of all buildings: review progress, and how right the machine was where people checked it."""

    month: Month
    rows: int
    reviewed: int
    subject: Accuracy
    work: Accuracy
    model_versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FleetMeasures:
    """Everything on head office's page. Totals include the ``closed_buildings``, which ``ranking`` omits."""

    month: Month
    buildings: int
    closed_buildings: int
    rows: int
    kpis: tuple[Kpi, ...]
    ranking: tuple[FleetRow, ...]
    subjects: tuple[LabelCount, ...]
    months: tuple[FleetMonth, ...]
    funnels: tuple[Funnel, ...]
