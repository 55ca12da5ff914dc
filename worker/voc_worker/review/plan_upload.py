"""Says which cells an upload writes, given the worksheet as it stands. Pure; both back ends follow it to the letter.

The rule (design, section 3.5): missing rows are added below; the machine's cells of a row change only while every
person's cell of that row is empty, 검수완료 included; nothing is ever removed, moved or cleared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from voc_worker.columns import SHEET_PEOPLE
from voc_worker.review.book import ReviewBookError, UploadReport
from voc_worker.review.layout import Grid, Layout, find_layout, is_blank, row_key
from voc_worker.review.rows import UPLOAD

RESULT = "처리결과"


class CellUpdate(NamedTuple):
    """One machine cell to write: row and column are 1-based."""

    row: int
    column: int
    name: str
    text: str


class UploadPlan(NamedTuple):
    """What to write.

    Attributes:
        layout: where the columns are; None means that the worksheet is blank and gets the header SHEET in row 1.
        added: the rows to append, columns UPLOAD, in the order wanted.
        first_new_row: the 1-based row of the first of them.
        updates: single machine cells whose text differs.
        report: the counts for people.
    """

    layout: Layout | None
    added: pd.DataFrame
    first_new_row: int
    updates: tuple[CellUpdate, ...]
    report: UploadReport

    @property
    def changes_nothing(self) -> bool:
        """Whether the worksheet already holds all of it."""
        return self.layout is not None and not self.updates and self.added.empty


def plan_upload(grid: Grid, rows: pd.DataFrame, where: str = "The review worksheet") -> UploadPlan:
    """Compare the worksheet with ``rows`` (columns UPLOAD, text, already cut to the back end's cell limit).

    Args:
        grid: the whole worksheet with merged people's cells filled down.
        rows: what the machine wants to show, in the order wanted.
        where: what to call the worksheet in an error.

    Raises:
        ReviewBookError: the sheet's columns cannot be found, or ``rows`` names a voc_id twice or not at all.
    """
    wanted = _by_key(rows)
    layout = find_layout(grid, where)
    if layout is None:
        return UploadPlan(None, rows, 2, (), UploadReport(len(rows), 0, 0))
    updates: list[CellUpdate] = []
    present: set[str] = set()
    updated = kept = 0
    for number, row in layout.body(grid):
        key = row_key(layout.cell(row, "voc_id"))
        if key not in wanted:
            continue
        present.add(key)
        if not all(is_blank(cell) for cell in layout.cells(row, SHEET_PEOPLE)):
            kept += 1
            continue
        changes = [
            CellUpdate(number, layout.columns[name], name, text)
            for name, text, now in zip(UPLOAD, wanted[key], layout.cells(row, UPLOAD), strict=True)
            if text != now
        ]
        updates += changes
        updated += bool(changes)
    added = rows[[row_key(key) not in present for key in rows["voc_id"]]].reset_index(drop=True)
    return UploadPlan(layout, added, _end(grid) + 1, tuple(updates), UploadReport(len(added), updated, kept))


def plan_results(grid: Grid, results: Mapping[str, str], where: str = "The review worksheet") -> tuple[CellUpdate, ...]:
    """Return the cells of 처리결과 that must change so that the rows named in ``results`` (by voc_id) show their text.

    Raises:
        ReviewBookError: the sheet's columns cannot be found.
    """
    layout = find_layout(grid, where)
    if layout is None:
        return ()
    column = layout.columns[RESULT]
    updates: list[CellUpdate] = []
    for number, row in layout.body(grid):
        text = results.get(row_key(layout.cell(row, "voc_id")))
        if text is not None and text != layout.cell(row, RESULT):
            updates.append(CellUpdate(number, column, RESULT, text))
    return tuple(updates)


def _by_key(rows: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the wanted cells by voc_id."""
    found: dict[str, tuple[str, ...]] = {}
    for cells in rows[list(UPLOAD)].itertuples(index=False, name=None):
        key = row_key(str(cells[0]))
        if not key or key in found:
            raise ReviewBookError(
                f"The upload names voc_id {key!r} {'twice' if key else 'nowhere'}; it must be unique."
            )
        found[key] = tuple(str(cell) for cell in cells)
    return found


def _end(grid: Grid) -> int:
    """Return the last row that holds anything, people's own columns included."""
    for number in range(len(grid), 0, -1):
        if not all(is_blank(cell) for cell in grid[number - 1]):
            return number
    return 0
