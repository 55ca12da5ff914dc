"""Reading the review sheet once a run: the snapshot that every building shares, and what publish says of it."""

from __future__ import annotations

import pandas as pd

from voc_models import keys
from voc_models.months import Month
from voc_models.plan import Plan
from voc_models.store import put_or_adopt
from voc_worker import archive
from voc_worker.columns import TAGGED
from voc_worker.review.resolve import Resolution, resolve
from voc_worker.review.snapshot import known_reviews, newest_snapshot_key, outcome_of, snapshot_csv
from voc_worker.wiring import Parts


def take_snapshot(parts: Parts, plan: Plan, month: Month) -> Resolution:
    """Resolve the month's sheet against its tagged rows, and store outcome and snapshot, the snapshot last."""
    frames = [found.frame for found in archive.read_months(parts.store, month, what="tagged")]
    tagged = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(TAGGED))
    previous = known_reviews(parts.store, month)
    resolution = resolve(parts.book().read(month), plan.taxonomy, tagged, previous)
    outcome = outcome_of(resolution, month, plan.run_id)
    put_or_adopt(
        parts.store, keys.review_outcome(month, plan.run_id), outcome.to_json(), content_type="application/json"
    )
    put_or_adopt(
        parts.store,
        keys.review_snapshot(month, plan.run_id),
        snapshot_csv(resolution.snapshot),
        content_type="text/csv; charset=utf-8",
    )
    return resolution


def months_with_reviews(parts: Parts) -> tuple[Month, ...]:
    """Return the tagged months that people have reviewed, by a snapshot or in the sheet as it stands, oldest first."""
    return tuple(month for month in archive.months_in_store(parts.store) if _reviewed(parts, month))


def _reviewed(parts: Parts, month: Month) -> bool:
    if newest_snapshot_key(parts.store, month) is not None:
        return True
    return bool((parts.book().read(month)["검수완료"].str.strip() != "").any())
