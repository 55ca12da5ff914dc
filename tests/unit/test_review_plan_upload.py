"""Finding the columns of a worksheet and planning what an upload writes."""

from __future__ import annotations

import re

import pytest

from tests.unit.fixtures_review import sheet_grid, tagged_frame
from voc_worker.columns import SHEET
from voc_worker.review.book import ReviewBookError
from voc_worker.review.layout import find_layout, read_frame
from voc_worker.review.plan_upload import CellUpdate, plan_results, plan_upload
from voc_worker.review.rows import sheet_rows


def test_blank_worksheet_has_no_layout() -> None:
    """A worksheet without any text is one that still needs its header."""
    assert find_layout([]) is None
    assert find_layout([["", " "], []]) is None
    assert read_frame([]).empty


def test_headers_are_found_despite_spaces_width_and_case() -> None:
    """A header with trailing spaces, other width, case or inner spacing is still the same column."""
    header = [f"{name} " for name in SHEET]
    header[0], header[14] = "ＶＯＣ_ID", "검수_ 주제대분류\n"
    layout = find_layout([header])
    assert layout is not None
    assert layout.header_row == 1
    assert list(layout.columns) == list(SHEET)


def test_rows_above_and_columns_between_are_stepped_over() -> None:
    """Inserted rows and columns move the columns and hide nothing."""
    grid = [["", "우리 건물 12월"], *([row[0], "메모", *row[1:]] for row in sheet_grid(tagged_frame(2)))]
    layout = find_layout(grid)
    assert layout is not None
    assert (layout.header_row, layout.columns["voc_id"], layout.columns["building_id"]) == (2, 1, 3)
    frame = read_frame(grid)
    assert [row for row in frame["voc_id"] if row] == ["v0", "v1"]
    assert list(frame.loc[frame["voc_id"] != "", "sheet_row"]) == [3, 4]


def test_renamed_column_is_named_with_a_guess() -> None:
    """A column renamed beyond recognition is an error that says which one and what it became."""
    header = ["검수완료여부" if name == "검수완료" else name for name in SHEET]
    with pytest.raises(ReviewBookError, match=re.escape("no column '검수완료'. It may have become '검수완료여부'.")):
        find_layout([header])


def test_duplicated_header_is_an_error() -> None:
    """A known column that is there twice is refused with both positions; a stranger's column may repeat."""
    with pytest.raises(ReviewBookError, match=re.escape("'비고' twice (columns 21 and 23)")):
        find_layout([[*SHEET, "비고 "]])
    assert find_layout([[*SHEET, "메모", "메모"]]) is not None


def test_worksheet_without_header_is_an_error() -> None:
    """Rows without their header row are refused rather than written a second time."""
    grid = sheet_grid(tagged_frame(2))[1:]
    with pytest.raises(ReviewBookError, match="has no header row"):
        find_layout(grid)


def test_a_header_sorted_into_the_rows_hides_none() -> None:
    """Rows that a careless sort put above the header are still rows."""
    grid = sheet_grid(tagged_frame(3))
    moved = [*grid[1:3], grid[0], *grid[3:]]
    assert list(read_frame(moved)["sheet_row"]) == [1, 2, 4]
    assert plan_upload(moved, sheet_rows(tagged_frame(3))).changes_nothing


def test_first_upload_adds_every_row() -> None:
    """A blank worksheet gets all rows under its header."""
    rows = sheet_rows(tagged_frame(3))
    plan = plan_upload([], rows)
    assert plan.layout is None
    assert plan.first_new_row == 2
    assert plan.added.equals(rows)
    assert plan.report == (3, 0, 0)


def test_same_upload_again_changes_nothing() -> None:
    """An upload of what is already there writes no cell."""
    tagged = tagged_frame(3)
    plan = plan_upload(sheet_grid(tagged), sheet_rows(tagged))
    assert plan.changes_nothing
    assert plan.report == (0, 0, 0)


def test_machine_cells_change_only_where_people_wrote_nothing() -> None:
    """A new label reaches a row without people's cells and leaves a row with as little as a 비고."""
    tagged = tagged_frame(3)
    grid = sheet_grid(tagged, {"v0": {"비고": "확인 중"}, "v1": {"검수완료": "Y"}})
    tagged["subject_minor"] = "전기/조명"
    plan = plan_upload(grid, sheet_rows(tagged))
    number = next(number for number, row in enumerate(grid, start=1) if row[0] == "v2")
    assert plan.updates == (CellUpdate(number, 9, "주제 중분류", "전기/조명"),)
    assert plan.report == (0, 1, 2)


def test_new_rows_go_below_everything_people_wrote() -> None:
    """Added rows start under the last row that holds anything, a person's own column included."""
    grid = sheet_grid(tagged_frame(2))
    grid.append([""] * len(SHEET) + ["합계는 여기"])
    plan = plan_upload(grid, sheet_rows(tagged_frame(4)))
    assert list(plan.added["voc_id"]) == ["v2", "v3"]
    assert plan.first_new_row == 5


def test_deleted_row_is_added_again() -> None:
    """A row that a person deleted comes back with the next upload."""
    tagged = tagged_frame(3)
    grid = [row for row in sheet_grid(tagged) if row[0] != "v1"]
    assert list(plan_upload(grid, sheet_rows(tagged)).added["voc_id"]) == ["v1"]


def test_short_rows_are_blank_at_their_end() -> None:
    """A back end may leave out trailing blank cells."""
    tagged = tagged_frame(1)
    grid = sheet_grid(tagged)
    grid[1] = grid[1][:14]
    assert plan_upload(grid, sheet_rows(tagged)).changes_nothing
    assert read_frame(grid)["처리결과"][0] == ""


def test_upload_that_names_an_id_twice_is_refused() -> None:
    """Two machine rows with one voc_id never reach the sheet."""
    tagged = tagged_frame(2)
    tagged["voc_id"] = "v0"
    with pytest.raises(ReviewBookError, match="'v0' twice"):
        plan_upload([], sheet_rows(tagged))


def test_results_touch_only_cells_that_differ() -> None:
    """처리결과 is planned for named rows whose text changes, for every row with the voc_id."""
    grid = sheet_grid(tagged_frame(3), {"v0": {"처리결과": "반영됨"}})
    grid.append(list(grid[2]))
    twice = grid[2][0]
    other = next(voc for voc in ("v1", "v2") if voc != twice)
    updates = plan_results(grid, {"v0": "반영됨", twice: "확인 필요", "unknown": "x"})
    assert [(update.row, update.name, update.text) for update in updates] == [
        (3, "처리결과", "확인 필요"),
        (5, "처리결과", "확인 필요"),
    ]
    assert other not in {grid[update.row - 1][0] for update in updates}
    assert plan_results([], {"v0": "x"}) == ()
