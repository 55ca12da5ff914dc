"""The cards of a report: six numbers, each of this month, last month, the same month last year and the company."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from voc_worker.measures.model import KPI_UNITS, Kpi, KpiKey, Missing
from voc_worker.measures.repeats import find_repeats
from voc_worker.measures.rows import hours_until, reviewed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


#: Cards that say nothing of a month whose rows have no labels.
FROM_LABELS: Final[tuple[KpiKey, ...]] = ("repeat_rate", "reviewed_share")


class Value(NamedTuple):
    """A number, how many rows it rests on, and why it is missing when it is."""

    value: float | None
    rows: int
    missing: Missing | None = None


def values(rows: pd.DataFrame, before: pd.DataFrame | None, *, completes: bool = True) -> dict[KpiKey, Value]:
    """Return the six numbers of a month's ``rows``; ``before`` are the rows of the month before, None when unknown.

    Completion rate: rows with completed_at / rows. Medians: of the hours from received to replied or completed, over
    the rows that have been; as SQL's percentile_cont(0.5) has it. Repeat rate: see :func:`find_repeats`, over all rows.
    Reviewed share: rows that a person has reviewed / rows. ``completes`` is whether the customer has completion times.
    """
    count = len(rows)
    if not count:
        none = Value(None, 0, Missing.NO_ROWS)
        return {key: Value(0.0, 0) if key == "voc_count" else none for key in KPI_UNITS}
    return {
        "voc_count": Value(float(count), count),
        "completion_rate": _completion(rows) if completes else Value(None, 0, Missing.NO_COMPLETION_TIMES),
        "median_hours_first_reply": _median(rows, "replied_at", Missing.NO_REPLY_TIMES),
        "median_hours_completion": _median(rows, "completed_at", Missing.NO_COMPLETION_TIMES),
        "repeat_rate": _repeats(rows, before),
        "reviewed_share": Value(sum(reviewed(rows)) / count, count),
    }


def cards(
    current: Mapping[KpiKey, Value],
    previous: Mapping[KpiKey, Value] | None,
    last_year: Mapping[KpiKey, Value] | None,
    company: Mapping[str, float | None],
) -> tuple[Kpi, ...]:
    """Return the cards in the order of the page; an unknown month to compare with is None."""
    return tuple(
        Kpi(
            key=key,
            unit=unit,
            value=current[key].value,
            rows=current[key].rows,
            previous=previous[key].value if previous else None,
            last_year=last_year[key].value if last_year else None,
            company=company.get(key),
            missing=current[key].missing,
        )
        for key, unit in KPI_UNITS.items()
    )


def _completion(rows: pd.DataFrame) -> Value:
    return Value(int(rows["completed_at"].notna().sum()) / len(rows), len(rows))


def _median(rows: pd.DataFrame, column: str, missing: Missing) -> Value:
    hours = hours_until(rows, column).dropna()
    return Value(median(hours), len(hours)) if len(hours) else Value(None, 0, missing)


def _repeats(rows: pd.DataFrame, before: pd.DataFrame | None) -> Value:
    if before is None:
        return Value(None, 0, Missing.NO_PREVIOUS_MONTH)
    repeats = find_repeats(rows, before)
    if not repeats.located:
        return Value(None, 0, Missing.NO_PLACES)
    return Value(len(repeats.voc_ids) / len(rows), len(rows))
