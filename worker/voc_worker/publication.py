"""Making a building's month visible: immutable objects first, then ``latest.json``, then the link that people keep.

A process may be killed between any two writes, and a step may be executed twice at once. What a reader sees is always
one whole month: objects are written once and adopted afterwards, ``latest.json`` changes by one conditional write, and
the link is rewritten until it shows what ``latest.json`` names.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from voc_models import keys
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_models.plan import Latest, StoredObject, read_record
from voc_models.run import run_order
from voc_models.store import ObjectNotFoundError, ObjectStore, PreconditionFailedError, put_or_adopt, sha256

CONTENT_TYPES: dict[keys.Kind, str] = {
    "tagged": "text/csv; charset=utf-8",
    "reviewed": "text/csv; charset=utf-8",
    "dashboard": "text/html; charset=utf-8",
}
#: Two writers of one building settle in two rounds; more means that something else keeps writing.
ROUNDS = 5
log = logging.getLogger(__name__)


class SupersededError(DataError):
    """A run that was created later has already published this month."""


class Current(NamedTuple):
    """The month in force and the ETag of its pointer."""

    latest: Latest
    etag: str


def current(store: ObjectStore, month: Month, building_id: str) -> Current | None:
    """Return the month in force, or None when the building has none."""
    key = keys.latest(month, building_id)
    try:
        fetched = store.get(key)
    except ObjectNotFoundError:
        return None
    return Current(read_record(Latest, fetched.data, key), fetched.etag)


def read_object(store: ObjectStore, stored: StoredObject) -> bytes:
    """Return what a pointer names.

    Raises:
        DataError: the bytes are not those whose hash was recorded.
    """
    data = store.get(stored.key).data
    if sha256(data) != stored.sha256:
        raise DataError(f"{stored.key} was changed after it was written. Run the building again with --force.")
    return data


def write_object(
    store: ObjectStore, month: Month, building_id: str, kind: keys.Kind, run_id: str, data: bytes
) -> tuple[StoredObject, bytes]:
    """Write one immutable object and return its address with the bytes that count (an earlier execution's, if any)."""
    key = keys.building_object(month, building_id, kind, run_id)
    kept = put_or_adopt(store, key, data, content_type=CONTENT_TYPES[kind])
    return StoredObject(key=key, sha256=sha256(kept)), kept


def make_visible(store: ObjectStore, latest: Latest) -> Latest:
    """Point the building's month at ``latest`` and refresh the link; return the pointer that is in force.

    Raises:
        SupersededError: a later run was faster.
    """
    key = keys.latest(latest.month, latest.building_id)
    for _ in range(ROUNDS):
        before = current(store, latest.month, latest.building_id)
        if before is not None and before.latest.run_id == latest.run_id:
            refresh_link(store, latest.month, latest.building_id)
            return before.latest
        if before is not None and run_order(before.latest.run_id) > run_order(latest.run_id):
            raise SupersededError(
                f"Run {before.latest.run_id}, created later, has already published {latest.month} of building "
                f"{latest.building_id}; this run's files stay in the store but are not shown."
            )
        try:
            if before is None:
                store.put(key, latest.to_json(), content_type="application/json", if_absent=True)
            else:
                store.put(key, latest.to_json(), content_type="application/json", if_match=before.etag)
        except PreconditionFailedError:
            log.info("%s changed while it was being written; looking again.", key)
            continue
        refresh_link(store, latest.month, latest.building_id)
        return latest
    raise PreconditionFailedError(f"{key} keeps changing. Look for another writer of this store, then try again.")


def refresh_link(store: ObjectStore, month: Month, building_id: str) -> None:
    """Copy the dashboard in force to the link until the link shows what ``latest.json`` names."""
    link = keys.dashboard_link(month, building_id)
    for _ in range(ROUNDS):
        before = current(store, month, building_id)
        if before is None or before.latest.dashboard is None:
            return
        data = read_object(store, before.latest.dashboard)
        if store.exists(link) and store.get(link).data == data:
            return
        store.put(link, data, content_type=CONTENT_TYPES["dashboard"])
        after = current(store, month, building_id)
        if after is not None and after.etag == before.etag:
            return
