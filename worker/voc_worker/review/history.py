"""Predicted against final, month by month: who changed what from what, and when it was first seen.

One object a month, one JSON line an event. A refresh appends an event where a head's decision is new, differs from the
last one seen, or was withdrawn; the same snapshot twice appends nothing, so a step may be executed again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import pandas as pd

from voc_models import keys
from voc_models.labels import HEADS, Head
from voc_models.months import Month
from voc_models.plan import Record, read_record
from voc_models.store import Fetched, ObjectNotFoundError, ObjectStore, PreconditionFailedError
from voc_worker.review.book import ReviewBookChangedError

ATTEMPTS: Final = 5


class Event(Record):
    """What a refresh first saw of one head of one row.

    Attributes:
        seen: when the refresh saw it.
        event: ``reviewed`` the first time (also when the machine's pair was accepted), ``changed`` when the decision
            differs from the last one seen, ``withdrawn`` when it is gone.
        predicted: the machine's pair, 대분류 and 중분류.
        before: the pair in force until now: the machine's, or the last decision.
        final: the pair in force from now on.
        reviewer: as the sheet names them; "" when it does not.
        confidence: of the predicted pair, None when the tagger gives none.
    """

    seen: datetime
    run_id: str
    event: Literal["reviewed", "changed", "withdrawn"]
    voc_id: str
    building_id: str
    head: Head
    predicted: tuple[str, str]
    before: tuple[str, str]
    final: tuple[str, str]
    reviewer: str = ""
    confidence: float | None = None
    is_sample: bool = False
    duplicate_group: str = ""
    model_version: str = ""

    @property
    def corrected(self) -> bool:
        """Whether the person's pair is not the machine's."""
        return self.final != self.predicted


def standing(events: Iterable[Event]) -> dict[tuple[str, Head], Event]:
    """Return the last event of every (voc_id, head) whose decision stands."""
    last = {(event.voc_id, event.head): event for event in events}
    return {key: event for key, event in last.items() if event.event != "withdrawn"}


def new_events(
    history: Sequence[Event], tagged: pd.DataFrame, snapshot: pd.DataFrame, *, run_id: str, seen: datetime
) -> list[Event]:
    """Compare a snapshot with the decisions seen so far.

    Args:
        history: the month's events so far, oldest first.
        tagged: columns TAGGED of every building of the month; snapshot rows that it does not hold are left out.
        snapshot: columns SNAPSHOT; a blank head was not decided.
        run_id: the refresh.
        seen: its moment, aware.
    """
    known = standing(history)
    names = [str(name) for name in tagged.columns]
    rows = {str(cells[names.index("voc_id")]): cells for cells in tagged.itertuples(index=False, name=None)}
    decided: set[tuple[str, Head]] = set()
    found: list[Event] = []
    for voc_id, reviewer, *labels in snapshot[["voc_id", "reviewer", *_LABELS]].itertuples(index=False, name=None):
        row = dict(zip(names, rows[voc_id], strict=True)) if voc_id in rows else None
        for head, final in zip(HEADS, (tuple(labels[:2]), tuple(labels[2:])), strict=True):
            if row is None or not all(final):
                continue
            decided.add((voc_id, head))
            last = known.get((voc_id, head))
            if last is None or last.final != final:
                found.append(_event(row, head, final, last, run_id=run_id, seen=seen, reviewer=reviewer))
    gone = [event for key, event in known.items() if key not in decided and event.voc_id in rows]
    for last in gone:
        taken_back = {
            "event": "withdrawn",
            "before": last.final,
            "final": last.predicted,
            "run_id": run_id,
            "seen": seen,
        }
        found.append(last.model_copy(update=taken_back))
    return found


_LABELS: Final = [f"{head}_{part}" for head in HEADS for part in ("major", "minor")]


def _event(row: dict[str, Any], head: Head, final: tuple[str, str], last: Event | None, **refresh: Any) -> Event:  # noqa: ANN401 - fields of Event
    """Return the event of a decision that is new or differs; ``refresh`` says who saw it when, and whose it is."""
    predicted = (str(row[f"{head}_major"]), str(row[f"{head}_minor"]))
    confidence = float(row[f"{head}_confidence"])
    return Event(
        **refresh,
        event="changed" if last else "reviewed",
        voc_id=str(row["voc_id"]),
        building_id=str(row["building_id"]),
        head=head,
        predicted=predicted,
        before=last.final if last else predicted,
        final=final,
        confidence=None if math.isnan(confidence) else confidence,
        is_sample=bool(row["is_sample"]),
        duplicate_group=str(row["duplicate_group"]),
        model_version=str(row["model_version"]),
    )


def load_history(store: ObjectStore, month: Month) -> list[Event]:
    """Return the month's events, oldest first; none when the month was never refreshed.

    Raises:
        DataError: a line is damaged.
    """
    return _read(store, month)[0]


def record(
    store: ObjectStore, month: Month, tagged: pd.DataFrame, snapshot: pd.DataFrame, *, run_id: str, seen: datetime
) -> list[Event]:
    """Append what a refresh saw to the month's history and return it; arguments as for :func:`new_events`.

    Raises:
        DataError: the stored history is damaged.
        ReviewBookChangedError: other refreshes kept writing it meanwhile.
    """
    lost: PreconditionFailedError | None = None
    for _ in range(ATTEMPTS):
        history, fetched = _read(store, month)
        events = new_events(history, tagged, snapshot, run_id=run_id, seen=seen)
        if not events:
            return []
        lines = b"".join(event.model_dump_json().encode() + b"\n" for event in events)
        key = keys.review_history(month)
        try:
            if fetched is None:
                store.put(key, lines, content_type="application/x-ndjson", if_absent=True)
            else:
                store.put(key, fetched.data + lines, content_type="application/x-ndjson", if_match=fetched.etag)
        except PreconditionFailedError as error:
            lost = error
            continue
        return events
    raise ReviewBookChangedError(
        f"The review history of {month} was written by others {ATTEMPTS} times meanwhile. Run refresh again."
    ) from lost


def _read(store: ObjectStore, month: Month) -> tuple[list[Event], Fetched | None]:
    """Return the stored events and the object they came from."""
    key = keys.review_history(month)
    try:
        fetched = store.get(key)
    except ObjectNotFoundError:
        return [], None
    lines = enumerate(fetched.data.splitlines(), start=1)
    return [read_record(Event, line, f"{key}, line {number}") for number, line in lines], fetched
