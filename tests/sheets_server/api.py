"""Which method of the API a request means, and its answer."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.sheets_server import batch, metadata, render, values
from tests.sheets_server.errors import NOT_FOUND, ApiError
from tests.sheets_server.model import Spreadsheet


class Call(NamedTuple):
    """One request, read."""

    method: str
    book: Spreadsheet
    collection: str | None
    target: str | None
    verb: str | None
    query: dict[str, list[str]]
    body: dict[str, Any]
    email: str

    def option(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.query.get(name, [default])[0]


def answer(call: Call) -> dict[str, Any]:
    """Answer a request; what is not in the API is 404."""
    if call.collection is None and call.verb is None and call.method == "GET":
        return _get(call, [values.resolve(call.book, text) for text in call.query.get("ranges", [])])
    if call.collection is None and call.verb == "batchUpdate":
        return _batch_update(call)
    if call.collection == "developerMetadata" and call.verb == "search":
        found = [
            m for f in call.body["dataFilters"] for m in metadata.matching(call.book, f["developerMetadataLookup"])
        ]
        return {"matchedDeveloperMetadata": [{"developerMetadata": metadata.shown(item)} for item in found]}
    if call.collection == "values":
        return _values(call)
    raise ApiError(404, NOT_FOUND)


def _get(call: Call, places: list[Any]) -> dict[str, Any]:
    boxes = {sheet.id: box for sheet, box in places} if places else None
    mask = render.parse_mask(call.option("fields"))
    return render.spreadsheet(call.book, boxes, mask, grid=call.option("includeGridData") == "true")


def _batch_update(call: Call) -> dict[str, Any]:
    replies = batch.apply(call.book, call.body.get("requests", []), call.email)
    whole: dict[str, Any] = {"spreadsheetId": call.book.id, "replies": replies}
    if call.body.get("includeSpreadsheetInResponse"):
        places = [values.resolve(call.book, text) for text in call.body.get("responseRanges", [])]
        boxes = {sheet.id: box for sheet, box in places} if places else None
        grid = bool(call.body.get("responseIncludeGridData"))
        whole["updatedSpreadsheet"] = render.spreadsheet(call.book, boxes, {}, grid=grid)
    shown: dict[str, Any] = render.masked(whole, render.parse_mask(call.option("fields")))
    return shown


def _values(call: Call) -> dict[str, Any]:
    book = call.book
    option = call.option("valueRenderOption", "FORMATTED_VALUE")
    major = call.option("majorDimension", "ROWS")
    if call.verb == "batchGet":
        ranges = [values.read(*values.resolve(book, text), option, major) for text in call.query.get("ranges", [])]
        return {"spreadsheetId": book.id, "valueRanges": ranges}
    if call.verb == "batchGetByDataFilter":
        option, major = call.body.get("valueRenderOption", "FORMATTED_VALUE"), call.body.get("majorDimension", "ROWS")
        matched = [
            {"valueRange": values.read(*place, option, major), "dataFilters": [data_filter]}
            for data_filter in call.body["dataFilters"]
            for place in values.by_filter(book, data_filter)
        ]
        return {"spreadsheetId": book.id, "valueRanges": matched}
    if call.verb in {"batchUpdate", "batchUpdateByDataFilter"}:
        return _write_many(call)
    assert call.target is not None
    if call.verb == "append":
        return values.append(book, call.target, call.body, {k: v[0] for k, v in call.query.items()}, call.email)
    place = values.resolve(book, call.target)
    if call.method == "PUT":
        return values.write(book, place, call.body, call.option("valueInputOption"), call.email)
    if call.method == "GET" and call.verb is None:
        return values.read(*place, option, major)
    raise ApiError(404, NOT_FOUND)


def _write_many(call: Call) -> dict[str, Any]:
    twin = call.book.fork()
    option = call.body.get("valueInputOption", "")
    responses = []
    for part in call.body["data"]:
        if "dataFilter" not in part:
            responses.append(values.write(twin, values.resolve(twin, part["range"]), part, option, call.email))
            continue
        for place in values.by_filter(twin, part["dataFilter"]):
            response = values.write(twin, place, part, option, call.email)
            del response["spreadsheetId"]  # is told once, and each answer tells its filter instead
            responses.append({**response, "dataFilter": part["dataFilter"]})
    call.book.adopt(twin)
    return {
        "spreadsheetId": twin.id,
        "totalUpdatedCells": sum(response["updatedCells"] for response in responses),
        "responses": responses,
    }
