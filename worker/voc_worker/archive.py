"""Reading what earlier steps and months left in the store: the month in force of one building or of all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import pandas as pd

from voc_models import keys
from voc_models.months import Month
from voc_models.plan import Latest, Plan, read_record
from voc_models.store import ObjectNotFoundError, ObjectStore
from voc_worker import publication
from voc_worker.tables import read_csv


class InForce(NamedTuple):
    """A building's month in force and its rows: TAGGED, or REVIEWED when it was reviewed."""

    latest: Latest
    frame: pd.DataFrame


def buildings_in_store(store: ObjectStore, month: Month) -> list[str]:
    """Return the buildings that have a month in force, in key order."""
    prefix = f"{month.compact}/"
    parts = (entry.key.removeprefix(prefix).split("/") for entry in store.list(prefix))
    return [part[0] for part in parts if len(part) == 2 and part[1] == "latest.json"]


def months_in_store(store: ObjectStore) -> list[Month]:
    """Return the months in which at least one building has a month in force, oldest first."""
    folders = {entry.key[:6] for entry in store.list("") if entry.key.endswith("/latest.json")}
    return sorted(Month.parse(folder) for folder in folders if folder.isdigit())


def read_month(
    store: ObjectStore, month: Month, building_id: str, what: Literal["best", "tagged"] = "best"
) -> InForce | None:
    """Return a building's month: its reviewed rows where there are some (``best``) or the tagged ones; None without."""
    now = publication.current(store, month, building_id)
    if now is None:
        return None
    stored = now.latest.reviewed if what == "best" and now.latest.reviewed else now.latest.tagged
    return InForce(now.latest, read_csv(publication.read_object(store, stored), stored.key))


def read_months(
    store: ObjectStore, month: Month, building_ids: list[str] | None = None, what: Literal["best", "tagged"] = "best"
) -> Iterator[InForce]:
    """Yield the month in force of each building, one at a time."""
    for building_id in buildings_in_store(store, month) if building_ids is None else building_ids:
        found = read_month(store, month, building_id, what)
        if found is not None:
            yield found


def history(store: ObjectStore, month: Month, building_id: str, months: int = 13) -> list[tuple[Month, pd.DataFrame]]:
    """Return the building's earlier months that are in the store, oldest first, at most ``months`` back."""
    found = ((past, read_month(store, past, building_id)) for past in (month.plus(-n) for n in range(months, 0, -1)))
    return [(past, rows.frame) for past, rows in found if rows is not None]


def taxonomy_digest(store: ObjectStore, latest: Latest) -> str:
    """Return the digest of the subjects in force when the month was made, "" when its plan is gone."""
    key = keys.plan(latest.month, latest.run_id)
    try:
        return read_record(Plan, store.get(key).data, key).taxonomy.digest("subject")
    except ObjectNotFoundError:
        return ""
