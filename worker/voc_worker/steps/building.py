"""One building's month: tag or merge, write the CSV, draw the dashboard, make it visible."""

from __future__ import annotations

import logging
import time

import pandas as pd

from voc_models import keys
from voc_models.answer import Answer
from voc_models.exit_codes import DataError
from voc_models.plan import Latest, Plan, StoredObject
from voc_models.run import Mode
from voc_worker import publication
from voc_worker.review.merge import merge_reviews
from voc_worker.review.snapshot import read_snapshot
from voc_worker.tables import SampleRule, build_tagged, read_csv, tagger_rows, write_csv
from voc_worker.wiring import Parts

log = logging.getLogger(__name__)


def run(parts: Parts, plan: Plan, building_id: str) -> Answer:
    """Produce and publish the month of ``building_id`` as ``plan`` says; safe to execute twice.

    Raises:
        DataError: the building is not planned, or refresh finds no tagged month.
        UnavailableError: the database or the store does not answer.
    """
    started = time.monotonic()
    plan.building(building_id)
    done = publication.current(parts.store, plan.month, building_id)
    if done is not None and done.latest.run_id == plan.run_id:
        log.info("Building %s of run %s is already published.", building_id, plan.run_id)
        publication.refresh_link(parts.store, plan.month, building_id)
        return _answer(done.latest, started)
    make = _refresh if plan.mode is Mode.REFRESH else _tag
    latest = make(parts, plan, building_id, done.latest if done else None)
    return _answer(publication.make_visible(parts.store, latest), started)


def tag_rows(parts: Parts, plan: Plan, building_id: str) -> pd.DataFrame:
    """Return the building's rows of the month (columns TAGGED), read from the database and tagged as planned."""
    with parts.source() as source:
        rows = source.building_rows(building_id, plan.month, plan.time_zone)
    log.info("%d rows of building %s in %s.", len(rows), building_id, plan.month)
    return build_tagged(
        rows,
        parts.tagger(plan.model, plan.taxonomy).tag(tagger_rows(rows)),
        model_version=plan.model.release,
        run_id=plan.run_id,
        rule=SampleRule(plan.sample_rate, parts.settings.sample_salt),
        masked=parts.settings.mask_personal_data,
    )


def _tag(parts: Parts, plan: Plan, building_id: str, before: Latest | None) -> Latest:
    data = write_csv(tag_rows(parts, plan, building_id))
    tagged, kept = publication.write_object(parts.store, plan.month, building_id, "tagged", plan.run_id, data)
    frame = read_csv(kept, tagged.key)
    if plan.mode is Mode.FULL:
        dashboard: StoredObject | None = _dashboard(parts, plan, building_id, frame, tagged)
    else:
        dashboard = before.dashboard if before else None
    return Latest(
        run_id=plan.run_id,
        mode=plan.mode,
        month=plan.month,
        building_id=building_id,
        model=plan.model,
        rows=len(frame),
        tagged=tagged,
        dashboard=dashboard,
    )


def _refresh(parts: Parts, plan: Plan, building_id: str, before: Latest | None) -> Latest:
    if before is None:
        raise DataError(
            f"Building {building_id} has no tagged rows for {plan.month}. Run mode full for that month first."
        )
    tagged = read_csv(publication.read_object(parts.store, before.tagged), before.tagged.key)
    key = keys.review_snapshot(plan.month, plan.run_id)
    data = write_csv(merge_reviews(tagged, read_snapshot(parts.store.get(key).data, key)))
    reviewed, kept = publication.write_object(parts.store, plan.month, building_id, "reviewed", plan.run_id, data)
    frame = read_csv(kept, reviewed.key)
    return Latest(
        run_id=plan.run_id,
        mode=plan.mode,
        month=plan.month,
        building_id=building_id,
        model=before.model,
        rows=len(frame),
        reviewed_rows=int((frame["subject_reviewed"] | frame["work_reviewed"]).sum()),
        tagged=before.tagged,
        reviewed=reviewed,
        dashboard=_dashboard(parts, plan, building_id, frame, reviewed),
    )


def _dashboard(parts: Parts, plan: Plan, building_id: str, frame: pd.DataFrame, csv: StoredObject) -> StoredObject:
    from voc_worker.report import building_page  # noqa: PLC0415 - tagging-only draws nothing and starts sooner without

    html = building_page(parts, plan, building_id, frame, csv_name=csv.key.rsplit("/", 1)[-1])
    stored, _ = publication.write_object(parts.store, plan.month, building_id, "dashboard", plan.run_id, html.encode())
    return stored


def _answer(latest: Latest, started: float) -> Answer:
    named = {"tagged": latest.tagged, "reviewed": latest.reviewed, "dashboard": latest.dashboard}
    objects = {kind: stored for kind, stored in named.items() if stored is not None}
    pointers = {"latest": keys.latest(latest.month, latest.building_id)}
    return Answer(
        rows=latest.rows,
        keys={kind: stored.key for kind, stored in objects.items()} | pointers,
        digests={kind: stored.sha256 for kind, stored in objects.items()},
        model=latest.model.release,
        seconds=round(time.monotonic() - started, 3),
    )
