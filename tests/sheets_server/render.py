"""spreadsheets.get: the Spreadsheet resource, cut to a field mask."""

from __future__ import annotations

from typing import Any

from tests.sheets_server import metadata
from tests.sheets_server.a1 import Box
from tests.sheets_server.errors import ApiError
from tests.sheets_server.model import Formula, Sheet, Spreadsheet

Mask = dict[str, Any]


def parse_mask(text: str) -> Mask:
    """Read ``a,b(c,d),e.f`` into a tree; an empty tree below a name means all of it."""
    tree: Mask = {}
    end = _parse(text, 0, tree)
    if end != len(text):
        raise ApiError(400, f"Request contains an invalid argument: fields={text}")
    return tree


def _parse(text: str, at: int, tree: Mask) -> int:
    while at < len(text) and text[at] != ")":
        start = at
        while at < len(text) and text[at] not in ",()":
            at += 1
        node = tree
        for name in text[start:at].replace("/", ".").split("."):
            if not name:
                raise ApiError(400, f"Request contains an invalid argument: fields={text}")
            node = node.setdefault(name, {})
        if at < len(text) and text[at] == "(":
            at = _parse(text, at + 1, node)
            if at >= len(text):
                raise ApiError(400, f"Request contains an invalid argument: fields={text}")
            at += 1
        if at < len(text) and text[at] == ",":
            at += 1
    return at


def masked(value: Any, mask: Mask) -> Any:  # noqa: ANN401 - JSON
    """Return the part of a JSON value that a mask names."""
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [masked(item, mask) for item in value]
    if isinstance(value, dict):
        return {name: masked(value[name], below) for name, below in mask.items() if name in value}
    return value


def spreadsheet(book: Spreadsheet, boxes: dict[int, Box] | None, mask: Mask, *, grid: bool) -> dict[str, Any]:
    """Return the resource; ``boxes``: the parts asked for (None: all); a mask overrides ``grid``."""
    below = mask.get("sheets", {})
    with_data = "data" in below if mask else grid
    cells = not mask or (with_data and (not below["data"] or "rowData" in below["data"]))
    shown = [sheet for sheet in book.sheets if boxes is None or sheet.id in boxes]
    whole = {
        "spreadsheetId": book.id,
        "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{book.id}/edit",
        "properties": {"title": book.title, "locale": "ko_KR", "timeZone": "Asia/Seoul"},
        "sheets": [_sheet(book, i, s, (boxes or {}).get(s.id, Box()), with_data, cells) for i, s in enumerate(shown)],
        "developerMetadata": [metadata.shown(m) for m in book.metadata.values() if m.sheet_id is None],
    }
    answer: dict[str, Any] = masked(whole, mask)
    return answer


def properties(sheet: Sheet, index: int) -> dict[str, Any]:
    """Return a sheet's SheetProperties."""
    grid: dict[str, Any] = {"rowCount": len(sheet.rows), "columnCount": sheet.columns}
    if sheet.frozen_rows:
        grid["frozenRowCount"] = sheet.frozen_rows
    answer: dict[str, Any] = {
        "sheetId": sheet.id,
        "title": sheet.title,
        "index": index,
        "sheetType": "GRID",
        "gridProperties": grid,
    }
    if sheet.hidden:
        answer["hidden"] = True
    return answer


def _sheet(book: Spreadsheet, index: int, sheet: Sheet, box: Box, with_data: bool, cells: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"properties": properties(sheet, index)}
    lists = {
        "merges": [merge.json(sheet.id) for merge in sheet.merges],
        "protectedRanges": [
            {
                "protectedRangeId": item.id,
                "range": item.box.json(sheet.id),
                "description": item.description,
                "warningOnly": item.warning_only,
                "editors": {"users": list(item.editors)},
            }
            for item in sheet.protections
        ],
        "filterViews": [rule.body for rule in sheet.views],
        "conditionalFormats": [rule.body for rule in sheet.conditional],
        "developerMetadata": [
            metadata.shown(m) for m in book.metadata.values() if m.sheet_id == sheet.id and m.dimension is None
        ],
    }
    answer.update({name: items for name, items in lists.items() if items})
    if sheet.basic_filter:
        answer["basicFilter"] = sheet.basic_filter.body
    if with_data:
        answer["data"] = [_data(book, sheet, box, cells=cells)]
    return answer


def _data(book: Spreadsheet, sheet: Sheet, box: Box, *, cells: bool) -> dict[str, Any]:
    top, bottom, left, right = box.within(len(sheet.rows), sheet.columns)
    hanging = [m for m in book.metadata.values() if m.sheet_id == sheet.id and m.dimension == "COLUMNS"]
    columns = []
    for index in range(left, right):
        properties = {"pixelSize": 100, **sheet.column_properties.get(index, {})}
        found = [metadata.shown(m) for m in hanging if m.index == index]
        columns.append({**properties, "developerMetadata": found} if found else properties)
    answer: dict[str, Any] = {"columnMetadata": columns}
    if top:
        answer["startRow"] = top
    if left:
        answer["startColumn"] = left
    if cells:
        answer["rowData"] = [{"values": [_cell(sheet, r, c) for c in range(left, right)]} for r in range(top, bottom)]
    return answer


def _cell(sheet: Sheet, row: int, column: int) -> dict[str, Any]:
    value = sheet.rows[row][column]
    answer: dict[str, Any] = {}
    if value is not None:
        kind = "stringValue"
        if isinstance(value, bool):
            kind = "boolValue"
        elif isinstance(value, float):
            kind = "numberValue"
        elif isinstance(value, Formula):
            kind = "formulaValue"
        answer["userEnteredValue"] = {kind: value.text if isinstance(value, Formula) else value}
        answer["formattedValue"] = sheet.shown(row, column)
    for rule in sheet.validations:
        if rule.box.holds(row, column):
            answer["dataValidation"] = rule.body
    return answer
