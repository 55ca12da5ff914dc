"""Tables of rows: tagged, sampled, grouped, written and read."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from tests.unit.fixtures_rows import SEOUL, at, source, tagged
from voc_models.exit_codes import DataError
from voc_worker.columns import CSV_HEADERS, REVIEWED, TAGGED, TIMES
from voc_worker.tables import (
    TIME_DTYPE,
    SampleRule,
    build_tagged,
    duplicate_groups,
    empty,
    lesser_confidence,
    read_csv,
    sample_flags,
    tagger_rows,
    typed,
    write_csv,
)
from voc_worker.tables.typed import dtype_of

RULE = SampleRule(0.05, "salt")
RUN = "full_20260101_020000_1a2b3"


def tags_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a tagger's answer for ``rows``: the same label for each."""
    return pd.DataFrame(
        {
            "subject_major": "시설",
            "subject_minor": "누수",
            "work_major": "작업",
            "work_minor": "보수",
            "subject_confidence": 0.123456,
            "work_confidence": float("nan"),
        },
        index=rows.index,
    )


def build(rows: pd.DataFrame, *, masked: bool = True) -> pd.DataFrame:
    """Return ``rows`` tagged with :func:`tags_of`."""
    return build_tagged(rows, tags_of(rows), model_version="keyword", run_id=RUN, rule=RULE, masked=masked)


def test_tagged_rows_are_complete_and_ordered() -> None:
    """Tagged rows have the columns and dtypes of the contract, oldest first, confidences at four digits."""
    rows = source(
        {"voc_id": "b", "created_at": at("2025-12-02 10:00")}, {"voc_id": "a", "created_at": at("2025-12-01 10:00")}
    )
    frame = build(rows)
    assert tuple(frame.columns) == TAGGED
    assert list(frame["voc_id"]) == ["a", "b"]
    assert list(frame["subject_confidence"]) == [0.1235, 0.1235]
    assert frame["work_confidence"].isna().all()
    assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == {c: dtype_of(c) for c in TAGGED}


def test_tags_follow_their_row_not_their_position() -> None:
    """A tagger's answer in another order lands on the row that it belongs to."""
    rows = source({"voc_id": "1"}, {"voc_id": "2"})
    tags = tags_of(rows).assign(subject_minor=["첫째", "둘째"]).iloc[::-1]
    frame = build_tagged(rows, tags, model_version="keyword", run_id=RUN, rule=RULE)
    assert list(frame["subject_minor"]) == ["첫째", "둘째"]


def test_published_text_is_masked_unless_told_otherwise() -> None:
    """Personal data is masked in the published text, and kept when masking is off; the 표본 choice is the same."""
    rows = source({"title": "연락 010-1234-5678"})
    assert list(build(rows)["title"]) == ["연락 [전화]"]
    assert list(build(rows, masked=False)["title"]) == ["연락 010-1234-5678"]
    assert_frame_equal(build(rows)[["is_sample"]], build(rows, masked=False)[["is_sample"]])


def test_taggers_read_clean_masked_text() -> None:
    """A tagger reads one clean line per field with personal data masked."""
    rows = source({"title": "누수😀", "request_contents": "3층\n010-1234-5678", "reply": "김철수님"})
    assert tagger_rows(rows).iloc[0].to_dict() == {
        "title": "누수",
        "request_contents": "3층 [전화]",
        "reply": "[이름]님",
    }


def test_a_voc_id_twice_is_refused() -> None:
    """A source that has an id twice is refused with a sentence that names it."""
    with pytest.raises(DataError, match="VOC 7 more than once"):
        build(source({"voc_id": "7"}, {"voc_id": "7"}))


def test_an_empty_month_is_a_table() -> None:
    """A month without rows is a table with the columns and dtypes of the contract."""
    assert_frame_equal(build(source()), empty(TAGGED))


def test_the_sample_has_its_rate_and_shrinks_within_itself() -> None:
    """About five percent of many texts are 표본, and a lower rate chooses among the same texts."""
    keys = [f"텍스트{number}" for number in range(4000)]
    five, two = sample_flags(keys, RULE), sample_flags(keys, SampleRule(0.02, "salt"))
    assert 140 <= sum(five) <= 260
    assert all(wide for wide, narrow in zip(five, two, strict=True) if narrow)
    assert sample_flags(keys, SampleRule(0.05, "other")) != five


def test_the_sample_is_fixed_for_ever() -> None:
    """The choice for given texts is this one: another hash would move measured rows into training."""
    assert [key for key in "가나다라마바사아자차카타파하" if sample_flags([key], SampleRule(0.3, "salt"))[0]] == list(
        "나다사아자"
    )


def test_a_rate_of_none_or_all() -> None:
    """Rate 0 chooses nothing and rate 1 everything."""
    assert sample_flags(["가", "나"], SampleRule(0, "s")) == [False, False]
    assert sample_flags(["가", "나"], SampleRule(1, "s")) == [True, True]


def test_equal_texts_share_a_group() -> None:
    """Equal texts share a group, single and empty ones have none."""
    first, alone, second, *blank = duplicate_groups(["가\n나", "다\n라", "가\n나", "\n", "\n"])
    assert first == second != ""
    assert [alone, *blank] == ["", "", ""]


def test_near_equal_rows_are_grouped_in_the_table() -> None:
    """Rows that differ in spaces and in the reply alone share a group and are 표본 together."""
    frame = build(
        source({"request_contents": "에어컨 고장", "reply": "완료"}, {"request_contents": "에어컨고장", "reply": ""})
    )
    assert frame["duplicate_group"].nunique() == 1
    assert frame["duplicate_group"].iloc[0] != ""
    assert frame["is_sample"].nunique() == 1


def test_the_lesser_confidence_ignores_a_missing_head() -> None:
    """The lesser of two confidences counts; one that is missing does not."""
    nan = float("nan")
    rows = tagged({}, {"subject_confidence": nan}, {"subject_confidence": nan, "work_confidence": nan})
    assert lesser_confidence(rows).fillna(-1).tolist() == [0.8, 0.8, -1]


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["=1+1", "'", "''=", "\r", "\n", "\r\n", '"', ",", ";", "007", "NA", "nan", "NULL", " ", "\ufeff", "True", "\x00"]
)
MOMENTS = st.none() | st.datetimes(_day("1990-01-01"), _day("2100-01-01"), timezones=st.just(SEOUL))
NUMBERS = st.just(float("nan")) | st.floats(0, 1)


def cells_of(column: str) -> st.SearchStrategy[object]:
    """Return what a cell of ``column`` may hold."""
    return {TIME_DTYPE: MOMENTS, "float64": NUMBERS, "bool": st.booleans()}.get(dtype_of(column), TEXTS)


@pytest.mark.parametrize("columns", [TAGGED, REVIEWED], ids=["tagged", "reviewed"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_table_survives_its_csv(columns: tuple[str, ...], data: st.DataObject) -> None:
    """Any table is the same after writing and reading, to the cell and the dtype, and gives the same bytes again."""
    rows = data.draw(st.lists(st.fixed_dictionaries({column: cells_of(column) for column in columns}), max_size=3))
    frame = typed(pd.DataFrame(rows, columns=list(columns), dtype="object"), columns)
    again = read_csv(write_csv(frame))
    assert_frame_equal(again, frame, check_exact=True)
    assert write_csv(again) == write_csv(frame)


def test_a_csv_is_made_for_excel() -> None:
    """A CSV begins with a BOM and Korean headers, ends lines with CRLF, and runs no formula."""
    data = write_csv(tagged({"title": "=HYPERLINK()", "request_contents": '둘\n"줄"', "completed_at": None}))
    text = data.decode()
    assert text.startswith("\ufeffvoc_id,building_id,building_name,접수일시,")
    assert ",'=HYPERLINK()," in text
    assert ',"둘\n""줄""",' in text
    assert "2025-12-01 09:00:00,,," in text
    assert text.endswith("\r\n")


def test_a_lone_surrogate_does_not_stop_a_month() -> None:
    """Text that no UTF-8 can hold is written with a question mark."""
    assert list(read_csv(write_csv(tagged({"title": "가\ud800나"})))["title"]) == ["가?나"]


def test_a_very_long_text_is_read_again() -> None:
    """A text longer than the csv module reads by default survives its CSV."""
    text = "가" * 200_000
    assert list(read_csv(write_csv(tagged({"request_contents": text})))["request_contents"]) == [text]


def header() -> list[str]:
    """Return the headers of a tagged CSV."""
    return [CSV_HEADERS[column] for column in TAGGED]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff\xfe", "is not a CSV file"),
        (b"", "is not a CSV file"),
        (",".join(header()[:-1]).encode(), "missing: '중복군'"),
        (",".join([*header(), "메모"]).encode(), "unknown: '메모'"),
        (",".join([*header()[:-1], "표본"]).encode(), "twice: '표본'"),
        (",".join(header()[::-1]).encode(), "another order"),
        ((",".join(header()) + "\r\n1,2\r\n").encode(), "2 cells in record 2"),
        (
            write_csv(tagged({})).replace(b"2025-12-01", b"2025-13-01"),
            "no time, number or flag",
        ),
        (write_csv(tagged({"is_sample": True})).replace(b",Y,", b",maybe,"), "'maybe' is neither empty nor Y"),
        (write_csv(tagged({})).replace(b",0.9,", b",high,"), "no time, number or flag"),
        ((",".join(header()) + '\r\n"open').encode(), "is not a CSV file"),
    ],
)
def test_a_file_of_another_shape_is_refused(data: bytes, sentence: str) -> None:
    """A file that this program did not write so is refused with a sentence that names it and what differs."""
    with pytest.raises(DataError, match=f"^202512/95/x.csv .*{sentence}"):
        read_csv(data, "202512/95/x.csv")


def test_naive_times_are_korean() -> None:
    """A table with naive times is taken as KST, in microseconds."""
    frame = source({}).assign(created_at=pd.to_datetime(["2025-12-01 09:00"]))
    assert typed(frame, tuple(TIMES))["created_at"].iloc[0] == at("2025-12-01 09:00")
