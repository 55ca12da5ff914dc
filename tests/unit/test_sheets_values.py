"""Cutting values into requests, and putting machine cells right after rows moved."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fixtures_review import sheet_grid, tagged_frame
from voc_worker.columns import SHEET
from voc_worker.review.book import ReviewBookError
from voc_worker.review.layout import find_layout
from voc_worker.review.plan_upload import CellUpdate
from voc_worker.review.rows import sheet_rows
from voc_worker.review.sheets_values import Expected, batches, cell_value, column_writes, filled_down, size, table

AT = {name: number for number, name in enumerate(SHEET, start=1)}
LABEL = "주제 중분류"


@cache
def six_rows() -> list[list[str]]:
    """Return a worksheet of six rows, made once: the property test asks for it often."""
    return sheet_grid(tagged_frame(6))


def no_columns() -> dict[str, int]:
    """Say that no column has metadata."""
    return {}


def expected(grid: list[list[str]], updates: Sequence[CellUpdate]) -> Expected:
    """Return what must stand after ``updates`` to ``grid``."""
    layout = find_layout(grid)
    assert layout is not None
    return Expected(grid, layout, updates)


def written(grid: list[list[str]], updates: Sequence[CellUpdate]) -> list[list[str]]:
    """Return the grid after the updates."""
    after = [list(row) for row in grid]
    for update in updates:
        after[update.row - 1][update.column - 1] = update.text
    return after


def relabel(grid: list[list[str]], text: str = "전기/조명") -> list[CellUpdate]:
    """Return an update of the label of every row."""
    return [CellUpdate(row, AT[LABEL], LABEL, text) for row in range(2, len(grid) + 1)]


@given(st.lists(st.text(max_size=30), max_size=60), st.integers(20, 200))
def test_batches_keep_order_and_size(texts: list[str], largest: int) -> None:
    """Batches hold everything in its order, and only a single item may be larger than allowed."""
    cut = list(batches(texts, largest))
    assert [text for batch in cut for text in batch] == texts
    for batch in cut:
        assert (
            len(batch) == 1 or len(json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode()) <= largest + 1
        )


@given(st.dictionaries(st.integers(2, 400), st.text(min_size=1, max_size=40), min_size=1, max_size=50))
def test_column_writes_carry_every_update_once(cells: dict[int, str]) -> None:
    """Each update is in one request at its row; everywhere else there is null, and requests keep their size."""
    updates = [CellUpdate(row, AT["처리결과"], "처리결과", text) for row, text in cells.items()]
    found: dict[int, str] = {}
    for data in column_writes(7, updates, largest=4_000):
        assert len(data) == 1 or size(data) <= 4_200
        for part in data:
            assert part["dataFilter"]["developerMetadataLookup"]["metadataValue"] == "처리결과"
            (values,) = part["values"]
            found |= {row: text for row, text in enumerate(values, start=1) if text is not None}
    assert found == cells


def test_identity_is_never_written() -> None:
    """A voc_id is not among what may be written into a row that exists."""
    assert list(column_writes(7, [CellUpdate(2, 1, "voc_id", "v1")])) == []


def test_confidence_alone_becomes_a_number() -> None:
    """신뢰도 is a number when it is one; an id of digits stays text."""
    assert cell_value("신뢰도", "0.873") == 0.873
    assert cell_value("신뢰도", "") == ""
    assert cell_value("voc_id", "007") == "007"
    line = next(table(sheet_rows(tagged_frame(1))))
    assert line[AT["신뢰도"] - 1] == 0.5


def test_merged_peoples_cells_are_filled_down() -> None:
    """A merge over people's cells counts for each of its rows; one over the machine's cells or the header does not."""
    grid = sheet_grid(tagged_frame(3), {"v0": {"검수완료": "Y"}, "v2": {"검수완료": ""}})
    done, title = AT["검수완료"] - 1, AT["title"] - 1
    top = next(index for index, row in enumerate(grid) if row[done] == "Y")
    short = [row[: done + 1] if row[done] else row[:3] for row in grid]
    merges = [
        {"startRowIndex": top, "endRowIndex": top + 2, "startColumnIndex": done, "endColumnIndex": done + 1},
        {"startRowIndex": 1, "endRowIndex": 4, "startColumnIndex": title, "endColumnIndex": title + 1},
        {"startRowIndex": 90, "endRowIndex": 92, "startColumnIndex": done, "endColumnIndex": done + 1},
    ]
    short[0] = grid[0]
    filled = filled_down(short, merges, "The sheet")
    assert [row[done] if len(row) > done else "" for row in filled[1:]].count("Y") == 2
    assert filled_down([[""]], merges, "The sheet") == [[""]]


def test_right_sheet_needs_no_repair() -> None:
    """When what was written stands where it belongs there is nothing to mend, wherever the rows are."""
    grid = sheet_grid(tagged_frame(5))
    updates = relabel(grid)
    after = written(grid, updates)
    body = after[:0:-1]
    assert expected(grid, updates).repairs([after[0], [], *body], no_columns) == ()


@given(st.permutations(range(6)), st.integers(0, 6), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_repairs_put_moved_rows_right(order: list[int], gap: int, chosen: set[int], touched: set[int]) -> None:
    """However rows moved before a write, the repairs give each voc_id its own cells and leave touched rows as seen."""
    grid = six_rows()
    updates = [update for update in relabel(grid) if update.row - 2 in chosen]
    plan = expected(grid, updates)
    wanted = {row[0]: row[AT[LABEL] - 1] for row in written(grid, updates)[1:]}
    moved = [grid[0], *([list(grid[1 + index]) for index in order])]
    moved.insert(1 + gap, [""] * len(SHEET))
    for row in moved[1:]:
        if row[0] and int(row[0][1:]) in touched:
            row[AT["비고"] - 1] = "방금"
            wanted[row[0]] = "냉난방/공조"
    hit = written(moved, updates)
    mended = written(hit, plan.repairs(hit, no_columns))
    assert {row[0]: row[AT[LABEL] - 1] for row in mended[1:] if row[0]} == wanted
    assert plan.repairs(mended, no_columns) == ()
    assert all(cell == "" for row in mended[1:] if not row[0] for cell in row)


@given(st.permutations(range(6)), st.integers(0, 6), st.sets(st.integers(0, 5)), st.booleans())
def test_copies_of_a_row_are_told_apart(order: list[int], gap: int, touched: set[int], alike: bool) -> None:
    """Rows that people copied and moved before a write: touched copies keep what was seen, the others are renewed."""
    grid = [list(row) for row in six_rows()]
    for number, row in enumerate(grid[1:]):
        row[0] = f"v{number % 2}"
        if number in touched:
            row[AT["비고"] - 1], row[AT[LABEL] - 1] = "같은 글" if alike else f"글 {number}", f"옛 {number}"
    updates = [update for update in relabel(grid) if update.row - 2 not in touched]
    plan = expected(grid, updates)
    moved = [grid[0], *([list(grid[1 + index]) for index in order])]
    moved.insert(1 + gap, [""] * len(SHEET))
    hit, right = written(moved, updates), written(grid, updates)
    mended = written(hit, plan.repairs(hit, no_columns))
    shown = [
        [[row[at - 1] for at in (AT["voc_id"], AT[LABEL], AT["비고"])] for row in rows] for rows in (mended, right)
    ]
    assert sorted(row for row in shown[0] if any(row)) == sorted(shown[1])
    assert plan.repairs(mended, no_columns) == ()


def test_header_that_was_written_over_is_named_again() -> None:
    """A row inserted above the header shifts a write into it; the columns' metadata gives the names back."""
    grid = sheet_grid(tagged_frame(3))
    updates = relabel(grid)
    updates += [CellUpdate(row, AT["title"], "title", "새") for row in range(2, 5)]
    hit = written([[""] * len(SHEET), *[list(row) for row in grid]], updates)
    plan = expected(grid, updates)
    mended = written(hit, plan.repairs(hit, lambda: AT))
    assert mended[1] == list(SHEET)
    assert {row[AT[LABEL] - 1] for row in mended[2:]} == {"전기/조명"}
    with pytest.raises(ReviewBookError, match=re.escape("header was changed while it was written")):
        plan.repairs(hit, no_columns)


def test_result_of_a_row_that_people_touch_is_kept() -> None:
    """처리결과 stays as written although a person writes into the row at the same time."""
    grid = sheet_grid(tagged_frame(1))
    updates = [CellUpdate(2, AT["처리결과"], "처리결과", "반영")]
    after = written(grid, [*updates, CellUpdate(2, AT["비고"], "비고", "방금")])
    assert expected(grid, updates).repairs(after, no_columns) == ()
