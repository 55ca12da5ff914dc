"""Ranges: A1 notation and GridRange JSON, zero-based and half-open inside; None is an open side."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from tests.sheets_server.errors import ApiError

_CELLS = re.compile(r"([A-Z]{1,3})?([1-9]\d*)?(?::([A-Z]{1,3})?([1-9]\d*)?)?", re.IGNORECASE)


@dataclass(frozen=True)
class Box:
    """Rows [top, bottom) and columns [left, right) of one sheet; None reaches to the grid's end."""

    top: int = 0
    bottom: int | None = None
    left: int = 0
    right: int | None = None

    def within(self, rows: int, columns: int) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) cut to a grid."""
        bottom = rows if self.bottom is None else min(self.bottom, rows)
        right = columns if self.right is None else min(self.right, columns)
        return self.top, bottom, self.left, right

    def meets(self, other: Box) -> bool:
        """Tell whether the two share a cell."""
        big = 1 << 60
        return (
            self.top < (other.bottom if other.bottom is not None else big)
            and other.top < (self.bottom if self.bottom is not None else big)
            and self.left < (other.right if other.right is not None else big)
            and other.left < (self.right if self.right is not None else big)
        )

    def holds(self, row: int, column: int) -> bool:
        """Tell whether a cell lies inside."""
        return self.meets(Box(row, row + 1, column, column + 1))

    def moved(self, dimension: str, at: int, count: int) -> Box | None:
        """Return the box after ``count`` rows or columns came (negative: went) at ``at``; None when nothing is left."""
        first, last = (self.top, self.bottom) if dimension == "ROWS" else (self.left, self.right)
        if first == 0 and last is None:
            return self
        last = None if last is None else _moved(last - 1, at, count) + 1 if count > 0 else _moved(last, at, count)
        first = _moved(first, at, count)
        if last is not None and last <= first:
            return None
        return replace(self, top=first, bottom=last) if dimension == "ROWS" else replace(self, left=first, right=last)

    def json(self, sheet_id: int) -> dict[str, int]:
        """Return the GridRange."""
        sides = {
            "startRowIndex": self.top or None,
            "endRowIndex": self.bottom,
            "startColumnIndex": self.left or None,
            "endColumnIndex": self.right,
        }
        return {"sheetId": sheet_id, **{name: side for name, side in sides.items() if side is not None}}


def _moved(index: int, at: int, count: int) -> int:
    if count >= 0:
        return index + count if index >= at else index
    return max(at, index + count) if index > at else index


def box_of(grid_range: dict[str, Any]) -> Box:
    """Read a GridRange."""
    return Box(
        int(grid_range.get("startRowIndex", 0)),
        grid_range.get("endRowIndex"),
        int(grid_range.get("startColumnIndex", 0)),
        grid_range.get("endColumnIndex"),
    )


def column_index(letters: str) -> int:
    """Return 0 for A, 26 for AA."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - 64
    return index - 1


def column_letters(index: int) -> str:
    """Return A for 0, AA for 26."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def parse(text: str, titles: list[str]) -> tuple[str, Box]:
    """Return the sheet's title and the box of an A1 range; the first sheet when none is named.

    Raises:
        ApiError: 400, worded as Google does.
    """
    title, cells = _split(text, titles)
    if title not in titles:
        raise ApiError(400, f"Unable to parse range: {text}")
    if not cells:
        return title, Box()
    found = _CELLS.fullmatch(cells)
    if not found:
        raise ApiError(400, f"Unable to parse range: {text}")
    left, top, right, bottom = found.groups()
    single = ":" not in cells
    return title, Box(
        int(top) - 1 if top else 0,
        int(top) if single and top else int(bottom) if bottom else None,
        column_index(left) if left else 0,
        column_index(left) + 1 if single and left else column_index(right) + 1 if right else None,
    )


def _split(text: str, titles: list[str]) -> tuple[str, str]:
    if text.startswith("'"):
        found = re.fullmatch(r"'((?:[^']|'')*)'(?:!(.*))?", text)
        return (found[1].replace("''", "'"), found[2] or "") if found else ("", "")
    if "!" in text:
        title, _, cells = text.rpartition("!")
        return title, cells
    return (text, "") if text in titles else (titles[0], text)


def a1(title: str, box: tuple[int, int, int, int]) -> str:
    """Return the closed A1 form of (top, bottom, left, right), as answers name ranges."""
    top, bottom, left, right = box
    quoted = title if re.fullmatch(r"[A-Za-z_]\w*", title, re.ASCII) else "'" + title.replace("'", "''") + "'"
    first, last = (
        f"{column_letters(left)}{top + 1}",
        f"{column_letters(max(right, left + 1) - 1)}{max(bottom, top + 1)}",
    )
    return f"{quoted}!{first}" if first == last else f"{quoted}!{first}:{last}"
