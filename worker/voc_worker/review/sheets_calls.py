"""The single questions and commands to one Google spreadsheet, each one request (a large reading: some). Adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gspread.urls import SPREADSHEET_BATCH_UPDATE_URL, SPREADSHEET_URL, SPREADSHEET_VALUES_BATCH_UPDATE_URL

from voc_models.months import Month
from voc_worker.review.book import ReviewBookChangedError
from voc_worker.review.layout import Layout, find_layout
from voc_worker.review.sheets_client import SheetsClient
from voc_worker.review.sheets_requests import Request, anchor_lookup, letters
from voc_worker.review.sheets_seen import FIELDS, Seen, Worksheet, read_seen

PAGE_ROWS: Final = 60_000
_TRIES: Final = 3
Grid = list[list[str]]


class SheetCalls:
    """Speaks to one spreadsheet; raises the errors of ``book`` and ``sheets_errors``."""

    def __init__(self, client: SheetsClient, spreadsheet: str, page_rows: int = PAGE_ROWS) -> None:
        """Take the spreadsheet's id; worksheets of more than ``page_rows`` rows are read in pages."""
        self.client = client
        self.spreadsheet = spreadsheet
        self._page_rows = page_rows

    def look(self, month: Month) -> Seen:
        """Return which worksheets there are."""
        return read_seen(self.client.spreadsheets_get(self.spreadsheet, {"fields": FIELDS}), month)

    def title(self) -> str:
        """Return the spreadsheet's title."""
        answer = self.client.spreadsheets_get(self.spreadsheet, {"fields": "properties.title"})
        return str(answer["properties"]["title"])

    def where(self, worksheet: Worksheet) -> str:
        """Return what to call a worksheet in an error."""
        return f"Worksheet '{worksheet.title}' of spreadsheet {self.spreadsheet}"

    def grid(self, worksheet: Worksheet) -> Grid:
        """Return the worksheet as people see it, in one request; a very large one in pages that must fit together.

        Raises:
            ReviewBookChangedError: rows moved each time between the pages.
        """
        if worksheet.rows <= self._page_rows:
            return self._range(worksheet.quoted)
        for _ in range(_TRIES):
            grid = self._pages(worksheet)
            layout = find_layout(grid, self.where(worksheet))
            if layout is None:
                return grid
            column = letters(layout.columns["voc_id"])
            again = self._range(f"{worksheet.quoted}!{column}1:{column}")
            ids = [layout.cell(row, "voc_id") for row in grid]
            now = [row[0] if row else "" for row in again]
            if now + [""] * (len(ids) - len(now)) == ids:
                return grid
        raise ReviewBookChangedError(f"{self.where(worksheet)} was sorted while it was read. Run again.")

    def _pages(self, worksheet: Worksheet) -> Grid:
        grid: Grid = []
        for first in range(1, worksheet.rows + 1, self._page_rows):
            last = first + self._page_rows - 1
            page = self._range(f"{worksheet.quoted}!A{first}:ZZZ{'' if last >= worksheet.rows else last}")
            grid += [[] for _ in range(first - 1 - len(grid))]
            grid += page
        return grid

    def _range(self, a1: str) -> Grid:
        """Return one range as text, each row as long as its last filled cell."""
        answer = self.client.values_batch_get(self.spreadsheet, [a1], {"valueRenderOption": "FORMATTED_VALUE"})
        return [[str(cell) for cell in row] for row in answer["valueRanges"][0].get("values", [])]

    def columns(self, sheet_id: int) -> dict[str, int]:
        """Return the 1-based column of each name by its metadata; a name that is there twice is at 0."""
        body = {"dataFilters": [{"developerMetadataLookup": anchor_lookup(sheet_id)}]}
        found = self._post(f"{SPREADSHEET_URL}/developerMetadata:search", body).get("matchedDeveloperMetadata", [])
        columns: dict[str, int] = {}
        for item in (match["developerMetadata"] for match in found):
            index = item["location"].get("dimensionRange", {}).get("startIndex", 0)
            columns[item["metadataValue"]] = 0 if item["metadataValue"] in columns else index + 1
        return columns

    def write_rows(self, title: str, first: int, lines: list[list[str | float]]) -> None:
        """Write whole rows from row ``first`` (1-based) on; text stays text (RAW)."""
        data = [{"range": f"'{title}'!A{first}", "values": lines}]
        self._post(SPREADSHEET_VALUES_BATCH_UPDATE_URL, {"valueInputOption": "RAW", "data": data})

    def write_columns(self, data: list[Request]) -> None:
        """Write values into columns that data filters find; text stays text (RAW)."""
        body = {"valueInputOption": "RAW", "data": data}
        self._post(f"{SPREADSHEET_URL}/values:batchUpdateByDataFilter", body)

    def batch(self, requests: list[Request]) -> list[dict[str, Any]]:
        """Send one structural batch, of which all happens or nothing; return the replies."""
        replies: list[dict[str, Any]] = self._post(SPREADSHEET_BATCH_UPDATE_URL, {"requests": requests})["replies"]
        return replies

    def append(self, worksheet: Worksheet, requests: list[Request], layout: Layout) -> None:
        """Send a batch that appends rows, and see in its answer that the columns stood where they were read.

        Raises:
            ReviewBookChangedError: they did not.
        """
        body = {
            "requests": requests,
            "includeSpreadsheetInResponse": True,
            "responseIncludeGridData": True,
            "responseRanges": [f"{worksheet.quoted}!A1:ZZ{layout.header_row + 20}"],
        }
        params = {"fields": "updatedSpreadsheet.sheets.data.rowData.values.formattedValue"}
        answer = self._post(SPREADSHEET_BATCH_UPDATE_URL, body, params)
        now = find_layout(_shown_rows(answer), self.where(worksheet))
        if now is None or now.columns != layout.columns:
            raise ReviewBookChangedError(
                f"The columns of {self.where(worksheet)} were moved while rows were added below. "
                "Delete the last rows that stand in the wrong columns, and run again."
            )

    def _post(self, url: str, body: Request, params: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.request("post", url % self.spreadsheet, params=params, json=body).json()
        return answer


def _shown_rows(answer: Mapping[str, Any]) -> Grid:
    """Return the texts of the grid data in a batchUpdate's answer."""
    data = answer["updatedSpreadsheet"]["sheets"][0]["data"][0]
    return [[cell.get("formattedValue", "") for cell in row.get("values", [])] for row in data.get("rowData", [])]
