"""Reviewed months in a store, written by the worker's own code: what training reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from voc_models import keys
from voc_models.labels import Taxonomy
from voc_models.months import Month
from voc_models.plan import Latest, Plan, PlannedModel, StoredObject
from voc_models.run import Mode, TrainSpec
from voc_models.store import sha256
from voc_models.store_file import FileStore
from voc_worker.columns import LABELS, SNAPSHOT
from voc_worker.review.snapshot import snapshot_csv
from voc_worker.sample.generate import Sample, generate
from voc_worker.sample.words import vocabulary
from voc_worker.tables.csv_io import write_csv
from voc_worker.tables.tagged import SampleRule, build_tagged, tagger_rows
from voc_worker.tagging import KeywordTagger, Tagger

FULL_RUN = "full_20260101_020000_aaaaa"
TRAIN_RUN = "train_20260120_040000_bbbbb"


class Reviewed(NamedTuple):
    """A store of reviewed months and the plan of a training run over them."""

    store: FileStore
    plan: Plan
    plan_key: str


def taxonomy() -> Taxonomy:
    """Return the sample's taxonomy."""
    return vocabulary().taxonomy()


def sample() -> Sample:
    """Return the invented customer."""
    return generate()


def reviewed_store(
    folder: Path,
    months: Sequence[Month],
    *,
    most_rows: int = 10_000,
    sample_rate: float = 0.2,
    spec: TrainSpec | None = None,
    tagger: Tagger | None = None,
    source: Sample | None = None,
) -> Reviewed:
    """Write ``months`` of the sample as a full run and a review of every row would, tagged by keywords.

    Args:
        folder: where the store lies.
        months: of the sample.
        most_rows: of each month, the oldest ones.
        sample_rate: share of 표본 texts.
        spec: of the training run; base model scratch by default.
        tagger: who tagged the months; the keyword tagger by default.
        source: whose months; the sample's by default.
    """
    store, source = FileStore(folder.as_uri()), source or sample()
    truth = source.truth.set_index("voc_id")
    tagger = tagger or KeywordTagger(taxonomy())
    for month in months:
        rows = source.source(month).head(most_rows)
        tagged = [
            _publish(store, month, building, of_one, tagger, sample_rate)
            for building, of_one in rows.groupby("building_id")
        ]
        _review(store, month, pd.concat(tagged), truth)
    plan = Plan(
        run_id=TRAIN_RUN,
        mode=Mode.TRAIN,
        month=max(months),
        created=datetime(2026, 1, 19, 19, tzinfo=UTC),
        taxonomy=taxonomy(),
        train=spec or TrainSpec(base_model="scratch"),
        train_months=tuple(months),
    )
    key = keys.plan(plan.month, plan.run_id)
    store.put(key, plan.to_json())
    return Reviewed(store, plan, key)


def _publish(
    store: FileStore, month: Month, building: object, rows: pd.DataFrame, tagger: Tagger, rate: float
) -> pd.DataFrame:
    tags = tagger.tag(tagger_rows(rows))
    rule = SampleRule(rate, "test")
    tagged = build_tagged(rows, tags, model_version=tagger.name, run_id=FULL_RUN, rule=rule)
    data = write_csv(tagged)
    key = keys.building_object(month, str(building), "tagged", FULL_RUN)
    store.put(key, data)
    latest = Latest(
        run_id=FULL_RUN,
        mode=Mode.FULL,
        month=month,
        building_id=str(building),
        model=PlannedModel(),
        rows=len(tagged),
        tagged=StoredObject(key=key, sha256=sha256(data)),
    )
    store.put(keys.latest(month, str(building)), latest.to_json())
    return tagged


def _review(store: FileStore, month: Month, tagged: pd.DataFrame, truth: pd.DataFrame) -> None:
    final = truth.loc[tagged["voc_id"], list(LABELS)].reset_index()
    snapshot = final.assign(
        building_id=list(tagged["building_id"]), is_sample=list(tagged["is_sample"]), reviewer="김검수", note=""
    )
    store.put(
        keys.review_snapshot(month, f"refresh_{month.compact}15_020000_ccccc"), snapshot_csv(snapshot[list(SNAPSHOT)])
    )
