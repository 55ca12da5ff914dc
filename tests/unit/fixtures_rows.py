"""Small tables of rows for tests: said in a line each, everything else at a plain default."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from voc_models.months import KST
from voc_worker.columns import REVIEWED, SOURCE, TAGGED
from voc_worker.tables import empty, typed

SEOUL = ZoneInfo(KST)

_DEFAULTS: dict[str, Any] = {
    "building_id": "95",
    "building_name": "가람빌딩",
    "replied_at": None,
    "completed_at": None,
    "title": "",
    "request_contents": "",
    "reply": "",
    "subject_major": "시설",
    "subject_minor": "누수",
    "work_major": "작업",
    "work_minor": "보수",
    "subject_confidence": 0.9,
    "work_confidence": 0.8,
    "classify_source": "batch",
    "model_version": "20260116",
    "run_id": "full_20260101_020000_1a2b3",
    "is_sample": False,
    "duplicate_group": "",
    "subject_reviewed": False,
    "work_reviewed": False,
    "reviewer": "",
}


def at(text: str) -> datetime:
    """Return the KST time written as ``2025-12-03 14:05``."""
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


def _filled(number: int, row: dict[str, Any]) -> dict[str, Any]:
    full = {**_DEFAULTS, "voc_id": str(number), "created_at": at("2025-12-01 09:00"), **row}
    for label in ("subject_major", "subject_minor", "work_major", "work_minor"):
        full.setdefault(f"tagged_{label}", full[label])
    return full


def _frame(columns: tuple[str, ...], rows: tuple[dict[str, Any], ...]) -> pd.DataFrame:
    if not rows:
        return empty(columns)
    return typed(pd.DataFrame([_filled(number, row) for number, row in enumerate(rows, start=1)]), columns)


def source(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return rows as ``postgres`` yields them."""
    return _frame(SOURCE, rows)


def tagged(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return tagged rows, numbered from 1."""
    return _frame(TAGGED, rows)


def reviewed(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return reviewed rows, numbered from 1."""
    return _frame(REVIEWED, rows)
