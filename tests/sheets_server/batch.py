"""spreadsheets.batchUpdate: requests are applied in order to a copy, which becomes the truth only if all succeed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sheets_server import metadata
from tests.sheets_server.a1 import Box, box_of
from tests.sheets_server.errors import ApiError
from tests.sheets_server.model import Cell, Formula, Protection, Rule, Sheet, Spreadsheet, blank_rows, sort_rows
from tests.sheets_server.render import properties

Request = dict[str, Any]
Handler = Callable[[Spreadsheet, Request, str], dict[str, Any]]


def apply(book: Spreadsheet, requests: list[dict[str, Request]], email: str) -> list[dict[str, Any]]:
    """Apply all requests or none and return their replies.

    Raises:
        ApiError: 400 with the first request that is refused.
    """
    if not requests:
        raise ApiError(400, "Must specify at least one request.")
    twin = book.fork()
    replies = []
    for index, request in enumerate(requests):
        ((name, body),) = request.items()
        handler = HANDLERS.get(name)
        if handler is None:
            raise ApiError(
                400,
                f"Invalid JSON payload received. Unknown name \"{name}\" at 'requests[{index}]': Cannot find field.",
            )
        try:
            reply = handler(twin, body, email)
            replies.append({name: reply} if reply else {})
        except ApiError as error:
            if error.message.startswith("Invalid requests"):
                raise
            raise ApiError(error.code, f"Invalid requests[{index}].{name}: {error.message}") from error
    book.adopt(twin)
    return replies


def _place(book: Spreadsheet, grid_range: Request) -> tuple[Sheet, Box]:
    return book.sheet(grid_range.get("sheetId", 0)), box_of(grid_range)


def _span(book: Spreadsheet, span: Request) -> tuple[Sheet, str, int, int]:
    sheet = book.sheet(span.get("sheetId", 0))
    size = len(sheet.rows) if span["dimension"] == "ROWS" else sheet.columns
    start, end = int(span.get("startIndex", 0)), int(span.get("endIndex", size))
    if not 0 <= start < end:
        raise ApiError(400, "range must not be empty")
    return sheet, span["dimension"], start, end


def _span_box(dimension: str, start: int, end: int | None) -> Box:
    return Box(top=start, bottom=end) if dimension == "ROWS" else Box(left=start, right=end)


def _add_sheet(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    asked = body.get("properties", {})
    title = asked.get("title") or f"시트{len(book.sheets) + 1}"
    if any(sheet.title == title for sheet in book.sheets):
        raise ApiError(400, f'A sheet with the name "{title}" already exists. Please enter another name.')
    number = asked.get("sheetId", book.next_id())
    if any(sheet.id == number for sheet in book.sheets):
        raise ApiError(400, f"Sheet with ID {number} already exists")
    grid = asked.get("gridProperties", {})
    columns = grid.get("columnCount", 26)
    sheet = Sheet(number, title, columns, blank_rows(grid.get("rowCount", 1000), columns), asked.get("hidden", False))
    sheet.frozen_rows = grid.get("frozenRowCount", 0)
    if sheet.frozen_rows and sheet.frozen_rows >= len(sheet.rows):
        raise ApiError(400, "You can't freeze all visible rows on the sheet.")
    book.sheets.insert(asked.get("index", len(book.sheets)), sheet)
    book.require_room()
    return {"properties": properties(sheet, book.sheets.index(sheet))}


def _delete_sheet(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet = book.sheet(body["sheetId"])
    book.require_editable(sheet, Box(), email)
    book.drop_sheet(sheet)
    return {}


def _update_sheet(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    asked = body["properties"]
    sheet = book.sheet(asked["sheetId"])
    for name in body["fields"].replace("/", ".").split(","):
        if name == "title":
            if any(other.title == asked["title"] and other is not sheet for other in book.sheets):
                raise ApiError(
                    400, f'A sheet with the name "{asked["title"]}" already exists. Please enter another name.'
                )
            sheet.title = asked["title"]
        elif name == "hidden":
            sheet.hidden = asked.get("hidden", False)
        elif name == "index":
            book.sheets.remove(sheet)
            book.sheets.insert(asked["index"], sheet)
        elif name == "gridProperties.frozenRowCount":
            sheet.frozen_rows = asked["gridProperties"]["frozenRowCount"]
        elif name == "gridProperties.rowCount":
            _resize(book, sheet, asked["gridProperties"]["rowCount"], email)
        else:
            raise ApiError(400, f"Invalid field: {name}")
    return {}


def _resize(book: Spreadsheet, sheet: Sheet, rows: int, email: str) -> None:
    if rows < len(sheet.rows):
        book.require_editable(sheet, Box(top=rows), email)
        book.delete(sheet, "ROWS", rows, len(sheet.rows))
    elif rows > len(sheet.rows):
        book.insert(sheet, "ROWS", len(sheet.rows), rows - len(sheet.rows))


def _insert(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet, dimension, start, end = _span(book, body["range"])
    book.require_editable(sheet, _span_box(dimension, start, end), email)
    book.insert(sheet, dimension, start, end - start)
    return {}


def _append_dimension(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    sheet = book.sheet(body["sheetId"])
    at = len(sheet.rows) if body["dimension"] == "ROWS" else sheet.columns
    book.insert(sheet, body["dimension"], at, body["length"])
    return {}


def _delete(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet, dimension, start, end = _span(book, body["range"])
    book.require_editable(sheet, _span_box(dimension, start, end), email)
    book.delete(sheet, dimension, start, end)
    return {}


def _move(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet, dimension, start, end = _span(book, body["source"])
    if dimension != "COLUMNS":
        raise ApiError(400, "this server moves columns only")
    book.require_editable(sheet, _span_box(dimension, start, end), email)
    book.move_column(sheet, start, end, body["destinationIndex"])
    return {}


def _update_dimension(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    sheet, dimension, start, end = _span(book, body["range"])
    if dimension == "COLUMNS":
        for index in range(start, end):
            sheet.column_properties[index] = {**sheet.column_properties.get(index, {}), **body["properties"]}
    return {}


def _validate(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet, box = _place(book, body["range"])
    book.require_editable(sheet, box, email)
    sheet.validations = [rule for rule in sheet.validations if rule.box != box]
    if "rule" in body:
        if "type" not in body["rule"].get("condition", {}):
            raise ApiError(400, "rule.condition.type must be set")
        sheet.validations.append(Rule(box, body["rule"]))
    return {}


def _protect(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    asked = body["protectedRange"]
    sheet, box = _place(book, asked["range"])
    editors = {email, *asked.get("editors", {}).get("users", [])}
    item = Protection(
        book.next_id(), box, tuple(sorted(editors)), asked.get("warningOnly", False), asked.get("description", "")
    )
    sheet.protections.append(item)
    return {"protectedRange": {**asked, "protectedRangeId": item.id}}


def _protection(book: Spreadsheet, number: int, email: str) -> tuple[Sheet, Protection]:
    for sheet in book.sheets:
        for item in sheet.protections:
            if item.id == number:
                if email != book.owner and email not in item.editors:
                    raise ApiError(403, "You don't have permission to modify this protected range.")
                return sheet, item
    raise ApiError(400, f"No protected range with id: {number}")


def _update_protection(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    asked = body["protectedRange"]
    _, item = _protection(book, asked["protectedRangeId"], email)
    for name in body["fields"].split(","):
        if name == "range":
            item.box = box_of(asked["range"])
        elif name == "description":
            item.description = asked["description"]
        elif name == "editors":
            item.editors = tuple(asked["editors"]["users"])
        else:
            raise ApiError(400, f"Invalid field: {name}")
    return {}


def _unprotect(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet, item = _protection(book, body["protectedRangeId"], email)
    sheet.protections.remove(item)
    return {}


def _basic_filter(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    sheet, box = _place(book, body["filter"]["range"])
    sheet.basic_filter = Rule(box, body["filter"])
    return {}


def _view(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    sheet, box = _place(book, body["filter"]["range"])
    if any(rule.body["title"] == body["filter"]["title"] for rule in sheet.views):
        raise ApiError(400, f"Filter view with title {body['filter']['title']} already exists")
    rule = Rule(box, {**body["filter"], "filterViewId": book.next_id()})
    sheet.views.append(rule)
    return {"filter": rule.body}


def _conditional(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    rule = body["rule"]
    if ("booleanRule" in rule) == ("gradientRule" in rule):
        raise ApiError(400, "exactly one of booleanRule and gradientRule must be set")
    for asked in rule["ranges"]:
        sheet, box = _place(book, asked)
        sheet.conditional.insert(body.get("index", 0), Rule(box, rule))
    return {}


def _create_metadata(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    return {"developerMetadata": metadata.shown(metadata.create(book, body["developerMetadata"]))}


def _delete_metadata(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    found = metadata.matching(book, body["dataFilter"]["developerMetadataLookup"])
    for item in found:
        del book.metadata[item.id]
    return {"deletedDeveloperMetadata": [metadata.shown(item) for item in found]}


def _update_cells(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    if "start" in body:
        start = body["start"]
        sheet, top, left = book.sheet(start.get("sheetId", 0)), start.get("rowIndex", 0), start.get("columnIndex", 0)
    else:
        sheet, box = _place(book, body["range"])
        top, left = box.top, box.left
    _put_rows(book, sheet, (top, left), body, email)
    return {}


def _append_cells(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet = book.sheet(body.get("sheetId", 0))
    top = sheet.last_row()
    missing = top + len(body["rows"]) - len(sheet.rows)
    if missing > 0:
        book.insert(sheet, "ROWS", len(sheet.rows), missing)
    _put_rows(book, sheet, (top, 0), body, email)
    return {}


def _put_rows(book: Spreadsheet, sheet: Sheet, start: tuple[int, int], body: Request, email: str) -> None:
    top, left = start
    wanted = body["fields"].split(",")
    height, width = len(body["rows"]), max((len(row.get("values", [])) for row in body["rows"]), default=0)
    if top + height > len(sheet.rows) or left + width > sheet.columns:
        raise ApiError(
            400, f"Attempting to write column: {left + width}, beyond the last requested column of: {sheet.columns - 1}"
        )
    book.require_editable(sheet, Box(top, top + height, left, left + width), email)
    for r, row in enumerate(body["rows"], start=top):
        for c, cell in enumerate(row.get("values", []), start=left):
            if "userEnteredValue" in wanted or "*" in wanted:
                book.write(sheet, r, c, _extended(cell.get("userEnteredValue", {})))
            if "userEnteredFormat" in body["fields"] and "userEnteredFormat" in cell:
                sheet.formats.append(Rule(Box(r, r + 1, c, c + 1), cell["userEnteredFormat"]))


def _extended(value: Request) -> Cell:
    if "formulaValue" in value:
        return Formula(str(value["formulaValue"]))
    if "numberValue" in value:
        return float(value["numberValue"])
    if "boolValue" in value:
        return bool(value["boolValue"])
    return str(value["stringValue"]) if "stringValue" in value else None


def _repeat(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet, box = _place(book, body["range"])
    book.require_editable(sheet, box, email)
    if "userEnteredFormat" in body["cell"]:
        sheet.formats = [
            rule for rule in sheet.formats if rule.box != box or set(rule.body) - set(body["cell"]["userEnteredFormat"])
        ]
        sheet.formats.append(Rule(box, body["cell"]["userEnteredFormat"]))
    if body["fields"].startswith("userEnteredValue"):
        top, bottom, left, right = box.within(len(sheet.rows), sheet.columns)
        for r in range(top, bottom):
            for c in range(left, right):
                book.write(sheet, r, c, _extended(body["cell"].get("userEnteredValue", {})))
    return {}


def _sort(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet, box = _place(book, body["range"])
    book.require_editable(sheet, box, email)
    if any(merge.meets(box) for merge in sheet.merges):
        raise ApiError(400, "You can't sort a range with merged cells.")
    sort_rows(sheet, box, [(s["dimensionIndex"], s.get("sortOrder") == "DESCENDING") for s in body["sortSpecs"]])
    return {}


def _merge(book: Spreadsheet, body: Request, email: str) -> dict[str, Any]:
    sheet, box = _place(book, body["range"])
    book.require_editable(sheet, box, email)
    top, bottom, left, right = box.within(len(sheet.rows), sheet.columns)
    for r in range(top, bottom):
        for c in range(left, right):
            if (r, c) != (top, left):
                sheet.rows[r][c] = None
    sheet.merges = [merge for merge in sheet.merges if not merge.meets(box)] + [box]
    return {}


def _nothing(book: Spreadsheet, body: Request, _: str) -> dict[str, Any]:
    _span(book, body["dimensions"])
    return {}


HANDLERS: dict[str, Handler] = {
    "addSheet": _add_sheet,
    "deleteSheet": _delete_sheet,
    "updateSheetProperties": _update_sheet,
    "insertDimension": _insert,
    "appendDimension": _append_dimension,
    "deleteDimension": _delete,
    "moveDimension": _move,
    "updateDimensionProperties": _update_dimension,
    "autoResizeDimensions": _nothing,
    "setDataValidation": _validate,
    "addProtectedRange": _protect,
    "updateProtectedRange": _update_protection,
    "deleteProtectedRange": _unprotect,
    "setBasicFilter": _basic_filter,
    "addFilterView": _view,
    "addConditionalFormatRule": _conditional,
    "createDeveloperMetadata": _create_metadata,
    "deleteDeveloperMetadata": _delete_metadata,
    "updateCells": _update_cells,
    "appendCells": _append_cells,
    "repeatCell": _repeat,
    "sortRange": _sort,
    "mergeCells": _merge,
}
