"""Adapter: the reviewed rows of some months: the newest review snapshots joined with the tagged CSVs of the store.

The column names are the worker's (its review snapshot and its CSV files); a test holds both sides together.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from voc_models import keys
from voc_models.csv_text import unescape_cell
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_models.plan import Latest, Plan, read_record
from voc_models.run import run_order
from voc_models.store import ObjectNotFoundError, ObjectStore, sha256

log = logging.getLogger(__name__)

#: What is used of a review snapshot.
SNAPSHOT_COLUMNS: Final = (
    "voc_id", "building_id", "subject_major", "subject_minor", "work_major", "work_minor", "is_sample",
)  # fmt: skip
#: What is used of a tagged CSV: header to name here.
TAGGED_COLUMNS: Final[Mapping[str, str]] = {
    "voc_id": "voc_id",
    "title": "title",
    "request_contents": "request_contents",
    "reply": "reply",
}


class NoReviewsError(DataError):
    """No month that was asked for has a reviewed row."""


class StoredRowsError(DataError):
    """A snapshot or a tagged CSV is not what the worker writes."""


def load_reviewed(store: ObjectStore, plan: Plan) -> pd.DataFrame:
    """Return every reviewed row of the plan's training months, joined with its text.

    Returns:
        Text columns voc_id, building_id, month, title, request_contents, reply, for each head ``{head}_major`` and
        ``{head}_minor`` ("" when the head was not merged); bool is_sample.

    Raises:
        NoReviewsError: there is not one reviewed row.
        StoredRowsError: an object is not what the worker writes, or is not the one that its pointer names.
    """
    months = sorted(set(plan.train_months or (plan.train.months if plan.train and plan.train.months else ())))
    tables = [table for month in months if (table := _month(store, plan, month)) is not None]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if rows.empty:
        named = ", ".join(map(str, months)) or "no month"
        raise NoReviewsError(
            f"There is no reviewed row in {named}. Set 검수완료 to Y in the review sheet, run refresh, then train."
        )
    return rows


def _month(store: ObjectStore, plan: Plan, month: Month) -> pd.DataFrame | None:
    key = snapshot_key(store, month, plan.run_id)
    if key is None:
        log.warning("Month %s has no review snapshot and is left out. Run refresh for it.", month)
        return None
    reviewed = _table(store.get(key).data, key, {name: name for name in SNAPSHOT_COLUMNS}, escaped=False)
    if reviewed.empty:
        return None
    buildings = sorted(set(reviewed["building_id"]))
    tagged = [table for building in buildings if (table := _tagged(store, month, building)) is not None]
    if not tagged:
        return None
    joined = reviewed.merge(pd.concat(tagged, ignore_index=True), on=["voc_id", "building_id"], how="inner")
    if len(joined) < len(reviewed):
        log.warning("%d reviewed rows of %s have no tagged row any more.", len(reviewed) - len(joined), month)
    joined["is_sample"] = joined["is_sample"].isin(["1", "true", "True"])
    return joined.assign(month=str(month))


def snapshot_key(store: ObjectStore, month: Month, run_id: str) -> str | None:
    """Return the run's own snapshot of the month, so that a second attempt reads the same, else the newest one."""
    own = keys.review_snapshot(month, run_id)
    prefix = keys.review_snapshots(month)
    runs = {
        listed.key.removeprefix(prefix).removesuffix(".csv")
        for listed in store.list(prefix)
        if listed.key.endswith(".csv")
    }
    if run_id in runs or not runs:
        return own if runs else None
    return keys.review_snapshot(month, max(runs, key=run_order))


def _tagged(store: ObjectStore, month: Month, building: str) -> pd.DataFrame | None:
    pointer = keys.latest(month, building)
    try:
        latest = read_record(Latest, store.get(pointer).data, pointer)
        data = store.get(latest.tagged.key).data
    except ObjectNotFoundError as error:
        log.warning("Building %s has reviews in %s but no published month (%s); left out.", building, month, error)
        return None
    if sha256(data) != latest.tagged.sha256:
        raise StoredRowsError(f"{latest.tagged.key} is not the file that {pointer} names. Run the month again.")
    return _table(data, latest.tagged.key, TAGGED_COLUMNS, escaped=True).assign(building_id=building)


def _table(data: bytes, key: str, columns: Mapping[str, str], *, escaped: bool) -> pd.DataFrame:
    """Return the named columns of a CSV object as text."""
    try:
        header, *lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise StoredRowsError(f"{key} cannot be read as CSV ({error}). Run the month again.") from error
    missing = [name for name in columns if name not in header]
    if missing or any(len(line) != len(header) for line in lines):
        fault = f"lacks the column {missing[0]}" if missing else "has rows of another length than its header"
        raise StoredRowsError(f"{key} {fault}. Run the month again.")
    cells: Sequence[Sequence[str]] = list(zip(*lines, strict=True)) if lines else [()] * len(header)
    read = unescape_cell if escaped else str
    return pd.DataFrame(
        {new: pd.Series([read(cell) for cell in cells[header.index(old)]], dtype="str") for old, new in columns.items()}
    )
