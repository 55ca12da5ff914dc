"""A person in a browser: the same rules as for the API, under that person's e-mail address."""

from __future__ import annotations

from tests.sheets_server.a1 import Box
from tests.sheets_server.batch import apply
from tests.sheets_server.errors import ApiError
from tests.sheets_server.model import Cell, Sheet, Spreadsheet
from tests.sheets_server.values import typed


class Person:
    """Acts on one worksheet by its title; what protection forbids returns False and changes nothing."""

    def __init__(self, book: Spreadsheet, email: str, title: str) -> None:
        """Sit down before the worksheet ``title`` as ``email``."""
        self.book, self.email, self.title = book, email, title

    @property
    def sheet(self) -> Sheet:
        """The worksheet as it stands."""
        return self.book.titled(self.title)

    def column(self, header: str) -> int:
        """Return the index of the column whose header is ``header``."""
        for row in self.sheet.rows:
            if header in row:
                return row.index(header)
        raise KeyError(header)

    def row_of(self, voc_id: str) -> int:
        """Return the index of the first row of ``voc_id``."""
        column = self.column("voc_id")
        return next(index for index, row in enumerate(self.sheet.rows) if row[column] == voc_id)

    def type(self, voc_id: str, header: str, text: str) -> bool:
        """Type into the cell of a row."""
        return self.type_at(self.row_of(voc_id), self.column(header), typed(text))

    def type_at(self, row: int, column: int, cell: Cell) -> bool:
        """Set a cell by position."""
        try:
            self.book.require_editable(self.sheet, Box(row, row + 1, column, column + 1), self.email)
        except ApiError:
            return False
        self.book.write(self.sheet, row, column, cell)
        return True

    def see(self, voc_id: str, header: str) -> str:
        """Return what the cell of a row shows."""
        return self.sheet.shown(self.row_of(voc_id), self.column(header))

    def sort(self, header: str, *, descending: bool = False) -> bool:
        """Sort the rows below the frozen header."""
        spec = {"dimensionIndex": self.column(header), "sortOrder": "DESCENDING" if descending else "ASCENDING"}
        whole = Box(top=self.sheet.frozen_rows).json(self.sheet.id)
        return self._try({"sortRange": {"range": whole, "sortSpecs": [spec]}})

    def insert(self, dimension: str, at: int, count: int = 1) -> bool:
        """Insert rows or columns before index ``at``."""
        return self._try({"insertDimension": {"range": self._span(dimension, at, count)}})

    def delete(self, dimension: str, at: int, count: int = 1) -> bool:
        """Delete rows or columns."""
        return self._try({"deleteDimension": {"range": self._span(dimension, at, count)}})

    def merge(self, box: Box) -> bool:
        """Merge cells."""
        return self._try({"mergeCells": {"range": box.json(self.sheet.id), "mergeType": "MERGE_ALL"}})

    def _span(self, dimension: str, at: int, count: int) -> dict[str, object]:
        return {"sheetId": self.sheet.id, "dimension": dimension, "startIndex": at, "endIndex": at + count}

    def _try(self, request: dict[str, dict[str, object]]) -> bool:
        try:
            apply(self.book, [request], self.email)
        except ApiError:
            return False
        return True
