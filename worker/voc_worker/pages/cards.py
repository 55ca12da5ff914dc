"""The cards: a value, and how it stands against last month, last year and the company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from voc_worker.pages.wording import change, count, hours, month_only, share

if TYPE_CHECKING:
    from voc_models.months import Month
    from voc_worker.measures.model import Kpi, KpiKey, Unit
    from voc_worker.pages.texts import Texts

Tone = Literal["good", "bad", "even"]
#: Which direction is better: more requests may only mean that people report more, and this month's reviews have just
#: begun.
_BETTER: Final[dict[KpiKey, int]] = {
    "voc_count": 0,
    "completion_rate": 1,
    "median_hours_first_reply": -1,
    "median_hours_completion": -1,
    "repeat_rate": -1,
    "reviewed_share": 0,
}
#: From which difference on a change is coloured: percentage points for shares, relative otherwise.
_NOTABLE: Final[dict[Unit, float]] = {"share": 1.0, "hours": 0.05, "count": 0.05}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of a card."""

    label: str
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the page shows it; ``why`` says why there is no value."""

    name: str
    value: str
    why: str
    comparisons: tuple[Comparison, ...]


def cards(kpis: tuple[Kpi, ...], month: Month, t: Texts, *, company: bool = True) -> tuple[Card, ...]:
    """Return the cards in the order given; ``company`` is False on a page that is about the whole company."""
    last_year = t("cards.last_year", month=month_only(t, month))
    return tuple(_card(kpi, last_year, t, company=company) for kpi in kpis)


def _card(kpi: Kpi, last_year: str, t: Texts, *, company: bool) -> Card:
    name = t(f"cards.{kpi.key}")
    if kpi.value is None:
        why = t(f"missing.{kpi.missing}") if kpi.missing else t("cards.unknown")
        return Card(name, t("page.empty_value"), why, ())
    against = [(t("cards.previous"), kpi.previous), (last_year, kpi.last_year)]
    if company:
        against.append((t("cards.company"), kpi.company))
    lines = tuple(_comparison(kpi, kpi.value, label, then, t) for label, then in against)
    return Card(name, amount(kpi.unit, kpi.value, t), "", lines)


def amount(unit: Unit, value: float, t: Texts) -> str:
    """Return a value with its unit."""
    if unit == "share":
        return share(value)
    return hours(t, value) if unit == "hours" else t("unit.count", n=count(value))


def _comparison(kpi: Kpi, now: float, label: str, then: float | None, t: Texts) -> Comparison:
    if then is None:
        return Comparison(label, t("cards.unknown"), "even")
    moved, said = _moved(kpi.unit, now, then, t)
    reference = amount(kpi.unit, then, t)
    if not moved:
        return Comparison(label, f"{reference} {t('cards.same')}", "even")
    arrow = t("cards.up" if moved > 0 else "cards.down", n=said)
    towards = _BETTER[kpi.key] * moved if abs(moved) >= _NOTABLE[kpi.unit] else 0
    tone: Tone = "even" if towards == 0 else "good" if towards > 0 else "bad"
    return Comparison(label, f"{reference} {arrow}", tone)


def _moved(unit: Unit, now: float, then: float, t: Texts) -> tuple[float, str]:
    """Return the difference, 0 when it is too small to be shown, and how it is said."""
    if unit == "share":
        points = round((now - then) * 100, 1)
        return points, t("unit.points", n=f"{abs(points):g}")
    relative = change(now, then)
    if relative is None:
        return now - then, amount(unit, abs(now - then), t)
    return (0, "") if abs(relative) < 0.005 else (relative, share(abs(relative)))
