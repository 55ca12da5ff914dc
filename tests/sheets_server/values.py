"""The values collection: get, update, append and their batches, by A1 range and by data filter."""

from __future__ import annotations

import re
from typing import Any

from tests.sheets_server.a1 import Box, a1, box_of, parse
from tests.sheets_server.errors import ApiError
from tests.sheets_server.metadata import matching
from tests.sheets_server.model import Cell, Formula, Sheet, Spreadsheet, blank_rows

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def resolve(book: Spreadsheet, a1_range: str) -> tuple[Sheet, Box]:
    """Return the sheet and box of an A1 range; 400 when it cannot be parsed."""
    title, box = parse(a1_range, [sheet.title for sheet in book.sheets])
    return book.titled(title), box


def by_filter(book: Spreadsheet, data_filter: dict[str, Any]) -> list[tuple[Sheet, Box]]:
    """Return every range that a data filter matches."""
    if "a1Range" in data_filter:
        return [resolve(book, data_filter["a1Range"])]
    if "gridRange" in data_filter:
        grid_range = data_filter["gridRange"]
        return [(book.sheet(grid_range.get("sheetId", 0)), box_of(grid_range))]
    found: list[tuple[Sheet, Box]] = []
    for item in matching(book, data_filter["developerMetadataLookup"]):
        if item.sheet_id is None:
            continue
        sheet = book.sheet(item.sheet_id)
        if item.dimension is None:
            found.append((sheet, Box()))
        elif item.dimension == "ROWS":
            found.append((sheet, Box(item.index, item.index + 1)))
        else:
            found.append((sheet, Box(left=item.index, right=item.index + 1)))
    return found


def read(sheet: Sheet, box: Box, option: str, major: str) -> dict[str, Any]:
    """Return a ValueRange: trailing empty cells of a row and trailing empty rows are not sent."""
    top, bottom, left, right = box.within(len(sheet.rows), sheet.columns)
    if top >= len(sheet.rows) or left >= sheet.columns:
        raise ApiError(
            400, f"Range ({sheet.title}) exceeds grid limits. Max rows: {len(sheet.rows)}, max columns: {sheet.columns}"
        )
    cells = [[_rendered(sheet, r, c, option) for c in range(left, right)] for r in range(top, bottom)]
    if major == "COLUMNS":
        cells = [list(column) for column in zip(*cells, strict=True)]
    for line in cells:
        while line and line[-1] == "":
            line.pop()
    while cells and not cells[-1]:
        cells.pop()
    answer: dict[str, Any] = {"range": a1(sheet.title, (top, bottom, left, right)), "majorDimension": major}
    return {**answer, "values": cells} if cells else answer


def _rendered(sheet: Sheet, row: int, column: int, option: str) -> str | float | bool:
    value = sheet.rows[row][column]
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if option == "UNFORMATTED_VALUE":
        return value.shown if isinstance(value, Formula) else value
    if option == "FORMULA":
        return value.text if isinstance(value, Formula) else value
    return sheet.shown(row, column)


def entered(value: object, option: str) -> Cell:
    """Return the cell that an input value becomes: RAW keeps text as text, USER_ENTERED reads it as typed."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        raise ApiError(400, f"Invalid values[0][0]: {type(value).__name__}_value")
    return typed(value) if option == "USER_ENTERED" else value


def typed(text: str) -> Cell:
    """Return what a person's keystrokes become: a formula, a number, a truth value, or text ('007 stays text)."""
    if text.startswith("="):
        return Formula(text)
    if text.startswith("'"):
        return text[1:]
    if _NUMBER.fullmatch(text):
        return float(text)
    return text.upper() == "TRUE" if text.upper() in {"TRUE", "FALSE"} else text


def write(book: Spreadsheet, place: tuple[Sheet, Box], body: dict[str, Any], option: str, email: str) -> dict[str, Any]:
    """Write a ValueRange from the range's top left on: null skips a cell, "" empties it, and the grid may grow."""
    sheet, box = place
    lines: list[list[object]] = body.get("values", [])
    if body.get("majorDimension") == "COLUMNS":
        width = max((len(line) for line in lines), default=0)
        lines = [[line[i] if i < len(line) else None for line in lines] for i in range(width)]
    height, width = len(lines), max((len(line) for line in lines), default=0)
    bottom, right = box.top + height, box.left + width
    room = box.within(10**9, 10**9)
    if (room[1] - box.top, room[3] - box.left) == (1, 1):  # a single cell is where writing starts
        room = (box.top, 10**9, box.left, 10**9)
    if height > room[1] - box.top or width > room[3] - box.left:
        raise ApiError(
            400, f"Requested writing within range [{a1(sheet.title, room)}], but tried writing to row [{bottom}]"
        )
    if option not in {"RAW", "USER_ENTERED"}:
        raise ApiError(400, "'valueInputOption' is required but not specified")
    _grow(book, sheet, bottom, right)
    book.require_editable(sheet, Box(box.top, bottom, box.left, right), email)
    count = 0
    for row, line in enumerate(lines, start=box.top):
        for column, value in enumerate(line, start=box.left):
            if value is not None:
                book.write(sheet, row, column, entered(value, option))
                count += 1
    return {
        "spreadsheetId": book.id,
        "updatedRange": a1(sheet.title, (box.top, bottom, box.left, right)),
        "updatedRows": height,
        "updatedColumns": width,
        "updatedCells": count,
    }


def _grow(book: Spreadsheet, sheet: Sheet, rows: int, columns: int) -> None:
    if columns > sheet.columns:
        book.insert(sheet, "COLUMNS", sheet.columns, columns - sheet.columns)
    if rows > len(sheet.rows):
        book.insert(sheet, "ROWS", len(sheet.rows), rows - len(sheet.rows))


def append(book: Spreadsheet, a1_range: str, body: dict[str, Any], query: dict[str, str], email: str) -> dict[str, Any]:
    """Add rows after the table that the range touches: it ends at the first empty row."""
    sheet, box = resolve(book, a1_range)
    end = box.top
    while end < len(sheet.rows) and any(cell is not None for cell in sheet.rows[end]):
        end += 1
    lines = body.get("values", [])
    if query.get("insertDataOption") == "INSERT_ROWS":
        sheet.rows[end:end] = blank_rows(len(lines), sheet.columns)
        sheet.move_ranges("ROWS", end, len(lines))
        book.require_room()
    updates = write(book, (sheet, Box(end, None, box.left)), body, query.get("valueInputOption", ""), email)
    return {
        "spreadsheetId": book.id,
        "tableRange": a1(sheet.title, (box.top, end, box.left, sheet.columns)),
        "updates": updates,
    }
