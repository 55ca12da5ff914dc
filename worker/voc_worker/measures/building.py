"""A building's month measured: the one entry for the building's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from voc_worker.columns import TAGGED
from voc_worker.measures import breakdowns, kpis
from voc_worker.measures.model import BuildingMeasures, KeywordSummary, MonthPoint
from voc_worker.measures.repeats import find_repeats
from voc_worker.measures.rows import PastMonth, labels
from voc_worker.measures.trends import find_trends
from voc_worker.tables import empty

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from voc_models.months import Month
    from voc_worker.measures.model import KpiKey

#: Months of history that the measures can use: last year's same month and the one before it.
HISTORY_MONTHS: Final = 13
_COMPARED: Final = (0, -1, -12)
_NO_KEYWORDS: Final = KeywordSummary()


def measure_building(  # noqa: PLR0913 - what a page shows comes from as many places
    month: Month,
    building_id: str,
    building_name: str,
    rows: pd.DataFrame,
    history: Sequence[PastMonth],
    *,
    company: Mapping[str, float | None] | None = None,
    keywords: KeywordSummary = _NO_KEYWORDS,
    taxonomy: str = "",
) -> BuildingMeasures:
    """Return everything that a building's page says about ``month``.

    Args:
        month: the month of ``rows``.
        building_id: whose rows they are.
        building_name: its name, also when the month is empty.
        rows: TAGGED or REVIEWED rows of that month; may be empty.
        history: earlier months in force, up to HISTORY_MONTHS back, in any order; missing ones are unknown, not empty.
        company: the plan's ``company_medians``; missing or None is unknown.
        keywords: nouns of the month, from :func:`voc_worker.keywords.summarise`.
        taxonomy: digest of the taxonomy in force for subjects, "" when unknown.
    """
    past = {entry.month: entry for entry in history if month.plus(-HISTORY_MONTHS) <= entry.month < month}
    frames = {each: entry.rows for each, entry in past.items()}
    labelled = {each: entry.rows for each, entry in past.items() if entry.tagged}
    before, year_ago = labelled.get(month.plus(-1)), labelled.get(month.plus(-12))
    values = _values(month, {**frames, month: rows}, {month, *labelled})
    return BuildingMeasures(
        month=month,
        building_id=building_id,
        building_name=building_name,
        rows=len(rows),
        model_versions=tuple(sorted(set(rows["model_version"]))),
        run_id=str(rows["run_id"].iloc[0]) if len(rows) else "",
        kpis=kpis.cards(values[month], values.get(month.plus(-1)), values.get(month.plus(-12)), company or {}),
        subjects=breakdowns.pareto(rows, before, year_ago),
        works=breakdowns.label_counts(labels(rows, "work")),
        daily=breakdowns.daily(rows, month),
        weekday_averages=breakdowns.weekday_averages(rows, month),
        hours=breakdowns.hour_matrix(rows),
        trend=tuple(_point({**frames, month: rows}, month.plus(-back)) for back in range(HISTORY_MONTHS, -1, -1)),
        trends=find_trends(month, rows, [past[each] for each in sorted(labelled)], taxonomy),
        repeats=find_repeats(rows, empty(TAGGED) if before is None else before).complaints,
        slowest=breakdowns.slowest(rows),
        places=breakdowns.worst_places(rows, before),
        confidence=breakdowns.confidence_bands(rows),
        review=breakdowns.review_state(rows),
        keywords=keywords,
    )


def _values(
    month: Month, frames: Mapping[Month, pd.DataFrame], labelled: Collection[Month]
) -> dict[Month, dict[KpiKey, kpis.Value]]:
    """Return the numbers of the month and of those it is compared with, as far as they are known.

    Numbers that rest on labels are there only where ``labelled`` holds the month.

    A customer without completion times is one with none in any month: a single month without is one where nothing was
    completed.
    """
    completes = any(rows["completed_at"].notna().any() for rows in frames.values())
    values = {}
    for each in (month.plus(back) for back in _COMPARED if month.plus(back) in frames):
        before = frames.get(each.plus(-1)) if each.plus(-1) in labelled else None
        values[each] = kpis.values(frames[each], before, completes=completes)
        if each not in labelled:
            values[each] |= dict.fromkeys(kpis.FROM_LABELS, kpis.Value(None, 0))
    return values


def _point(frames: Mapping[Month, pd.DataFrame], month: Month) -> MonthPoint:
    return MonthPoint(month, len(frames[month]) if month in frames else None)
