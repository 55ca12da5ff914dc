"""What the model page is told: records with numbers, filled from manifests, the history and the fleet's months."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voc_models.labels import Head
    from voc_models.months import Month
    from voc_worker.measures.fleet_model import FleetMonth


@dataclass(frozen=True, slots=True)
class CoverageAt:
    """Answers at or above a confidence: the share of rows, and the share of those that is right (None: no such row)."""

    threshold: float
    coverage: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """How often ``truth`` was called ``predicted``; joined labels."""

    truth: str
    predicted: str
    rows: int


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """Accuracy of a model trained on ``rows`` rows (or up to that month)."""

    label: str
    accuracy: float


@dataclass(frozen=True, slots=True)
class HeadReport:
    """One head on the frozen 표본; shares in [0, 1].

    ``ece`` and ``ece_before``, expected calibration errors after and before calibration, are both of validation rows,
    None when not measured.
    """

    head: Head
    kind: str
    rows: int
    accuracy: float
    macro_f1: float
    ece: float | None = None
    ece_before: float | None = None
    coverage: tuple[CoverageAt, ...] = ()
    confusions: tuple[ConfusedPair, ...] = ()
    learning: tuple[LearningPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class CorrectionMonth:
    """Of ``reviewed`` rows of a month, how many had their subject or work type changed by a person."""

    month: Month
    reviewed: int
    subject: int
    work: int


@dataclass(frozen=True, slots=True)
class ChampionEntry:
    """One line of the champion's history, newest last; ``at`` is a date as text."""

    at: str
    release: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelReport:
    """Everything on the model page; ``release`` is ``keyword`` when no model is in service."""

    release: str
    heads: tuple[HeadReport, ...] = ()
    months: tuple[FleetMonth, ...] = ()
    corrections: tuple[CorrectionMonth, ...] = ()
    champions: tuple[ChampionEntry, ...] = ()
