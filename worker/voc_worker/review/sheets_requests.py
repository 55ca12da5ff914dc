"""Builds the structure of a month's worksheet as requests of spreadsheets.batchUpdate. Pure.

중분류 choices: Sheets has no drop-down that depends on another cell without a formula per row, which 30,000 rows
do not bear. So the 중분류 list holds every 중분류, ordered by 대분류, and a pair that is not in the taxonomy turns red.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from voc_models.labels import HEADS, Label, Taxonomy
from voc_worker.columns import SHEET_MACHINE
from voc_worker.review.book import ReviewBookError
from voc_worker.review.layout import Layout
from voc_worker.review.rows import REVIEW_LABELS
from voc_worker.review.sheets_guide import GUIDE

Request = dict[str, Any]

LISTS_TITLE: Final = "_목록"
LISTS_ROWS: Final = 1000
GUIDE_TITLE: Final = "안내"
COLUMN_KEY: Final = "voc-nlp.column"
MACHINE_CELLS: Final = "voc-nlp: 자동으로 채우는 칸입니다."


def letters(column: int) -> str:
    """Return the letters of a 1-based column."""
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def grid_range(sheet_id: int, layout: Layout, names: Sequence[str]) -> Request:
    """Return the range of neighbouring columns below the header, open at its end so that it covers rows to come."""
    columns = [layout.columns[name] for name in names]
    return {
        "sheetId": sheet_id,
        "startRowIndex": layout.header_row,
        "startColumnIndex": min(columns) - 1,
        "endColumnIndex": max(columns),
    }


def runs(layout: Layout, names: Iterable[str]) -> list[list[str]]:
    """Return ``names`` grouped into runs of neighbouring columns, in sheet order."""
    found: list[list[str]] = []
    for name in sorted(names, key=lambda name: layout.columns[name]):
        if found and layout.columns[found[-1][-1]] + 1 == layout.columns[name]:
            found[-1].append(name)
        else:
            found.append([name])
    return found


def drop_downs(sheet_id: int, layout: Layout, taxonomy: Taxonomy) -> list[Request]:
    """Return the validations of the people's cells; applying them again mends what was pasted over."""
    conditions: dict[str, tuple[Request, bool]] = {}
    for index, name in enumerate(REVIEW_LABELS):
        count = len(_lists(taxonomy)[(0, 1, 4, 5)[index]])
        source = f"='{LISTS_TITLE}'!${letters((1, 2, 5, 6)[index])}$1:${letters((1, 2, 5, 6)[index])}${count}"
        conditions[name] = ({"type": "ONE_OF_RANGE", "values": [{"userEnteredValue": source}]}, False)
    conditions["검수완료"] = ({"type": "ONE_OF_LIST", "values": [{"userEnteredValue": "Y"}]}, False)
    return [
        {
            "setDataValidation": {
                "range": grid_range(sheet_id, layout, [name]),
                "rule": {"condition": condition, "strict": strict, "showCustomUi": True},
            }
        }
        for name, (condition, strict) in conditions.items()
    ]


def _lists(taxonomy: Taxonomy) -> list[list[str]]:
    """Return the columns of the hidden sheet: per head 대분류, 중분류 by 대분류, and the pairs in two columns."""
    columns: list[list[str]] = []
    for head in HEADS:
        labels: list[Label] = sorted(taxonomy.labels(head), key=lambda label: label.major)
        majors = list(dict.fromkeys(label.major for label in taxonomy.labels(head)))
        labels.sort(key=lambda label: majors.index(label.major))
        minors = list(dict.fromkeys(label.minor for label in labels))
        columns += [majors, minors, [label.major for label in labels], [label.minor for label in labels]]
    return columns


def lists_sheet(sheet_id: int, email: str) -> list[Request]:
    """Return what makes the hidden, protected sheet of choices."""
    grid = {"rowCount": LISTS_ROWS, "columnCount": 8}
    properties = {"sheetId": sheet_id, "title": LISTS_TITLE, "hidden": True, "gridProperties": grid}
    whole = {"range": {"sheetId": sheet_id}, "description": MACHINE_CELLS, **_editors(email)}
    return [{"addSheet": {"properties": properties}}, {"addProtectedRange": {"protectedRange": whole}}]


def fill_lists(sheet_id: int, taxonomy: Taxonomy) -> Request:
    """Return what writes the choices; shorter lists leave empty cells behind.

    Raises:
        ReviewBookError: there are more pairs than the hidden sheet has rows.
    """
    columns = _lists(taxonomy)
    if max(len(column) for column in columns) > LISTS_ROWS:
        raise ReviewBookError(f"The taxonomy has over {LISTS_ROWS} active pairs of one kind; the sheet holds no more.")
    rows = [[column[index] if index < len(column) else "" for column in columns] for index in range(LISTS_ROWS)]
    return {
        "updateCells": {
            "start": {"sheetId": sheet_id, "rowIndex": 0, "columnIndex": 0},
            "rows": row_data(rows),
            "fields": "userEnteredValue",
        }
    }


def guide_sheet(sheet_id: int) -> list[Request]:
    """Return what makes the guide for reviewers."""
    grid = {"rowCount": len(GUIDE) + 5, "columnCount": 2}
    first = {"sheetId": sheet_id, "rowIndex": 0, "columnIndex": 0}
    widths = {"sheetId": sheet_id, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 2}
    return [
        {"addSheet": {"properties": {"sheetId": sheet_id, "title": GUIDE_TITLE, "index": 0, "gridProperties": grid}}},
        {"updateCells": {"start": first, "rows": row_data(GUIDE), "fields": "userEnteredValue"}},
        {"updateDimensionProperties": {"range": widths, "properties": {"pixelSize": 420}, "fields": "pixelSize"}},
    ]


def _editors(email: str) -> Request:
    """Return who besides the owner may edit; Google adds the account that asks when it is not known."""
    return {"editors": {"users": [email]}} if email else {}


def row_data(rows: Iterable[Sequence[str | float]]) -> list[Request]:
    """Return RowData: text stays text whatever it starts with, a number is a number, "" is an empty cell."""
    return [{"values": [_cell(value) for value in row]} for row in rows]


def _cell(value: str | float) -> Request:
    if value == "":
        return {}
    return {"userEnteredValue": {"stringValue" if isinstance(value, str) else "numberValue": value}}


def anchors(sheet_id: int, layout: Layout) -> list[Request]:
    """Return the metadata that ties each machine column's name to its column wherever people move it."""
    return [
        {
            "createDeveloperMetadata": {
                "developerMetadata": {
                    "metadataKey": COLUMN_KEY,
                    "metadataValue": name,
                    "visibility": "DOCUMENT",
                    "location": {
                        "dimensionRange": {
                            "sheetId": sheet_id,
                            "dimension": "COLUMNS",
                            "startIndex": layout.columns[name] - 1,
                            "endIndex": layout.columns[name],
                        }
                    },
                }
            }
        }
        for name in SHEET_MACHINE
    ]


def drop_anchors(sheet_id: int) -> Request:
    """Return what removes a sheet's column metadata."""
    return {"deleteDeveloperMetadata": {"dataFilter": {"developerMetadataLookup": anchor_lookup(sheet_id)}}}


def anchor_lookup(sheet_id: int, name: str | None = None) -> Request:
    """Return the lookup of one column's metadata, or of all of a sheet."""
    lookup: Request = {
        "metadataKey": COLUMN_KEY,
        "metadataLocation": {"sheetId": sheet_id},
        "locationMatchingStrategy": "INTERSECTING_LOCATION",
    }
    return lookup if name is None else {**lookup, "metadataValue": name}


def protections(sheet_id: int, layout: Layout, email: str) -> list[Request]:
    """Return the protection of the header and the machine's columns; the account that asks is always an editor."""
    places = [{"sheetId": sheet_id, "startRowIndex": layout.header_row - 1, "endRowIndex": layout.header_row}]
    places += [grid_range(sheet_id, layout, run) for run in runs(layout, SHEET_MACHINE)]
    return [
        {"addProtectedRange": {"protectedRange": {"range": place, "description": MACHINE_CELLS, **_editors(email)}}}
        for place in places
    ]
