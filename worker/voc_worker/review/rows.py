"""Turns tagged rows into the machine's cells of the review sheet. Pure.

Every cell is text. A back end may store 신뢰도 as a number, so that it sorts and colours as one; identity (voc_id,
building_id) and 접수일시 stay text, for a spreadsheet would make 7 of "007" and a local date of a time.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pandas as pd

from voc_models.months import KST
from voc_worker.columns import CONFIDENCES, LABELS, SHEET_MACHINE

#: What an upload brings; 처리결과 is written by ``write_results`` alone.
UPLOAD: Final = tuple(name for name in SHEET_MACHINE if name != "처리결과")
SAMPLE_MARK: Final = "표본"
CUT_MARK: Final = " …(이하 생략)"

# Not allowed in XML 1.0 or not encodable as UTF-8; and direction overrides, which make a text read as another one.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINE_END = re.compile("\r\n?")


def clean_cell(text: str) -> str:
    """Return ``text`` without control characters, lone surrogates and direction marks."""
    return _UNFIT.sub("", _LINE_END.sub("\n", text))


def cut_cell(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` UTF-16 code units, which spreadsheets count; a cut is marked."""
    units = text.encode("utf-16-le")
    if len(units) // 2 <= limit:
        return text
    return units[: 2 * (limit - len(CUT_MARK))].decode("utf-16-le", errors="ignore") + CUT_MARK


def fit_cells(rows: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Return ``rows`` (text) with every cell cleaned and cut to the back end's ``limit``."""
    return pd.DataFrame(
        {name: [cut_cell(clean_cell(str(cell)), limit) for cell in rows[name]] for name in rows.columns},
        columns=list(rows.columns),
        dtype="str",
    )


def sheet_times(created: pd.Series[Any]) -> list[str]:
    """Return 접수일시 of aware or naive (then KST) times, e.g. ``2025-12-03 14:05``; a missing time is ""."""
    if created.empty:  # a month without rows may come without dtypes
        return []
    local = created if created.dt.tz is None else created.dt.tz_convert(KST)
    return ["" if pd.isna(moment) else f"{moment:%Y-%m-%d %H:%M}" for moment in local]


def sheet_rows(tagged: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of UPLOAD for ``tagged`` rows (columns TAGGED), 표본 first, then least certain, then by voc_id.

    신뢰도 is the lesser of the two heads' confidences, "0.873"; a head that has none does not count. A row without any
    confidence (the keyword tagger before it is calibrated) has "" and comes first of its kind: nothing speaks for it.
    """
    confidence = tagged[list(CONFIDENCES)].astype("float64").min(axis=1)
    order = (
        pd.DataFrame({"other": ~tagged["is_sample"].astype(bool), "confidence": confidence, "voc_id": tagged["voc_id"]})
        .sort_values(["other", "confidence", "voc_id"], na_position="first", kind="stable")
        .index
    )
    cells: dict[str, list[str]] = {
        "voc_id": [str(cell) for cell in tagged["voc_id"]],
        "building_id": [str(cell) for cell in tagged["building_id"]],
        "building_name": _texts(tagged["building_name"]),
        "접수일시": sheet_times(tagged["created_at"]),
        **{name: _texts(tagged[name]) for name in ("title", "request_contents", "reply")},
        **{korean: _texts(tagged[name]) for korean, name in zip(SHEET_LABELS, LABELS, strict=True)},
        "신뢰도": ["" if pd.isna(value) else f"{value:.3f}" for value in confidence],
        "표본": [SAMPLE_MARK if flag else "" for flag in tagged["is_sample"]],
        "중복군": _texts(tagged["duplicate_group"]),
    }
    frame = pd.DataFrame(cells, columns=list(UPLOAD), index=tagged.index, dtype="str")
    return frame.loc[order].reset_index(drop=True)


#: The sheet's label columns, in the order of LABELS.
SHEET_LABELS: Final = ("주제 대분류", "주제 중분류", "작업유형 대분류", "작업유형 중분류")
#: The cells in which people write another label, in the order of LABELS.
REVIEW_LABELS: Final = tuple(f"검수_{name}" for name in SHEET_LABELS)


def _texts(column: pd.Series[Any]) -> list[str]:
    """Return the column's cells cleaned; missing ones are ""."""
    return ["" if pd.isna(cell) else clean_cell(str(cell)) for cell in column]
