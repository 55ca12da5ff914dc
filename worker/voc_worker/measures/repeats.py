"""Repeat complaints: the same subject at the same place again within 30 days."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from voc_models.labels import OTHER
from voc_worker.measures.model import Occurrence, RepeatComplaint
from voc_worker.measures.rows import labels, places, times

if TYPE_CHECKING:
    import pandas as pd

    from voc_models.labels import Label

#: Later than this after the first it is another complaint; sooner than the other it is the same message sent twice.
WINDOW: Final = timedelta(days=30)
SENT_TWICE: Final = timedelta(hours=1)


class Repeats(NamedTuple):
    """``located`` rows of the month name a place, ``voc_ids`` of them repeat an earlier row of ``complaints``."""

    located: int
    voc_ids: frozenset[str]
    complaints: tuple[RepeatComplaint, ...]


def find_repeats(rows: pd.DataFrame, before: pd.DataFrame) -> Repeats:
    """Return the month's repeats, looking back into the month ``before``.

    A row repeats when an earlier row of the building has the same subject (대분류 and 중분류, 기타 never) and names the
    same place, and was received more than an hour and at most 30 days before. A complaint lists every occurrence of
    the chain that leads to the month's repeats; most occurrences first.
    """
    earlier: dict[tuple[str, Label], list[Occurrence]] = defaultdict(list)
    mine = set(rows["voc_id"])
    located, found, chains = 0, set(), {}
    for key, occurrence in sorted((*_located(before), *_located(rows)), key=lambda item: (item[1].created_at, item[0])):
        current = occurrence.voc_id in mine
        located += current
        chain = earlier[key]
        if chain and chain[-1].created_at < occurrence.created_at - WINDOW:
            chain = earlier[key] = []
        again = any(SENT_TWICE < occurrence.created_at - other.created_at <= WINDOW for other in chain)
        chain.append(occurrence)
        if again and current and key[1] != OTHER:
            found.add(occurrence.voc_id)
            chains[key, chain[0].voc_id] = chain
    complaints = [RepeatComplaint(place, label, tuple(chain)) for ((place, label), _), chain in chains.items()]
    complaints.sort(key=lambda item: (-len(item.occurrences), item.place, item.label))
    return Repeats(located, frozenset(found), tuple(complaints))


def _located(rows: pd.DataFrame) -> list[tuple[tuple[str, Label], Occurrence]]:
    """Return ((place, subject), occurrence) of the rows that name a place."""
    named = zip(places(rows), labels(rows, "subject"), rows["voc_id"], times(rows, "created_at"), strict=True)
    return [((found.key, label), Occurrence(voc_id, moment)) for found, label, voc_id, moment in named if found.key]
