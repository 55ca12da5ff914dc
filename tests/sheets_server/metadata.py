"""Developer metadata: creating, finding and showing it."""

from __future__ import annotations

from typing import Any

from tests.sheets_server.errors import ApiError
from tests.sheets_server.model import Metadata, Spreadsheet


def matching(book: Spreadsheet, lookup: dict[str, Any]) -> list[Metadata]:
    """Return what a DeveloperMetadataLookup selects; a sheet location matches what lies on the sheet too."""
    location = lookup.get("metadataLocation", {})
    found = []
    for item in book.metadata.values():
        if "metadataId" in lookup and item.id != lookup["metadataId"]:
            continue
        if "metadataKey" in lookup and item.key != lookup["metadataKey"]:
            continue
        if "metadataValue" in lookup and item.value != lookup["metadataValue"]:
            continue
        if "sheetId" in location and item.sheet_id != location["sheetId"]:
            continue
        kind = {None: "SHEET", "ROWS": "ROW", "COLUMNS": "COLUMN"}[item.dimension]
        if lookup.get("locationType", kind) != kind:
            continue
        found.append(item)
    return found


def create(book: Spreadsheet, body: dict[str, Any]) -> Metadata:
    """Create metadata; an id that exists is refused, and a place on a dimension is exactly one row or column."""
    if "visibility" not in body or "location" not in body or "metadataKey" not in body:
        raise ApiError(
            400, "Invalid requests[0].createDeveloperMetadata: metadataKey, visibility and location must be set"
        )
    number = int(body.get("metadataId", 0)) or book.next_id()
    if number in book.metadata:
        raise ApiError(
            400, f"Invalid requests[0].createDeveloperMetadata: Developer metadata with ID {number} already exists"
        )
    location = body["location"]
    span = location.get("dimensionRange")
    item = Metadata(number, body["metadataKey"], body.get("metadataValue", ""), location.get("sheetId"))
    if span is not None:
        if span["endIndex"] - span["startIndex"] != 1:
            raise ApiError(
                400, "Invalid requests[0].createDeveloperMetadata: dimensionRange must cover one row or column"
            )
        item = Metadata(number, item.key, item.value, span["sheetId"], span["dimension"], span["startIndex"])
    if item.sheet_id is not None:
        book.sheet(item.sheet_id)
    book.metadata[number] = item
    return item


def shown(item: Metadata) -> dict[str, Any]:
    """Return the DeveloperMetadata JSON."""
    location: dict[str, Any] = {"locationType": "SPREADSHEET", "spreadsheet": True}
    if item.sheet_id is not None and item.dimension is None:
        location = {"locationType": "SHEET", "sheetId": item.sheet_id}
    elif item.dimension is not None:
        span = {
            "sheetId": item.sheet_id,
            "dimension": item.dimension,
            "startIndex": item.index,
            "endIndex": item.index + 1,
        }
        location = {"locationType": item.dimension.removesuffix("S"), "dimensionRange": span}
    return {
        "metadataId": item.id,
        "metadataKey": item.key,
        "metadataValue": item.value,
        "location": location,
        "visibility": "DOCUMENT",
    }
