"""``publish``: the one writer of the review sheet and the database, then fleet report and run summary."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pandas as pd

from voc_models import keys
from voc_models.answer import Answer
from voc_models.plan import Plan, PlannedBuilding, Summary, read_record
from voc_models.run import Mode
from voc_models.store import put_or_adopt
from voc_worker import archive
from voc_worker.columns import TAGGED
from voc_worker.report import fleet_page
from voc_worker.review import history
from voc_worker.review.rows import sheet_rows
from voc_worker.review.snapshot import ReviewOutcome, read_snapshot
from voc_worker.wiring import Parts

log = logging.getLogger(__name__)


class Written(NamedTuple):
    """What publishing came to."""

    rows: int
    reviewed: int
    details: dict[str, Any]


def run(parts: Parts, plan: Plan, failed: Mapping[str, str], images: Mapping[str, str] | None = None) -> Answer:
    """Publish what the buildings of ``plan`` made; what failed is only told. Safe to execute again.

    Args:
        parts: the opened parts.
        plan: the run's plan.
        failed: building id to one line of why, as far as the caller knows.
        images: what a cluster's run used, for the summary.
    """
    started = time.monotonic()
    made = [building for building in plan.buildings if _made_by(parts, plan, building)]
    outcome = _outcome(parts, plan) if plan.mode is Mode.REFRESH else None
    written = _write(parts, plan, made, outcome) if made else Written(0, 0, {})
    known = {building.id for building in made}
    summary = Summary(
        run_id=plan.run_id,
        mode=plan.mode,
        month=plan.month,
        model=plan.model,
        images=images or {},
        total=len(plan.buildings),
        succeeded=len(made),
        failed={
            building.id: failed.get(building.id, "It has not published its month.")
            for building in plan.buildings
            if building.id not in known
        },
        rows=written.rows,
        reviewed_rows=written.reviewed,
        disputed=outcome.disputed if outcome else (),
        finished=datetime.now(UTC).replace(microsecond=0),
        details=written.details,
    )
    key = keys.summary(plan.month, plan.run_id)
    parts.store.put(key, summary.to_json(), content_type="application/json")
    seconds = round(time.monotonic() - started, 3)
    return Answer(rows=written.rows, keys={"summary": key}, model=plan.model.release, seconds=seconds)


def _outcome(parts: Parts, plan: Plan) -> ReviewOutcome:
    key = keys.review_outcome(plan.month, plan.run_id)
    return read_record(ReviewOutcome, parts.store.get(key).data, key)


def _made_by(parts: Parts, plan: Plan, building: PlannedBuilding) -> bool:
    """Tell whether the building's files of this run exist, also when a later run has replaced the month since."""
    kind: keys.Kind = "reviewed" if plan.mode is Mode.REFRESH else "tagged"
    return parts.store.exists(keys.building_object(plan.month, building.id, kind, plan.run_id))


def _write(parts: Parts, plan: Plan, made: list[PlannedBuilding], outcome: ReviewOutcome | None) -> Written:
    found = list(archive.read_months(parts.store, plan.month, [building.id for building in made]))
    rows = pd.concat([one.frame for one in found], ignore_index=True) if found else pd.DataFrame(columns=list(TAGGED))
    book = parts.book(plan.run_id)
    details: dict[str, Any] = {"links": {}}
    if outcome is None:
        report = book.upload(plan.month, sheet_rows(rows), plan.taxonomy)
        details["review"] = report._asdict()
        log.info("Review sheet: %d rows added, %d updated, %d kept.", *report)
    else:
        book.write_results(plan.month, outcome.results)
        _remember(parts, plan, made)
        details["review"] = outcome.counts
    details["links"]["review"] = book.url(plan.month)
    if parts.settings.write_classification:
        withdrawn = outcome.withdrawn if outcome else ()
        details["database"] = _write_database(parts, rows, withdrawn)
    if plan.mode is not Mode.TAGGING_ONLY:
        details["links"] |= _dashboards(parts, plan, made)
    reviewed = int((rows["subject_reviewed"] | rows["work_reviewed"]).sum()) if "subject_reviewed" in rows else 0
    return Written(len(rows), reviewed, details)


def _remember(parts: Parts, plan: Plan, made: list[PlannedBuilding]) -> None:
    """Append what people changed to the month's history of predicted against final labels."""
    ids = [building.id for building in made]
    tagged = [found.frame for found in archive.read_months(parts.store, plan.month, ids, what="tagged")]
    key = keys.review_snapshot(plan.month, plan.run_id)
    snapshot = read_snapshot(parts.store.get(key).data, key)
    history.record(
        parts.store,
        plan.month,
        pd.concat(tagged, ignore_index=True),
        snapshot,
        run_id=plan.run_id,
        seen=plan.created,
    )


def _write_database(parts: Parts, rows: pd.DataFrame, withdrawn: tuple[str, ...]) -> dict[str, int]:
    from voc_worker.postgres import write_classification  # noqa: PLC0415 - only where writing is switched on

    report = write_classification(parts.database, rows, parts.schema, withdrawn=withdrawn)
    log.info("voc_classification: %s.", report)
    return dict(report._asdict())


def _dashboards(parts: Parts, plan: Plan, made: list[PlannedBuilding]) -> dict[str, str]:
    key = keys.fleet(plan.month, plan.run_id)
    page = fleet_page(parts, plan)
    put_or_adopt(parts.store, key, page.encode(), content_type="text/html; charset=utf-8")
    links = {
        f"dashboard {building.id}": parts.store.url(keys.dashboard_link(plan.month, building.id)) for building in made
    }
    # Hundreds of links help nobody; the fleet report has them all.
    return {"fleet": parts.store.url(key)} | (links if len(links) <= 12 else {})
