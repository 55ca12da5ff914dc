"""Spreadsheets in memory: grids of plain values and everything that hangs on ranges of them."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.sheets_server.a1 import Box
from tests.sheets_server.errors import CELL_LIMIT, LONG_CELL, PROTECTED, ApiError

CELLS_PER_SPREADSHEET = 10_000_000
CHARACTERS_PER_CELL = 50_000


class Formula(NamedTuple):
    """A formula and what it shows; this server computes none."""

    text: str
    shown: str = "#NAME?"


Cell = str | float | bool | Formula | None


@dataclass
class Protection:
    """A protected range; the spreadsheet's owner may always edit."""

    id: int
    box: Box
    editors: tuple[str, ...]
    warning_only: bool = False
    description: str = ""


@dataclass
class Metadata:
    """One piece of developer metadata; ``dimension`` is None for a whole sheet, ``sheet_id`` None for the document."""

    id: int
    key: str
    value: str
    sheet_id: int | None
    dimension: str | None = None
    index: int = 0


@dataclass
class Rule:
    """Anything that applies to a range: a drop-down, a number format, a conditional format, a filter view."""

    box: Box
    body: dict[str, Any]


@dataclass
class Sheet:
    """One worksheet."""

    id: int
    title: str
    columns: int
    rows: list[list[Cell]]
    hidden: bool = False
    frozen_rows: int = 0
    merges: list[Box] = field(default_factory=list)
    protections: list[Protection] = field(default_factory=list)
    validations: list[Rule] = field(default_factory=list)
    formats: list[Rule] = field(default_factory=list)
    conditional: list[Rule] = field(default_factory=list)
    views: list[Rule] = field(default_factory=list)
    basic_filter: Rule | None = None
    column_properties: dict[int, dict[str, Any]] = field(default_factory=dict)

    def fork(self) -> Sheet:
        """Return a copy that shares only immutable cells and rule bodies."""
        twin = copy.copy(self)
        twin.rows = [list(row) for row in self.rows]
        for name in ("merges", "protections", "validations", "formats", "conditional", "views"):
            setattr(twin, name, [copy.copy(item) for item in getattr(self, name)])
        twin.column_properties = dict(self.column_properties)
        return twin

    def cell(self, row: int, column: int) -> Cell:
        """Return a cell; None outside the grid."""
        return self.rows[row][column] if row < len(self.rows) and column < self.columns else None

    def shown(self, row: int, column: int) -> str:
        """Return what a person sees in a cell."""
        value = self.cell(row, column)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, Formula):
            return value.shown
        return value if isinstance(value, str) else format(value, self._number_format(row, column))

    def _number_format(self, row: int, column: int) -> str:
        for rule in reversed(self.formats):
            pattern = rule.body.get("numberFormat", {}).get("pattern")
            if pattern and rule.box.holds(row, column):
                return f".{len(pattern.partition('.')[2])}f"
        return ".10g"

    def last_row(self) -> int:
        """Return how many rows there are down to the last one that holds data."""
        for index in range(len(self.rows) - 1, -1, -1):
            if any(cell is not None for cell in self.rows[index]):
                return index + 1
        return 0

    def move_ranges(self, dimension: str, at: int, count: int) -> None:
        """Shift everything that hangs on ranges after rows or columns came or went."""
        self.merges = [box for box in (box.moved(dimension, at, count) for box in self.merges) if box]
        for name in ("protections", "validations", "formats", "conditional", "views"):
            kept = []
            for item in getattr(self, name):
                box = item.box.moved(dimension, at, count)
                if box is not None:
                    item.box = box
                    kept.append(item)
            setattr(self, name, kept)
        if self.basic_filter and (box := self.basic_filter.box.moved(dimension, at, count)):
            self.basic_filter = Rule(box, self.basic_filter.body)
        if dimension == "COLUMNS":
            moved = {(i + count if i >= at else i): body for i, body in self.column_properties.items()}
            self.column_properties = {i: body for i, body in moved.items() if i >= 0}


class Spreadsheet:
    """A file with its sheets, its owner and those it is shared with."""

    def __init__(self, spreadsheet_id: str, owner: str, *, title: str = "VOC 검수", rows: int = 1000) -> None:
        """Make a spreadsheet with one empty sheet of ``rows`` x 26, as a person's new file has."""
        self.id = spreadsheet_id
        self.title = title
        self.owner = owner
        self.writers: set[str] = set()
        self.readers: set[str] = set()
        self.metadata: dict[int, Metadata] = {}
        self.sheets: list[Sheet] = [Sheet(0, "시트1", 26, blank_rows(rows, 26))]
        self._ids = itertools.count(1_000_001)

    def next_id(self) -> int:
        """Return an id that was not used."""
        return next(self._ids)

    def sheet(self, sheet_id: int) -> Sheet:
        """Return the sheet with that id; 400 when there is none."""
        for sheet in self.sheets:
            if sheet.id == sheet_id:
                return sheet
        raise ApiError(400, f"No grid with id: {sheet_id}")

    def titled(self, title: str) -> Sheet:
        """Return the sheet with that title; KeyError when there is none."""
        for sheet in self.sheets:
            if sheet.title == title:
                return sheet
        raise KeyError(title)

    def fork(self) -> Spreadsheet:
        """Return a copy to which a batch is applied before it becomes the truth."""
        twin = copy.copy(self)
        twin.sheets = [sheet.fork() for sheet in self.sheets]
        twin.metadata = {key: copy.copy(item) for key, item in self.metadata.items()}
        return twin

    def adopt(self, twin: Spreadsheet) -> None:
        """Make a batch's outcome the truth."""
        self.sheets, self.metadata, self.title = twin.sheets, twin.metadata, twin.title

    def require_room(self) -> None:
        """400 when the grids have more cells than a spreadsheet may."""
        if sum(len(sheet.rows) * sheet.columns for sheet in self.sheets) > CELLS_PER_SPREADSHEET:
            raise ApiError(400, CELL_LIMIT)

    def require_editable(self, sheet: Sheet, box: Box, email: str) -> None:
        """400 when ``email`` may not edit that range."""
        if email == self.owner:
            return
        for protection in sheet.protections:
            if not protection.warning_only and email not in protection.editors and protection.box.meets(box):
                raise ApiError(400, PROTECTED)

    def write(self, sheet: Sheet, row: int, column: int, cell: Cell) -> None:
        """Set a cell inside the grid; the caller has checked that it may."""
        if isinstance(cell, str):
            if len(cell) > CHARACTERS_PER_CELL:
                raise ApiError(400, LONG_CELL)
            cell = cell or None
        sheet.rows[row][column] = cell

    def insert(self, sheet: Sheet, dimension: str, at: int, count: int) -> None:
        """Insert empty rows or columns before index ``at``."""
        if dimension == "ROWS":
            sheet.rows[at:at] = blank_rows(count, sheet.columns)
        else:
            for row in sheet.rows:
                row[at:at] = [None] * count
            sheet.columns += count
        sheet.move_ranges(dimension, at, count)
        for item in self._hanging_on(sheet, dimension):
            item.index += count if item.index >= at else 0
        self.require_room()

    def delete(self, sheet: Sheet, dimension: str, start: int, end: int) -> None:
        """Delete rows or columns [start, end)."""
        if dimension == "ROWS":
            del sheet.rows[start:end]
        else:
            for row in sheet.rows:
                del row[start:end]
            sheet.columns -= end - start
        sheet.move_ranges(dimension, start, start - end)
        for item in self._hanging_on(sheet, dimension):
            if start <= item.index < end:
                del self.metadata[item.id]
            elif item.index >= end:
                item.index -= end - start

    def _hanging_on(self, sheet: Sheet, dimension: str) -> list[Metadata]:
        return [m for m in self.metadata.values() if m.sheet_id == sheet.id and m.dimension == dimension]

    def drop_sheet(self, sheet: Sheet) -> None:
        """Delete a sheet with what hangs on it."""
        self.sheets.remove(sheet)
        self.metadata = {key: item for key, item in self.metadata.items() if item.sheet_id != sheet.id}

    def move_column(self, sheet: Sheet, start: int, end: int, to: int) -> None:
        """Move columns [start, end) before index ``to`` (counted before the move)."""
        order = [i for i in range(sheet.columns) if not start <= i < end]
        at = sum(i < to for i in order)
        order[at:at] = range(start, end)
        sheet.rows = [[row[i] for i in order] for row in sheet.rows]
        for item in self._hanging_on(sheet, "COLUMNS"):
            item.index = order.index(item.index)


def blank_rows(count: int, columns: int) -> list[list[Cell]]:
    """Return ``count`` empty rows."""
    return [[None] * columns for _ in range(count)]


def sort_rows(sheet: Sheet, box: Box, specs: list[tuple[int, bool]]) -> None:
    """Sort the cells of a range by (column, descending) keys: values move, rows and what hangs on rows do not."""
    top, bottom, left, right = box.within(len(sheet.rows), sheet.columns)
    part = [row[left:right] for row in sheet.rows[top:bottom]]
    for column, descending in reversed(specs):
        filled = [row for row in part if row[column - left] is not None]
        empty = [row for row in part if row[column - left] is None]
        filled.sort(key=lambda row: _order(row[column - left]), reverse=descending)
        part = filled + empty
    for row, cells in zip(sheet.rows[top:bottom], part, strict=True):
        row[left:right] = cells


def _order(cell: Cell) -> tuple[int, float, str]:
    if isinstance(cell, bool):
        return (2, float(cell), "")
    if isinstance(cell, float | int):
        return (0, float(cell), "")
    return (1, 0.0, cell.shown if isinstance(cell, Formula) else str(cell))
