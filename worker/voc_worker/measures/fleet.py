"""All buildings of a month compared: the entries for head office's page and for the company's medians."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Final

from voc_worker.measures import kpis
from voc_worker.measures.building import HISTORY_MONTHS
from voc_worker.measures.fleet_model import Accuracy, BuildingMonth, FleetMeasures, FleetMonth, FleetRow, Funnel
from voc_worker.measures.funnels import count_funnel, expected_counts, share_funnel
from voc_worker.measures.model import KPI_UNITS, Kpi, KpiKey, LabelCount, Missing
from voc_worker.measures.repeats import find_repeats
from voc_worker.measures.rows import corrected, labels, ranked, reviewed
from voc_worker.measures.statistics import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from voc_models.labels import Label
    from voc_models.months import Month

_HOURS: Final[tuple[KpiKey, KpiKey]] = ("median_hours_first_reply", "median_hours_completion")


def summarise_building(
    month: Month,
    building_id: str,
    building_name: str,
    rows: pd.DataFrame,
    before: pd.DataFrame | None,
    *,
    closed: bool = False,
) -> BuildingMonth:
    """Return what the fleet report keeps of one building's TAGGED or REVIEWED ``rows``.

    ``before`` are the rows of the month before, None when unknown: then repeats are unknown too.
    """
    numbers = kpis.values(rows, before)
    checked = [done and sample for done, sample in zip(reviewed(rows), rows["is_sample"], strict=True)]
    wrong = {
        head: sum(changed and counts for changed, counts in zip(corrected(rows, head), checked, strict=True))
        for head in ("subject", "work")
    }
    repeats = None if before is None else find_repeats(rows, before)
    return BuildingMonth(
        month=month,
        building_id=building_id,
        building_name=building_name,
        closed=closed,
        rows=len(rows),
        completed=int(rows["completed_at"].notna().sum()),
        repeats=len(repeats.voc_ids) if repeats and repeats.located else None,
        median_hours_first_reply=numbers["median_hours_first_reply"].value,
        median_hours_completion=numbers["median_hours_completion"].value,
        reviewed=sum(reviewed(rows)),
        sample_reviewed=sum(checked),
        subject_right=sum(checked) - wrong["subject"],
        work_right=sum(checked) - wrong["work"],
        subjects=tuple(LabelCount(label, count) for label, count in ranked(labels(rows, "subject"))),
        model_version=str(rows["model_version"].iloc[0]) if len(rows) else "",
    )


def company_medians(buildings: Sequence[BuildingMonth]) -> dict[KpiKey, float | None]:
    """Return the median over buildings of each card, the plan's ``company_medians``; None when no building has it.

    Buildings without rows say nothing of how requests are handled and are left out.
    """
    busy = [building for building in _without_unknown(buildings) if building.rows]
    return {key: _median(_card(building, key) for building in busy) for key in KPI_UNITS}


def measure_fleet(month: Month, buildings: Sequence[BuildingMonth], history: Sequence[BuildingMonth]) -> FleetMeasures:
    """Return everything that head office's page says about ``month``.

    Args:
        month: the month reported.
        buildings: every building of that month, closed ones included.
        history: the same of earlier months, in any order; what is missing is unknown.
    """
    earlier = [item for item in history if month.plus(-HISTORY_MONTHS) <= item.month < month]
    by_month: dict[Month, list[BuildingMonth]] = {month: []}
    for item in _without_unknown([*buildings, *earlier]):
        by_month.setdefault(item.month, []).append(item)
    buildings = by_month[month]
    expected = expected_counts(buildings, earlier)
    funnels = [count_funnel(buildings, expected), share_funnel(buildings)]
    subjects: Counter[Label] = Counter()
    for building in buildings:
        subjects.update({item.label: item.count for item in building.subjects})
    return FleetMeasures(
        month=month,
        buildings=len(buildings),
        closed_buildings=sum(building.closed for building in buildings),
        rows=sum(building.rows for building in buildings),
        kpis=_cards(by_month, month),
        ranking=_ranking(month, by_month, {funnel.metric: funnel for funnel in funnels if funnel}),
        subjects=tuple(LabelCount(*item) for item in sorted(subjects.items(), key=lambda item: (-item[1], item[0]))),
        months=tuple(_month(each, by_month[each]) for each in sorted(by_month)),
        funnels=tuple(funnel for funnel in funnels if funnel),
    )


def _without_unknown(buildings: Sequence[BuildingMonth]) -> list[BuildingMonth]:
    """Return ``buildings`` with ``completed`` None when none was ever completed: then there is no such column."""
    known = any(building.completed for building in buildings)
    return [building if known else replace(building, completed=None) for building in buildings]


def _card(building: BuildingMonth, key: KpiKey) -> float | None:
    """Return one building's number; shares are of all its rows."""
    if key in _HOURS:
        return building.median_hours_first_reply if key == _HOURS[0] else building.median_hours_completion
    parts: dict[str, int | None] = {
        "completion_rate": building.completed,
        "repeat_rate": building.repeats,
        "reviewed_share": building.reviewed,
    }
    if key == "voc_count":
        return float(building.rows)
    part = parts[key]
    return None if part is None or not building.rows else part / building.rows


def _median(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return median(known) if known else None


_REASONS: Final[dict[KpiKey, Missing]] = {
    "completion_rate": Missing.NO_COMPLETION_TIMES,
    "median_hours_first_reply": Missing.NO_REPLY_TIMES,
    "median_hours_completion": Missing.NO_COMPLETION_TIMES,
    "repeat_rate": Missing.NO_PLACES,
}


def _cards(by_month: Mapping[Month, Sequence[BuildingMonth]], month: Month) -> tuple[Kpi, ...]:
    """Return the company's cards: counts and shares over all rows, hours as the median over buildings."""
    now, before, year_ago = (by_month.get(month.plus(-back), ()) for back in (0, 1, 12))
    medians = company_medians(now)
    cards = []
    for key, unit in KPI_UNITS.items():
        value = _company(now, key)
        reason = _REASONS.get(key) if any(building.rows for building in now) else Missing.NO_ROWS
        cards.append(
            Kpi(
                key=key,
                unit=unit,
                value=value,
                rows=sum(building.rows for building in now if _card(building, key) is not None),
                previous=_company(before, key) if before else None,
                last_year=_company(year_ago, key) if year_ago else None,
                company=medians[key],
                missing=reason if value is None else None,
            )
        )
    return tuple(cards)


def _company(buildings: Sequence[BuildingMonth], key: KpiKey) -> float | None:
    if key == "voc_count":
        return float(sum(building.rows for building in buildings))
    if key in _HOURS:
        return _median(_card(building, key) for building in buildings)
    known = [(number, building.rows) for building in buildings if (number := _card(building, key)) is not None]
    rows = sum(count for _, count in known)
    return sum(number * count for number, count in known) / rows if rows else None


def _ranking(
    month: Month, by_month: Mapping[Month, Sequence[BuildingMonth]], funnels: Mapping[str, Funnel]
) -> tuple[FleetRow, ...]:
    """Return the open buildings, most rows first."""
    counts = {each: {item.building_id: item.rows for item in items} for each, items in by_month.items()}
    standing = {
        metric: {point.building_id: point.standing for point in funnel.points} for metric, funnel in funnels.items()
    }

    def rows_of(building_id: str) -> Callable[[int], int | None]:
        return lambda back: counts.get(month.plus(-back), {}).get(building_id)

    named = sorted(
        (building for building in by_month[month] if not building.closed),
        key=lambda building: (-building.rows, building.building_id),
    )
    return tuple(
        FleetRow(
            rank=rank,
            building_id=building.building_id,
            building_name=building.building_name,
            rows=building.rows,
            previous=rows_of(building.building_id)(1),
            last_year=rows_of(building.building_id)(12),
            completion_rate=_card(building, "completion_rate"),
            median_hours_first_reply=building.median_hours_first_reply,
            median_hours_completion=building.median_hours_completion,
            repeat_rate=_card(building, "repeat_rate"),
            reviewed_share=_card(building, "reviewed_share"),
            series=tuple(map(rows_of(building.building_id), range(HISTORY_MONTHS, -1, -1))),
            count_standing=standing.get("count_ratio", {}).get(building.building_id, "usual"),
            completion_standing=standing.get("completion_rate", {}).get(building.building_id, "usual"),
        )
        for rank, building in enumerate(named, start=1)
    )


def _month(month: Month, buildings: Sequence[BuildingMonth]) -> FleetMonth:
    checked = sum(building.sample_reviewed for building in buildings)
    return FleetMonth(
        month=month,
        rows=sum(building.rows for building in buildings),
        reviewed=sum(building.reviewed for building in buildings),
        subject=_accuracy(sum(building.subject_right for building in buildings), checked),
        work=_accuracy(sum(building.work_right for building in buildings), checked),
        model_versions=tuple(sorted({building.model_version for building in buildings} - {""})),
    )


def _accuracy(right: int, rows: int) -> Accuracy:
    return Accuracy(rows, right, right / rows, *wilson_interval(right, rows)) if rows else Accuracy(0, 0, *[None] * 3)
