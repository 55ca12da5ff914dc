"""``prepare``: settle once what must be the same for every building, and read the review sheet once."""

from __future__ import annotations

import logging
import time
from argparse import Namespace
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from voc_models import keys
from voc_models.answer import Answer
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_models.plan import Plan, PlannedBuilding
from voc_models.run import Mode, TrainSpec, resolve_month
from voc_models.store import put_or_adopt
from voc_worker import archive
from voc_worker.measures.fleet import company_medians, summarise_building
from voc_worker.postgres import Source
from voc_worker.review.resolve import Resolution
from voc_worker.review.snapshot import counts_by_building
from voc_worker.review_step import months_with_reviews, take_snapshot
from voc_worker.wiring import Parts

log = logging.getLogger(__name__)


class Asked(NamedTuple):
    """What the run's spec says, as far as a plan depends on it."""

    mode: Mode
    month: Month
    run_id: str
    created: datetime
    time_zone: str
    buildings: tuple[str, ...] | None
    model_version: str
    train: TrainSpec | None


def asked_from(arguments: Namespace, default_zone: str) -> Asked:
    """Return the request of the command line.

    Raises:
        DataError: the month has not begun.
    """
    zone = arguments.time_zone or default_zone
    return Asked(
        mode=Mode(arguments.mode),
        month=resolve_month(arguments.month, arguments.created, zone),
        run_id=arguments.run_id,
        created=arguments.created,
        time_zone=zone,
        buildings=tuple(arguments.buildings) if arguments.buildings else None,
        model_version=arguments.model_version,
        train=arguments.train,
    )


def run(parts: Parts, arguments: Namespace) -> Answer:
    """Write the plan and the review snapshots that the mode needs; with ``plan_file``, only that file."""
    started = time.monotonic()
    asked = asked_from(arguments, parts.settings.time_zone)
    plan = make_plan(parts, asked)
    if arguments.plan_file is not None:
        arguments.plan_file.write_bytes(plan.to_json())
        return Answer(rows=sum(building.rows for building in plan.buildings))
    for month in plan.train_months:
        take_snapshot(parts, plan, month)
    if plan.mode is Mode.REFRESH:
        known = plan.company_medians | reviewed_medians(parts, plan, take_snapshot(parts, plan, plan.month))
        plan = plan.model_copy(update={"company_medians": known})
    key = keys.plan(plan.month, plan.run_id)
    put_or_adopt(parts.store, key, plan.to_json(), content_type="application/json")
    return Answer(
        rows=sum(building.rows for building in plan.buildings),
        keys={"plan": key},
        model=plan.model.release,
        seconds=round(time.monotonic() - started, 3),
    )


def make_plan(parts: Parts, asked: Asked) -> Plan:
    """Ask database, store and model registry for what the run is made of; writes nothing."""
    train = (asked.train or TrainSpec()) if asked.mode is Mode.TRAIN else None
    with parts.source() as source:
        taxonomy = source.taxonomy()
        buildings = () if train else _buildings(parts, source, asked)
        medians = {} if train else _medians(source.monthly_measures([asked.month], asked.time_zone))
    return Plan(
        run_id=asked.run_id,
        mode=asked.mode,
        month=asked.month,
        time_zone=asked.time_zone,
        created=asked.created,
        buildings=buildings,
        model=parts.registry.resolve(asked.model_version),
        taxonomy=taxonomy,
        company_medians=medians,
        sample_rate=parts.settings.sample_rate,
        review_snapshot=keys.review_snapshot(asked.month, asked.run_id) if asked.mode is Mode.REFRESH else None,
        train=train,
        train_months=_train_months(parts, train) if train else (),
    )


def _medians(measures: pd.DataFrame) -> dict[str, float | None]:
    """Return the median over buildings of each measure that the database alone can tell."""
    columns = [name for name in measures.columns if name not in {"building_id", "month"}]
    medians = measures[columns].median()
    return {name: None if pd.isna(medians[name]) else float(medians[name]) for name in columns}


def reviewed_medians(parts: Parts, plan: Plan, resolution: Resolution) -> dict[str, float | None]:
    """Return the medians over buildings that only tagged and reviewed rows can tell: repeat rate and reviewed share."""
    months = []
    for building in plan.buildings:
        found = archive.read_month(parts.store, plan.month, building.id, "tagged")
        before = archive.read_month(parts.store, plan.month.plus(-1), building.id, "tagged")
        if found is not None:
            frames = found.frame, before.frame if before else None
            months.append(summarise_building(plan.month, building.id, building.name, *frames))
    counts = counts_by_building(resolution)
    shares = counts["reviewed"] / counts["rows"]
    return {
        "repeat_rate": company_medians(months)["repeat_rate"],
        "reviewed_share": float(shares.median()) if len(shares) else None,
    }


def _buildings(parts: Parts, source: Source, asked: Asked) -> tuple[PlannedBuilding, ...]:
    """Return the run's buildings: those asked for, or every one with VOC in the month.

    A refresh works on what was tagged: without a list, buildings that have no tagged month are left out.
    """
    if asked.buildings is not None or asked.mode is not Mode.REFRESH:
        return source.buildings(asked.month, asked.time_zone, asked.buildings)
    tagged = archive.buildings_in_store(parts.store, asked.month)
    if not tagged:
        raise DataError(f"{asked.month} has no tagged rows yet. Run mode full for that month first.")
    return source.buildings(asked.month, asked.time_zone, tagged)


def _train_months(parts: Parts, train: TrainSpec) -> tuple[Month, ...]:
    """Return the months to train on: those asked for, or every month that people have reviewed."""
    months = tuple(train.months) if train.months is not None else months_with_reviews(parts)
    if not months:
        raise DataError("No month has reviews yet. Review a month and run mode refresh for it before training.")
    return months
