"""Finds the columns of a review sheet whatever people did around them; both back ends read and write through here.

A grid is what the back end shows: rows of cells as text, merged people's cells already filled down. Rows and columns
count from 1, as people and both back ends count them. No I/O.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import pandas as pd

from voc_worker.columns import SHEET
from voc_worker.review.book import ReviewBookError

Grid = Sequence[Sequence[str]]

# Pasted along from web pages and messengers.
_ZERO_WIDTH: Final = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


class Layout(NamedTuple):
    """Where the header is: its row, and the column of each name of SHEET, all 1-based."""

    header_row: int
    columns: Mapping[str, int]

    def cell(self, row: Sequence[str], name: str) -> str:
        """Return the cell of column ``name`` in ``row``; a row that ends earlier is blank there."""
        index = self.columns[name] - 1
        return row[index] if index < len(row) else ""

    def cells(self, row: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
        """Return several cells of ``row``."""
        return tuple(self.cell(row, name) for name in names)

    def body(self, grid: Grid) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield every row but the header with its 1-based number: who sorts with the header puts rows above it."""
        for number, row in enumerate(grid, start=1):
            if number != self.header_row:
                yield number, row


def folded(text: str) -> str:
    """Return what two headers must share to be the same: NFKC, no case, no white space, no underscores."""
    return "".join(unicodedata.normalize("NFKC", visible(text)).casefold().replace("_", "").split())


def visible(text: str) -> str:
    """Return what a person sees of a cell: without white space around it and without zero-width characters."""
    return text.translate(_ZERO_WIDTH).strip()


_KNOWN: Final = {folded(name): name for name in SHEET}


def row_key(text: str) -> str:
    """Return the voc_id that a cell means: what cannot be seen of it does not count."""
    return visible(text)


def is_blank(text: str) -> bool:
    """Tell whether a person would call the cell empty."""
    return not visible(text)


def find_layout(grid: Grid, where: str = "The review worksheet") -> Layout | None:
    """Return where the columns are, or None when the grid is blank.

    Columns and rows that people inserted are stepped over, and headers may differ in spaces, width and case.

    Args:
        grid: the whole worksheet.
        where: what to call the worksheet in an error.

    Raises:
        ReviewBookError: a column of SHEET is missing (its likely new name is given) or is there twice.
    """
    best, at = 0, 0
    for number, row in enumerate(grid, start=1):
        score = len({_KNOWN.get(folded(cell)) for cell in row} - {None})
        if score > best:
            best, at = score, number
        if score == len(SHEET):
            break
    if best == 0 and all(is_blank(cell) for row in grid for cell in row):
        return None
    if best < len(SHEET) // 2:
        raise ReviewBookError(
            f"{where} has no header row. Restore the row that starts with {SHEET[0]}, {SHEET[1]}, "
            "or delete the worksheet and upload again."
        )
    header = grid[at - 1]
    return Layout(at, _columns(header, where))


def _columns(header: Sequence[str], where: str) -> dict[str, int]:
    """Return the 1-based column of each name of SHEET; raise a sentence when one is there twice or not at all."""
    columns: dict[str, int] = {}
    strangers: dict[str, str] = {}
    for index, cell in enumerate(header, start=1):
        name = _KNOWN.get(folded(cell))
        if name is None:
            strangers[folded(cell)] = cell.strip()
        elif name in columns:
            raise ReviewBookError(
                f"{where} has the column '{name}' twice (columns {columns[name]} and {index}). "
                "Rename or delete the copy."
            )
        else:
            columns[name] = index
    missing = [name for name in SHEET if name not in columns]
    if missing:
        strangers.pop("", None)
        close = difflib.get_close_matches(folded(missing[0]), list(strangers), n=1, cutoff=0.5)
        guess = f" It may have become '{strangers[close[0]]}'." if close else ""
        others = f" Also missing: {', '.join(missing[1:])}." if missing[1:] else ""
        raise ReviewBookError(
            f"{where} has no column '{missing[0]}'.{guess}{others} Give the header its name back and run again."
        )
    return columns


def read_frame(grid: Grid, where: str = "The review worksheet") -> pd.DataFrame:
    """Return the rows of a worksheet: text columns SHEET plus ``sheet_row`` (int, 1-based), blank rows left out.

    Raises:
        ReviewBookError: see :func:`find_layout`.
    """
    layout = find_layout(grid, where)
    body: list[tuple[str, ...]] = []
    numbers: list[int] = []
    if layout is not None:
        for number, row in layout.body(grid):
            cells = layout.cells(row, SHEET)
            if not all(is_blank(cell) for cell in cells):
                body.append(cells)
                numbers.append(number)
    frame = pd.DataFrame(body, columns=list(SHEET), dtype="str")
    frame["sheet_row"] = pd.Series(numbers, dtype="int64")
    return frame
