"""Merges a month's review snapshot into one building's tagged rows. Pure; the number of rows never changes."""

from __future__ import annotations

from typing import Final

import pandas as pd

from voc_models.exit_codes import DataError
from voc_models.labels import HEADS
from voc_worker.columns import REVIEWED, SNAPSHOT, TAGGED

BY_PERSON: Final = "manual"
BY_REFRESH: Final = "refresh"


def merge_reviews(tagged: pd.DataFrame, snapshot: pd.DataFrame) -> pd.DataFrame:
    """Return REVIEWED rows, in the order of ``tagged``.

    The final pair of a head is the person's where the snapshot has one and the machine's otherwise; ``classify_source``
    is ``manual`` where a person decided at least one head and ``refresh`` elsewhere (design, section 3.4).
    Snapshot rows of other buildings do not matter.

    Args:
        tagged: columns TAGGED, voc_id unique.
        snapshot: columns SNAPSHOT; a head left blank was not decided.

    Raises:
        DataError: a column is missing or a voc_id is there twice.
    """
    _check(tagged, TAGGED, "The tagged rows")
    _check(snapshot, SNAPSHOT, "The review snapshot")
    reviewed = tagged.reset_index(drop=True)
    decided = snapshot.set_index("voc_id").reindex(reviewed["voc_id"])
    by_person = pd.Series(data=False, index=reviewed.index)
    for head in HEADS:
        names = [f"{head}_major", f"{head}_minor"]
        theirs = decided[names].fillna("").astype("str").reset_index(drop=True)
        flag = (theirs != "").all(axis=1)
        for name in names:
            reviewed[f"tagged_{name}"] = reviewed[name]
            reviewed[name] = theirs[name].where(flag, reviewed[name])
        reviewed[f"{head}_reviewed"] = flag
        by_person |= flag
    reviewed["classify_source"] = pd.Series(BY_REFRESH, index=reviewed.index, dtype="str").mask(by_person, BY_PERSON)
    reviewer = decided["reviewer"].fillna("").astype("str").reset_index(drop=True)
    reviewed["reviewer"] = reviewer.where(by_person, "")
    return reviewed[list(REVIEWED)]


def _check(frame: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    """Refuse a frame that does not have ``columns`` or repeats a voc_id."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(f"{name} have no column {missing[0]}. Run the month again from its tagged rows.")
    repeated = frame["voc_id"][frame["voc_id"].duplicated()]
    if len(repeated):
        raise DataError(f"{name} hold voc_id {repeated.iloc[0]} more than once. Run the month again.")
