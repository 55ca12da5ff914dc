"""A small month for the review loop's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from voc_models.labels import Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_worker.columns import SHEET, TAGGED
from voc_worker.review.rows import sheet_rows

SUBJECTS = (("시설", "냉난방/공조"), ("시설", "전기/조명"), ("환경", "청결/미화"), ("서비스", "안내/민원"))
WORKS = (("작업", "청소/정리"), ("작업", "수리/교체"), ("점검", "정기점검"), ("안내", "기타"), ("작업", "기타"))


def taxonomy(*, retired: Sequence[tuple[str, str]] = ()) -> Taxonomy:
    """Return a taxonomy in which the pairs of ``retired`` are out of force."""
    return checked_taxonomy(
        [
            TaxonomyEntry(kind=kind, major=major, minor=minor, active=(major, minor) not in retired)
            for kind, pairs in (("subject", SUBJECTS), ("work", WORKS))
            for major, minor in pairs
        ]
    )


def tagged_frame(count: int) -> pd.DataFrame:
    """Return ``count`` rows of TAGGED called v0, v1, …, in two buildings, all labelled alike."""
    numbers = range(count)
    frame = pd.DataFrame(
        {
            "voc_id": [f"v{n}" for n in numbers],
            "building_id": [("95", "101")[n % 2] for n in numbers],
            "building_name": [("가산타워", "판교센터")[n % 2] for n in numbers],
            "title": [f"문의 {n}" for n in numbers],
            "request_contents": [f"{n}호 에어컨이 안 나와요" for n in numbers],
            "reply": ["조치하였습니다" for _ in numbers],
            "subject_major": "시설",
            "subject_minor": "냉난방/공조",
            "work_major": "작업",
            "work_minor": "수리/교체",
            "classify_source": "batch",
            "model_version": "keyword",
            "run_id": "full_20260101_020000_1a2b3",
            "duplicate_group": "",
        },
        dtype="str",
    )
    created = pd.date_range("2025-12-01 09:00", periods=count, freq="37min", tz="Asia/Seoul")
    for name in ("created_at", "replied_at", "completed_at"):
        frame[name] = created
    frame["subject_confidence"] = [0.5 + n % 50 / 100 for n in numbers]
    frame["work_confidence"] = 0.95
    frame["is_sample"] = [n % 5 == 0 for n in numbers]
    return frame[list(TAGGED)]


def sheet_frame(tagged: pd.DataFrame, cells: Mapping[str, Mapping[str, str]] | None = None) -> pd.DataFrame:
    """Return the sheet as ``ReviewBook.read`` does, with ``cells`` (voc_id to column to text) written into it."""
    frame = sheet_rows(tagged).reindex(columns=list(SHEET), fill_value="")
    for voc_id, written in (cells or {}).items():
        for name, text in written.items():
            frame.loc[frame["voc_id"] == voc_id, name] = text
    frame["sheet_row"] = range(2, len(frame) + 2)
    return frame


def sheet_grid(tagged: pd.DataFrame, cells: Mapping[str, Mapping[str, str]] | None = None) -> list[list[str]]:
    """Return the same as a grid with its header."""
    body = sheet_frame(tagged, cells)[list(SHEET)].to_numpy().tolist()
    return [list(SHEET), *body]
