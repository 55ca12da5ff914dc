"""Where each object of a month lies, relative to the store's address (design, section 3.3)."""

from __future__ import annotations

import re
from typing import Literal

from voc_models.exit_codes import DataError
from voc_models.months import Month

Kind = Literal["tagged", "reviewed", "dashboard"]
_SUFFIX: dict[Kind, str] = {"tagged": "csv", "reviewed": "csv", "dashboard": "html"}
_BUILDING_ID = re.compile(r"[0-9A-Za-z가-힣][0-9A-Za-z가-힣._\-]{0,62}")


#: Folders of a month that are no buildings.
_TAKEN = frozenset({"runs", "reviews"})


def checked_building_id(building_id: str) -> str:
    """Return ``building_id`` when it can be a folder name of its own.

    Raises:
        DataError: it is empty, longer than 63 characters, or holds a slash or something else that no key may hold.
    """
    if not _BUILDING_ID.fullmatch(building_id) or building_id in _TAKEN:
        raise DataError(
            f"Building id {building_id!r} cannot name a folder. "
            "Use at most 63 letters, digits, dots, hyphens and underscores, starting with a letter or digit, "
            "and neither runs nor reviews."
        )
    return building_id


def building_object(month: Month, building_id: str, kind: Kind, run_id: str) -> str:
    """Return the immutable object of a building's month, e.g. ``202512/95/tagged_95_202512_full_….csv``."""
    building_id = checked_building_id(building_id)
    return f"{month.compact}/{building_id}/{kind}_{building_id}_{month.compact}_{run_id}.{_SUFFIX[kind]}"


def latest(month: Month, building_id: str) -> str:
    """Return the pointer to the month in force."""
    return f"{month.compact}/{checked_building_id(building_id)}/latest.json"


def dashboard_link(month: Month, building_id: str) -> str:
    """Return the link that people keep."""
    return f"{month.compact}/{checked_building_id(building_id)}/dashboard.html"


def review_workbook(month: Month) -> str:
    """Return the review workbook of a month."""
    return f"{month.compact}/review_{month.compact}.xlsx"


def review_snapshots(month: Month) -> str:
    """Return the prefix under which the month's review snapshots lie."""
    return f"{month.compact}/reviews/"


def review_snapshot(month: Month, run_id: str) -> str:
    """Return the snapshot of a month's reviews that one run took."""
    return f"{review_snapshots(month)}{run_id}.csv"


def review_outcome(month: Month, run_id: str) -> str:
    """Return what ``prepare`` made of the sheet and ``publish`` writes back to it."""
    return f"{month.compact}/runs/{run_id}/review.json"


def review_history(month: Month) -> str:
    """Return the month's history of predicted against final labels, one JSON line a change."""
    return f"{month.compact}/review_history.jsonl"


def fleet(month: Month, run_id: str) -> str:
    """Return the fleet report of a run."""
    return f"{month.compact}/fleet_{month.compact}_{run_id}.html"


def plan(month: Month, run_id: str) -> str:
    """Return a run's plan."""
    return f"{month.compact}/runs/{run_id}/plan.json"


def summary(month: Month, run_id: str) -> str:
    """Return a run's summary."""
    return f"{month.compact}/runs/{run_id}/summary.json"


def decision(month: Month, run_id: str) -> str:
    """Return what a training run decided, which its last step applies."""
    return f"{month.compact}/runs/{run_id}/decision.json"


# In the model store, which may be another address.
CHAMPION = "models/champion.json"
HISTORY = "models/history.jsonl"
RELEASES = "models/releases/"
MODELS = "models/"


def release(version: str) -> str:
    """Return the object that names both heads of a release."""
    return f"{RELEASES}{version}.json"


def claim(version: str) -> str:
    """Return the object with which a trainer reserves a version before it uploads anything."""
    return f"models/claims/{version}"


def artifact(head: Literal["subject", "work"], version: str) -> str:
    """Return the prefix of one head's files."""
    return f"models/kobert_{head}_{version}/"
