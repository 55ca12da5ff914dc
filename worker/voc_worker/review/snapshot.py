"""The review snapshot and the outcome beside it: what ``prepare`` writes once and every later step reads."""

from __future__ import annotations

import io
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from voc_models import keys
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_models.plan import Record
from voc_models.run import Mode, run_order
from voc_models.store import ObjectStore
from voc_worker.columns import SNAPSHOT
from voc_worker.review.resolve import Resolution, empty_snapshot


class ReviewOutcome(Record):
    """``review.json``: what ``publish`` writes back to the sheet, the database and the run summary.

    Attributes:
        results: 처리결과 by voc_id; "" clears an outdated sentence.
        disputed: voc_id, building_id, sheet_row and reason of what was left unmerged.
        withdrawn: voc_ids that the snapshot before this one held and this one does not.
        carried: voc_ids whose sheet row is gone and whose earlier decision stands.
        counts: see :attr:`Resolution.counts`.
    """

    schema_version: Literal[1] = 1
    run_id: str
    month: Month
    results: dict[str, str] = Field(default_factory=dict)
    disputed: tuple[dict[str, str], ...] = ()
    withdrawn: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)


def outcome_of(resolution: Resolution, month: Month, run_id: str) -> ReviewOutcome:
    """Return the part of a resolution that is not in the snapshot."""
    return ReviewOutcome(
        run_id=run_id,
        month=month,
        results=resolution.results,
        disputed=tuple(dispute.to_dict() for dispute in resolution.disputed),
        withdrawn=resolution.withdrawn,
        carried=resolution.carried,
        counts=resolution.counts,
    )


def snapshot_csv(snapshot: pd.DataFrame) -> bytes:
    """Return the snapshot as UTF-8 CSV with English headers; the same rows give the same bytes."""
    cells = snapshot[list(SNAPSHOT)].copy()
    cells["is_sample"] = cells["is_sample"].map({True: "1", False: "0"})
    return cells.to_csv(index=False, lineterminator="\n").encode()


def read_snapshot(data: bytes, key: str) -> pd.DataFrame:
    """Return the snapshot in ``data``: text columns, ``is_sample`` bool.

    Args:
        data: the object's bytes.
        key: what to call it in an error.

    Raises:
        DataError: it is not what :func:`snapshot_csv` writes.
    """
    try:
        frame = pd.read_csv(io.BytesIO(data), dtype="str", keep_default_na=False, lineterminator="\n")
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{key} is not a review snapshot: {error}. Run refresh for the month again.") from error
    if tuple(frame.columns) != SNAPSHOT or not frame["is_sample"].isin(["0", "1"]).all():
        raise DataError(f"{key} is not a review snapshot: its columns differ. Run refresh for the month again.")
    frame["is_sample"] = frame["is_sample"] == "1"
    return frame


def newest_snapshot_key(store: ObjectStore, month: Month, mode: Mode | None = None) -> str | None:
    """Return the key of the month's snapshot by the latest run (of ``mode``, when given), or None without any."""
    prefix = keys.review_snapshots(month)
    runs = [
        listed.key.removeprefix(prefix).removesuffix(".csv")
        for listed in store.list(prefix)
        if listed.key.endswith(".csv")
    ]
    of_mode = [run for run in runs if mode is None or run.startswith(f"{mode}_")]
    return keys.review_snapshot(month, max(of_mode, key=run_order)) if of_mode else None


def known_reviews(store: ObjectStore, month: Month) -> pd.DataFrame:
    """Return what :func:`resolve` calls ``previous``: the newest snapshot, and what the newest refresh had besides.

    Only a refresh writes the database and 처리결과. A review that was withdrawn between a refresh and a training is in
    the refresh's snapshot alone, and the next refresh must still find out that it is gone.

    Raises:
        DataError: a stored snapshot is damaged.
        StoreUnavailableError: the store does not answer.
    """
    found = [newest_snapshot_key(store, month), newest_snapshot_key(store, month, Mode.REFRESH)]
    frames = [read_snapshot(store.get(key).data, key) for key in dict.fromkeys(found) if key is not None]
    if not frames:
        return empty_snapshot()
    return pd.concat(frames, ignore_index=True).drop_duplicates("voc_id", ignore_index=True)


def counts_by_building(resolution: Resolution) -> pd.DataFrame:
    """Return, by building_id in ascending order: rows, reviewed, disputed, pending (int)."""
    states = resolution.states
    reviewed = states["voc_id"].isin(set(resolution.snapshot["voc_id"]))
    columns: dict[str, Any] = {
        "building_id": states["building_id"],
        "rows": 1,
        "reviewed": reviewed.astype("int64"),
        "disputed": (states["state"] == "disputed").astype("int64"),
        "pending": (states["state"] == "pending").astype("int64"),
    }
    return pd.DataFrame(columns).groupby("building_id", sort=True).sum().astype("int64").reset_index()
