"""The machine's cells of the review sheet."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from tests.unit.fixtures_review import tagged_frame
from voc_worker.columns import SHEET_MACHINE, TAGGED
from voc_worker.review.rows import CUT_MARK, UPLOAD, clean_cell, cut_cell, fit_cells, sheet_rows, sheet_times


def test_upload_holds_the_machine_columns_without_the_result() -> None:
    """An upload has the machine's columns in sheet order, except 처리결과."""
    rows = sheet_rows(tagged_frame(1))
    assert list(rows.columns) == list(UPLOAD) == [name for name in SHEET_MACHINE if name != "처리결과"]


def test_sample_rows_come_first_then_the_least_certain() -> None:
    """Rows are ordered by 표본, then by rising confidence, then by voc_id; a row without confidence leads its kind."""
    tagged = tagged_frame(5)
    tagged["is_sample"] = [False, False, True, False, False]
    tagged["subject_confidence"] = [0.9, 0.4, 0.99, math.nan, 0.4]
    tagged["work_confidence"] = [0.8, 0.95, 0.99, math.nan, 0.95]
    rows = sheet_rows(tagged)
    assert list(rows["voc_id"]) == ["v2", "v3", "v1", "v4", "v0"]
    assert list(rows["신뢰도"]) == ["0.990", "", "0.400", "0.400", "0.800"]
    assert list(rows["표본"]) == ["표본", "", "", "", ""]


def test_confidence_is_the_one_head_that_has_it() -> None:
    """A head without confidence does not hide the other head's."""
    tagged = tagged_frame(1)
    tagged["subject_confidence"], tagged["work_confidence"] = math.nan, 0.75
    assert sheet_rows(tagged)["신뢰도"][0] == "0.750"


def test_time_is_local_text() -> None:
    """접수일시 is the time in Korea to the minute, and blank when it is missing."""
    times = pd.Series(pd.to_datetime(["2025-12-03T05:05:59Z", "NaT"]))
    assert sheet_times(times) == ["2025-12-03 14:05", ""]
    assert sheet_times(times.dt.tz_localize(None)) == ["2025-12-03 05:05", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NUL\x00과 \x1b[0m", "NUL과 [0m"),
        ("외톨이\ud83d 서로게이트", "외톨이 서로게이트"),
        ("가\u202e나\u200f", "가나"),
        ("줄\r\n바꿈\r", "줄\n바꿈\n"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
    ],
)
def test_cells_hold_only_what_spreadsheets_can(text: str, expected: str) -> None:
    """Control characters, lone surrogates and direction marks go; text that looks like a formula stays as it is."""
    assert clean_cell(text) == expected


def test_long_text_is_cut_with_a_mark() -> None:
    """A text over the limit ends with the mark, measured in UTF-16 units, and never ends in half a character."""
    assert cut_cell("가" * 100, 100) == "가" * 100
    cut = cut_cell("😀" * 60, 100)
    assert cut.endswith(CUT_MARK)
    assert len(cut.encode("utf-16-le")) // 2 <= 100
    assert set(cut.removesuffix(CUT_MARK)) == {"😀"}


def test_fitting_keeps_the_frame_shape() -> None:
    """Fitting cuts cells and keeps rows, columns and short cells."""
    tagged = tagged_frame(2)
    tagged.loc[0, "request_contents"] = "ㅠ" * 50_000
    rows = sheet_rows(tagged)
    fitted = fit_cells(rows, 1000)
    assert fitted.shape == rows.shape
    assert fitted["request_contents"].str.len().max() == 1000
    assert fitted["voc_id"].equals(rows["voc_id"])


def test_an_empty_month_has_no_rows() -> None:
    """No tagged rows, with or without dtypes, give an empty upload with all its columns."""
    for tagged in (tagged_frame(0), pd.DataFrame(columns=list(TAGGED))):
        rows = sheet_rows(tagged)
        assert rows.empty
        assert list(rows.columns) == list(UPLOAD)
