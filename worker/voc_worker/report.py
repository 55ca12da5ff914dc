"""From the store and the database to the published pages: gathers what the pure measures and pages need."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from voc_models.months import Month
from voc_models.plan import Plan
from voc_worker import archive
from voc_worker.columns import CONFIDENCES, SOURCE, TAGGED
from voc_worker.dashboard import render_building, render_fleet
from voc_worker.keywords import KeywordAnalyser, summarise
from voc_worker.measures.building import HISTORY_MONTHS, measure_building
from voc_worker.measures.fleet import measure_fleet, summarise_building
from voc_worker.measures.fleet_model import BuildingMonth
from voc_worker.measures.rows import PastMonth
from voc_worker.tables import typed
from voc_worker.wiring import Parts


def building_page(parts: Parts, plan: Plan, building_id: str, frame: pd.DataFrame, *, csv_name: str) -> str:
    """Return the dashboard of a building's month.

    Args:
        parts: the opened parts.
        plan: the run's plan.
        building_id: whose month it is.
        frame: its TAGGED or REVIEWED rows.
        csv_name: the file name of the CSV beside the page.
    """
    measures = measure_building(
        plan.month,
        building_id,
        plan.building(building_id).name,
        frame,
        past_months(parts, plan, building_id),
        company=plan.company_medians,
        keywords=summarise(frame, KeywordAnalyser(parts.user_words())),
        taxonomy=plan.taxonomy.digest("subject"),
    )
    masked = parts.settings.mask_personal_data
    return render_building(measures, frame, font=parts.font(), csv_name=csv_name, masked=masked)


def past_months(parts: Parts, plan: Plan, building_id: str) -> list[PastMonth]:
    """Return the building's earlier months: as published where they are, else as the database holds them, untagged."""
    months = [plan.month.plus(-back) for back in range(HISTORY_MONTHS, 0, -1)]
    known = {month: archive.read_month(parts.store, month, building_id) for month in months}
    missing = [month for month, found in known.items() if found is None]
    untagged = _untagged(parts, plan, building_id, missing) if missing else {}
    published = [
        PastMonth(month, found.frame, archive.taxonomy_digest(parts.store, found.latest))
        for month, found in known.items()
        if found is not None
    ]
    return published + [PastMonth(month, rows, tagged=False) for month, rows in untagged.items()]


def _untagged(parts: Parts, plan: Plan, building_id: str, months: list[Month]) -> dict[Month, pd.DataFrame]:
    """Return the rows of months that were never run, labels blank; a month without rows is unknown, not empty."""
    with parts.source() as source:
        found = {month: source.building_rows(building_id, month, plan.time_zone) for month in months}
    return {month: blank_labels(rows) for month, rows in found.items() if len(rows)}


def blank_labels(source: pd.DataFrame) -> pd.DataFrame:
    """Return SOURCE rows as TAGGED rows that nobody has tagged."""
    texts = {name: "" for name in TAGGED if name not in (*SOURCE, *CONFIDENCES, "is_sample")}
    numbers = dict.fromkeys(CONFIDENCES, float("nan"))
    return typed(source.assign(**texts, **numbers, is_sample=False), TAGGED)


def fleet_page(parts: Parts, plan: Plan) -> str:
    """Return head office's page: every building of the month that is in the store, this run's or not."""
    # Not from the plan: a run of some buildings must not name the closed ones among the others.
    with parts.source() as source:
        closed = source.closed_buildings()
    ids = archive.buildings_in_store(parts.store, plan.month)
    summaries = [one for building_id in ids for one in _summaries(parts, plan.month, building_id, closed)]
    now = [one for one in summaries if one.month == plan.month]
    earlier = [one for one in summaries if one.month != plan.month]
    return render_fleet(measure_fleet(plan.month, now, earlier), run_id=plan.run_id)


def _summaries(parts: Parts, month: Month, building_id: str, closed: set[str]) -> Iterator[BuildingMonth]:
    """Yield what the fleet report keeps of a building's months, oldest first; two frames are in memory at a time."""
    before: pd.DataFrame | None = None
    for back in range(HISTORY_MONTHS, -1, -1):
        found = archive.read_month(parts.store, month.plus(-back), building_id)
        frame = found.frame if found else None
        if frame is not None:
            name = str(frame["building_name"].iloc[0]) if len(frame) else building_id
            yield summarise_building(month.plus(-back), building_id, name, frame, before, closed=building_id in closed)
        before = frame
