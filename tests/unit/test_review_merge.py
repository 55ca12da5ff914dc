"""Reviews merged into tagged rows, and the snapshot between them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fixtures_review import sheet_frame, tagged_frame, taxonomy
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_models.plan import read_record
from voc_worker.columns import REVIEWED, SNAPSHOT
from voc_worker.review.merge import merge_reviews
from voc_worker.review.resolve import empty_snapshot, resolve
from voc_worker.review.snapshot import ReviewOutcome, counts_by_building, outcome_of, read_snapshot, snapshot_csv


def snapshot_row(**values: object) -> pd.DataFrame:
    """Return a snapshot of one row: v1 with both heads decided, unless told otherwise."""
    row = {
        "voc_id": "v1",
        "building_id": "101",
        "subject_major": "환경",
        "subject_minor": "청결/미화",
        "work_major": "작업",
        "work_minor": "청소/정리",
        "is_sample": False,
        "reviewer": "김",
        "note": "",
    }
    return pd.DataFrame([{**row, **values}], columns=list(SNAPSHOT))


def test_reviewed_row_has_the_persons_pair_and_remembers_the_machines() -> None:
    """The final label is the person's, the tagged one stays beside it, and only that row is manual."""
    merged = merge_reviews(tagged_frame(3), snapshot_row())
    assert tuple(merged.columns) == REVIEWED
    assert list(merged["subject_major"]) == ["시설", "환경", "시설"]
    assert list(merged["tagged_subject_minor"]) == ["냉난방/공조"] * 3
    assert list(merged["classify_source"]) == ["refresh", "manual", "refresh"]
    assert list(merged["work_reviewed"]) == [False, True, False]
    assert list(merged["reviewer"]) == ["", "김", ""]


def test_head_left_blank_keeps_the_machines_pair() -> None:
    """A snapshot row that decides one head only leaves the other as tagged and unreviewed."""
    merged = merge_reviews(tagged_frame(3), snapshot_row(work_major="", work_minor=""))
    row = merged.iloc[1]
    assert (row["work_minor"], bool(row["work_reviewed"]), bool(row["subject_reviewed"])) == ("수리/교체", False, True)
    assert row["classify_source"] == "manual"


@pytest.mark.parametrize("count", [0, 1, 7])
def test_row_count_and_order_never_change(count: int) -> None:
    """Rows in equal rows out, also with reviews of rows that are not there."""
    tagged = tagged_frame(count)
    merged = merge_reviews(tagged, pd.concat([snapshot_row(), snapshot_row(voc_id="elsewhere")], ignore_index=True))
    assert list(merged["voc_id"]) == list(tagged["voc_id"])
    assert len(merge_reviews(tagged, empty_snapshot())) == count


def test_repeated_or_missing_columns_are_refused() -> None:
    """A snapshot that names a row twice, or lacks a column, is an error rather than more rows."""
    with pytest.raises(DataError, match="voc_id v1 more than once"):
        merge_reviews(tagged_frame(3), pd.concat([snapshot_row(), snapshot_row()]))
    with pytest.raises(DataError, match="no column reviewer"):
        merge_reviews(tagged_frame(3), snapshot_row().drop(columns="reviewer"))


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@given(st.lists(st.tuples(cells, cells, cells, st.booleans()), max_size=5))
def test_snapshot_survives_its_file(rows: list[tuple[str, str, str, bool]]) -> None:
    """Whatever people wrote, the snapshot read back is the snapshot written."""
    frame = pd.concat(
        [empty_snapshot()]
        + [snapshot_row(voc_id=voc, reviewer=who, note=note, is_sample=flag) for voc, who, note, flag in rows],
        ignore_index=True,
    )
    frame = frame.astype({name: "bool" if name == "is_sample" else "str" for name in SNAPSHOT})
    again = read_snapshot(snapshot_csv(frame), "202512/reviews/x.csv")
    assert again.to_dict("list") == frame.to_dict("list")
    assert again["is_sample"].dtype == bool


@pytest.mark.parametrize("data", [b"", b"voc_id,building_id\n1,2\n", b"\xff\xfe\x00", b'"', b"a,b\n1,2,3\n"])
def test_damaged_snapshot_is_a_sentence(data: bytes) -> None:
    """Bytes that are no snapshot are refused by name."""
    with pytest.raises(DataError, match=r"202512/reviews/x\.csv is not a review snapshot"):
        read_snapshot(data, "202512/reviews/x.csv")


def test_outcome_survives_its_file_and_counts_by_building() -> None:
    """What publish needs of a resolution is in its outcome record, and the status adds up by building."""
    tagged = tagged_frame(6)
    rows = sheet_frame(tagged, {"v0": {"검수완료": "Y"}, "v1": {"검수완료": "?"}, "v2": {"검수_주제 대분류": "환경"}})
    resolution = resolve(rows, taxonomy(), tagged)
    outcome = outcome_of(resolution, Month(2025, 12), "refresh_20260115_020000_1a2b3")
    assert read_record(ReviewOutcome, outcome.to_json(), "review.json") == outcome
    assert outcome.disputed[0]["voc_id"] == "v1"
    assert counts_by_building(resolution).to_dict("records") == [
        {"building_id": "101", "rows": 3, "reviewed": 0, "disputed": 1, "pending": 0},
        {"building_id": "95", "rows": 3, "reviewed": 1, "disputed": 0, "pending": 1},
    ]
