"""What the statistics read from a table of rows: plain Python values, each said once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from voc_models.labels import Label
from voc_worker.measures.places import Places, find_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from voc_models.labels import Head
    from voc_models.months import Month


@dataclass(frozen=True, slots=True, eq=False)
class PastMonth:
    """An earlier month: its TAGGED or REVIEWED rows, and the digest of its taxonomy when it is known.

    A month that nobody has tagged yet may be given too (``tagged`` false, labels blank): it counts and its times are
    measured, but nothing that rests on labels or reviews is said of it.
    """

    month: Month
    rows: pd.DataFrame
    taxonomy: str = ""
    tagged: bool = True


def labels(rows: pd.DataFrame, head: Head) -> list[Label]:
    """Return the label in force of each row."""
    return [Label(*pair) for pair in zip(rows[f"{head}_major"], rows[f"{head}_minor"], strict=True)]


def machine_labels(rows: pd.DataFrame, head: Head) -> list[Label]:
    """Return what the machine said of each row, whatever a review made of it."""
    prefix = f"tagged_{head}" if f"tagged_{head}_major" in rows else head
    return [Label(*pair) for pair in zip(rows[f"{prefix}_major"], rows[f"{prefix}_minor"], strict=True)]


def ranked(found: Iterable[Label]) -> list[tuple[Label, int]]:
    """Return the labels with their counts, most first, ties by name."""
    return sorted(Counter(found).items(), key=lambda item: (-item[1], item[0]))


def times(rows: pd.DataFrame, column: str) -> list[datetime]:
    """Return the aware times of a column without missing ones."""
    return [moment.to_pydatetime() for moment in rows[column]]


def hours_until(rows: pd.DataFrame, column: str) -> pd.Series[float]:
    """Return the hours from created_at to ``column``, indexed as ``rows``, NaN where it is open.

    A time before the request was received (a clock or an import error) counts as missing.
    """
    hours = (rows[column] - rows["created_at"]).dt.total_seconds() / 3600
    return hours.where(hours >= 0)


def reviewed(rows: pd.DataFrame) -> list[bool]:
    """Return which rows a person has reviewed."""
    if "subject_reviewed" not in rows:
        return [False] * len(rows)
    return list(rows["subject_reviewed"] | rows["work_reviewed"])


def corrected(rows: pd.DataFrame, head: Head) -> list[bool]:
    """Return which rows a person has given another label than the machine."""
    pairs = zip(labels(rows, head), machine_labels(rows, head), reviewed(rows), strict=True)
    return [checked and final != said for final, said, checked in pairs]


def places(rows: pd.DataFrame) -> list[Places]:
    """Return what title and request of each row name; the reply does not count, it names where staff came from."""
    texts: Sequence[str] = [f"{t}\n{r}" for t, r in zip(rows["title"], rows["request_contents"], strict=True)]
    return [find_places(text) for text in texts]
