"""Reads and writes the cells of one worksheet in memory; no I/O.

Text goes in as text whatever it looks like: a cell that starts with "=" is a string with Excel's quote prefix, so that
it stays one when a person edits it. Cells are changed in place; formats, comments and people's own columns stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import pandas as pd
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula
from openpyxl.worksheet.worksheet import Worksheet

from voc_worker.columns import SHEET_PEOPLE
from voc_worker.review.layout import FRESH, find_layout
from voc_worker.review.plan_upload import CellUpdate, UploadPlan
from voc_worker.review.rows import UPLOAD

#: Excel's limit of one cell, in UTF-16 code units.
CELL_LIMIT: Final = 32_767
CONFIDENCE: Final = "신뢰도"
_FORMULA_STARTS: Final = ("=", "+", "-", "@")


def cell_text(value: object) -> str:
    """Return what a cell holds as text: a formula as it was typed, a number without needless decimals."""
    match value:
        case None:
            text = ""
        case bool():
            text = str(value).upper()
        case float():
            text = str(int(value)) if value.is_integer() else repr(value)
        case datetime():
            text = f"{value:%Y-%m-%d %H:%M}"
        case ArrayFormula():
            text = str(value.text)
        case DataTableFormula():
            text = "=TABLE()"
        case _:
            text = str(value)
    return text


def grid_of(sheet: Worksheet, where: str) -> list[list[str]]:
    """Return the worksheet as text, from A1 on.

    Excel keeps the value of merged cells in the first one only. People's cells that were merged downwards count for
    every row they cover, as the person sees it; the machine's columns are left as they are.

    Raises:
        ReviewBookError: see :func:`find_layout`.
    """
    values = list(sheet.iter_rows(values_only=True))
    grid = [[cell_text(value) for value in row] for row in values]
    layout = find_layout(grid, where)
    if layout is None:
        return grid
    at = layout.columns[CONFIDENCE] - 1
    for number, row in layout.body(values):  # type: ignore[arg-type]  # only positions are used here, not text
        if isinstance(row[at], int | float):
            grid[number - 1][at] = f"{row[at]:.3f}"
    people = {layout.columns[name] for name in SHEET_PEOPLE}
    for merged in sheet.merged_cells.ranges:
        if merged.min_col in people:
            for number in range(merged.min_row + 1, merged.max_row + 1):
                grid[number - 1][merged.min_col - 1] = grid[merged.min_row - 1][merged.min_col - 1]
    return grid


def write_plan(sheet: Worksheet, plan: UploadPlan) -> None:
    """Write an upload's cells: the header where there is none, single updates, and the new rows below."""
    if plan.layout is None:
        for name, column in FRESH.columns.items():
            put_text(sheet, FRESH.header_row, column, name)
    write_updates(sheet, plan.updates)
    places = [((plan.layout or FRESH).columns[name], name) for name in UPLOAD]
    for number, cells in enumerate(_tuples(plan.added), start=plan.first_new_row):
        for (column, name), text in zip(places, cells, strict=True):
            if text:
                _put(sheet, number, column, name, text)


def write_updates(sheet: Worksheet, updates: Iterable[CellUpdate]) -> None:
    """Write single machine cells."""
    for update in updates:
        _put(sheet, update.row, update.column, update.name, update.text)


def put_text(sheet: Worksheet, row: int, column: int, text: str) -> None:
    """Write ``text`` as a string, never as a formula, an error or a number; what people merged over is left alone."""
    cell = sheet.cell(row, column)
    if isinstance(cell, MergedCell):
        return
    if not text:
        cell.value = None
        return
    cell.value = text
    cell.data_type = "s"  # after the value, from which openpyxl guesses formulas and errors
    _mark_as_text(cell, text)


def _put(sheet: Worksheet, row: int, column: int, name: str, text: str) -> None:
    """Write one machine cell; 신뢰도 as a number, so that it sorts and colours as one."""
    if name != CONFIDENCE or not text:
        put_text(sheet, row, column, text)
        return
    cell = sheet.cell(row, column)
    if not isinstance(cell, MergedCell):
        cell.value = float(text)
        cell.number_format = "0.000"


def _mark_as_text(cell: Cell, text: str) -> None:
    """Set Excel's quote prefix where editing the cell would otherwise turn it into a formula."""
    risky = text.startswith(_FORMULA_STARTS)
    if risky or cell.quotePrefix:
        cell.quotePrefix = risky


def _tuples(rows: pd.DataFrame) -> Iterable[tuple[str, ...]]:
    """Yield the cells of UPLOAD row by row."""
    return rows[list(UPLOAD)].itertuples(index=False, name=None)
