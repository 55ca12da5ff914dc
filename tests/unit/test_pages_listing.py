"""The table of rows stays inside its bytes and shows what it can."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from tests import pages_data
from voc_worker.pages.listing import MOST_ROWS, ListedRow, budget, listed_rows, within
from voc_worker.pages.texts import catalogue

T = catalogue()


def row(title: str, text: str) -> ListedRow:
    """Return a row with these texts."""
    return ListedRow("1", "12-01 09:00", "설비/누수", "보수/수리", title, text, "미완료", "999999", "–", anchor=False)


@pytest.mark.parametrize(("rows", "limit"), [(500, 300_000), (1_000, 400_000), (10_000, 1_500_000)])
def test_budget_is_inside_the_promise(rows: int, limit: int) -> None:
    """The budget of a page is below what is promised for that many rows."""
    assert budget(rows) < limit


@given(
    st.lists(st.tuples(st.text("가a<&'\" ", max_size=40), st.text("가a<&'\" ", max_size=90)), max_size=20),
    st.integers(0, 3000),
)
def test_fitted_texts_take_no_more_than_allowed(texts: list[tuple[str, str]], available: int) -> None:
    """Whatever the texts, their escaped bytes together stay inside what is allowed."""
    fitted = within([row(*pair) for pair in texts], available)
    spent = sum(len(str(escape(item.title)).encode()) + len(str(escape(item.text)).encode()) for item in fitted)
    assert spent <= available
    assert len(fitted) == len(texts)


def test_short_texts_stay_whole_longest() -> None:
    """Every row is allowed the same number of bytes, so that only long texts are cut."""
    short, long = row("", "짧다"), row("", "길" * 100)
    fitted = within([short, long], 100)
    assert fitted[0] == short
    assert fitted[1].text.endswith("…")
    assert len(fitted[1].text.encode()) > 80


def test_enough_room_changes_nothing() -> None:
    """Texts that fit are left alone."""
    rows = [row("제목", "내용")]
    assert within(rows, 12) == rows


def test_rows_are_masked_cleaned_and_cut() -> None:
    """Personal data is masked, invisible characters vanish, line breaks fold, and 50,000 characters become 400."""
    frame = pages_data.rows(2)
    frame["request_contents"] = ["전화 010-1234-5678\n\u202e부탁", "가" * 50_000]
    first, second = sorted(listed_rows(frame, T, ()), key=lambda item: len(item.text))
    assert first.text == "전화 [전화] 부탁"
    assert len(second.text) == 400
    unmasked = min(listed_rows(frame, T, (), masked=False), key=lambda item: len(item.text))
    assert "010-1234-5678" in unmasked.text


def test_title_that_the_text_repeats_is_said_once() -> None:
    """A title that is only how the request begins is left out; another one stays."""
    frame = pages_data.rows(2)
    frame["title"] = ["천장에서 물...", "다른 제목"]
    frame["request_contents"] = "천장에서 물이 떨어집니다"
    assert {item.title for item in listed_rows(frame, T, ())} == {"", "다른 제목"}


def test_rows_beyond_the_most_are_left_to_the_csv() -> None:
    """Only the first ten thousand rows by time of receipt are listed."""
    frame = pd.concat([pages_data.rows(1)] * (MOST_ROWS + 1), ignore_index=True)
    frame.loc[0, "created_at"] = frame["created_at"].iloc[0] + pd.Timedelta(days=40)
    frame.loc[0, "voc_id"] = "last"
    listed = listed_rows(frame, T, ())
    assert len(listed) == MOST_ROWS
    assert "last" not in {item.voc_id for item in listed}


def test_duration_and_confidence_are_said_honestly() -> None:
    """An open row is called open and sorts last; an unreviewed row shows its lesser confidence, rounded down."""
    frame = pages_data.rows(3)
    start = pd.Timestamp("2025-12-01 09:00", tz="Asia/Seoul")
    frame["created_at"] = [start, start + pd.Timedelta(hours=1), start + pd.Timedelta(hours=2)]
    frame["completed_at"] = frame["created_at"] + pd.to_timedelta([0.5, None, 96], unit="h")
    frame["subject_confidence"] = [0.799, float("nan"), 0.9]
    frame["work_confidence"] = [0.9, float("nan"), 0.9]
    frame["subject_reviewed"] = [False, False, True]
    frame["work_reviewed"] = [True, False, True]
    listed = listed_rows(frame, T, ())
    assert [item.done for item in listed] == ["30분", "미완료", "4.0일"]
    assert [item.hours for item in listed] == ["0.5", "999999", "96.0"]
    assert [item.check for item in listed] == ["79%", "–", "검수"]


def test_only_linked_rows_have_an_anchor() -> None:
    """Rows that a section links to are marked, the others save the bytes."""
    frame = pages_data.rows(3)
    listed = listed_rows(frame, T, {"100001"})
    assert {item.voc_id for item in listed if item.anchor} == {"100001"}


def test_tagged_rows_without_reviews_are_listed() -> None:
    """A frame of TAGGED columns, which has no review columns, counts as not reviewed."""
    frame = pages_data.rows(3).drop(columns=["subject_reviewed", "work_reviewed", "reviewer"])
    assert all(item.check.endswith("%") for item in listed_rows(frame, T, ()))
