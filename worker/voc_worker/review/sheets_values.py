"""Cuts values into requests that Google likes, and says what to mend after people moved rows meanwhile. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from voc_worker.columns import SHEET, SHEET_PEOPLE
from voc_worker.review.book import ReviewBookError
from voc_worker.review.layout import Grid, Layout, find_layout, folded, is_blank, row_key
from voc_worker.review.plan_upload import RESULT, CellUpdate
from voc_worker.review.rows import UPLOAD
from voc_worker.review.sheets_requests import Request, anchor_lookup

#: Google recommends at most 2 MB a request; the rest is for what surrounds the values.
LARGEST: Final = 1_900_000
CELL_LIMIT: Final = 50_000
_NULL: Final = 5
#: What a machine may write into an existing row. Identity is none of it: a row that moved would become another one.
WRITABLE: Final = (*UPLOAD[1:], RESULT)
Cells = tuple[str, ...]
Who = tuple[str, Cells]


def cell_value(name: str, text: str) -> str | float:
    """Return what to store: 신뢰도 as a number, so that it sorts and colours as one; everything else as text."""
    if name == "신뢰도":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def table(rows: pd.DataFrame, layout: Layout | None = None) -> Iterator[list[str | float]]:
    """Yield ``rows`` (columns UPLOAD) as lines of the worksheet, in the order of SHEET or of ``layout``."""
    columns = layout.columns if layout else {name: index for index, name in enumerate(SHEET, start=1)}
    width = max(columns[name] for name in UPLOAD)
    for cells in rows[list(UPLOAD)].itertuples(index=False, name=None):
        line: list[str | float] = [""] * width
        for name, text in zip(UPLOAD, cells, strict=True):
            line[columns[name] - 1] = cell_value(name, text)
        yield line


def size(value: object) -> int:
    """Return a value's bytes in a request."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) + 1


def batches(items: Iterable[Any], largest: int = LARGEST) -> Iterator[list[Any]]:
    """Yield ``items`` in runs of at most ``largest`` bytes each (one item may be larger than that alone)."""
    batch: list[Any] = []
    used = 0
    for item in items:
        weight = size(item)
        if batch and used + weight > largest:
            yield batch
            batch, used = [], 0
        batch.append(item)
        used += weight
    if batch:
        yield batch


def column_writes(sheet_id: int, updates: Sequence[CellUpdate], largest: int = LARGEST) -> Iterator[list[Request]]:
    """Yield the data of values.batchUpdateByDataFilter requests that carry out ``updates``.

    Each part names a column by its metadata, not by its letter, so that it can reach no other column; null leaves a
    cell as it is.
    """
    by_name: dict[str, dict[int, str]] = {}
    for update in updates:
        if update.name in WRITABLE:
            by_name.setdefault(update.name, {})[update.row] = update.text
    parts: list[Request] = []
    for name, cells in by_name.items():
        for chunk in _chunks(sorted(cells.items()), largest):
            values: list[str | float | None] = [None] * chunk[-1][0]
            for row, text in chunk:
                values[row - 1] = cell_value(name, text)
            lookup = {"developerMetadataLookup": anchor_lookup(sheet_id, name)}
            parts.append({"dataFilter": lookup, "majorDimension": "COLUMNS", "values": [values]})
    yield from batches(parts, largest)


def _chunks(cells: list[tuple[int, str]], largest: int) -> Iterator[list[tuple[int, str]]]:
    """Yield runs of (row, text), sorted by row, that fit ``largest`` bytes with the nulls before and between them."""
    chunk: list[tuple[int, str]] = []
    text = 0
    for row, value in cells:
        weight = size(value)
        if chunk and text + weight + row * _NULL + 500 > largest:
            yield chunk
            chunk, text = [], 0
        chunk.append((row, value))
        text += weight
    if chunk:
        yield chunk


def filled_down(grid: list[list[str]], merges: Iterable[Mapping[str, int]], where: str) -> list[list[str]]:
    """Return a grid with merged people's cells filled: a merge holds its text in the first cell alone."""
    layout = find_layout(grid, where)
    if layout is None:
        return grid
    grid = list(grid)
    people = {layout.columns[name] - 1 for name in SHEET_PEOPLE}
    for merge in merges:
        top, left = merge.get("startRowIndex", 0), merge.get("startColumnIndex", 0)
        if left not in people or top < layout.header_row or top >= len(grid) or left >= len(grid[top]):
            continue
        for number in range(top + 1, min(merge.get("endRowIndex", len(grid)), len(grid))):
            row = grid[number]
            grid[number] = [*row[:left], *[""] * (left - len(row)), grid[top][left], *row[left + 1 :]]
    return grid


class Expected:
    """The machine's cells as they must stand after a write, by voc_id and not by place.

    Between a reading and a writing the spreadsheet's owner may sort, insert or delete rows (others cannot, for the
    machine's columns are protected). Then texts land in other rows of the same column; this says how to put it right.
    Copies of a row that people pasted have one voc_id; each is known by what people wrote into it.
    """

    def __init__(self, before: Grid, layout: Layout, updates: Sequence[CellUpdate]) -> None:
        """Take the worksheet as it was read and what is written on top of it."""
        written: dict[int, dict[str, str]] = {}
        for update in updates:
            if update.name in WRITABLE:
                written.setdefault(update.row, {})[update.name] = update.text
        # A write can harm no column but its own. Tuples in the order of names: a month has many rows.
        self._names = tuple(name for name in WRITABLE if any(name in cells for cells in written.values()))
        self._old: dict[str, list[Cells]] = {}
        self._new: dict[str, list[Cells]] = {}
        self._each: dict[Who, list[Cells]] = {}
        for number, row in layout.body(before):
            who = _who(layout, row)
            cells = layout.cells(row, self._names)
            change = written.get(number)
            after = tuple(map(change.get, self._names, cells)) if change else cells
            self._old.setdefault(who[0], []).append(cells)
            self._new.setdefault(who[0], []).append(after)
            self._each.setdefault(who, []).append(after)
        nothing = ("",) * len(self._names)
        self._old.setdefault("", []).append(nothing)
        self._new.setdefault("", []).append(nothing)

    def repairs(self, after: Grid, columns: Callable[[], Mapping[str, int]]) -> tuple[CellUpdate, ...]:
        """Return what must still be written, given the worksheet as it stands; nothing when it is right.

        Args:
            after: the worksheet, read again.
            columns: asks where the machine's columns are now (1-based), by their metadata; the header may be lost.
        """
        layout, updates = self._header(after, columns)
        left = {who: list(cells) for who, cells in self._each.items()}
        wrong: list[tuple[int, Who, Cells]] = []
        for number, row in layout.body(after):
            who, now = _who(layout, row), layout.cells(row, self._names)
            if who[0] not in self._new:
                continue
            found = next((cells for cells in left.get(who, ()) if _same(self._names, now, cells)), None)
            if found is None:
                wrong.append((number, who, now))
            else:
                left[who].remove(found)
        for number, who, now in wrong:
            target = self._target(who, now, left.get(who, []))
            updates += [
                CellUpdate(number, layout.columns[name], name, text)
                for name, text, shown in zip(self._names, target, now, strict=True)
                if not _equal(name, text, shown)
            ]
        return tuple(updates)

    def _target(self, who: Who, now: Cells, left: list[Cells]) -> Cells:
        """Return the cells of a row that is not as expected; ``left``: what no other copy of the row has."""
        if left and any(who):
            return left.pop(0)
        allowed = self._each.get(who)
        if allowed is None or not any(who):
            # A person decided while this was written: the labels that they saw come back, the answer stays.
            seen = who[1] and self._names != (RESULT,)
            allowed = self._old[who[0]] if seen else self._new[who[0]]
        if any(_same(self._names, now, cells) for cells in allowed):
            return now
        return allowed[-1] if who[0] == "" else allowed[0]

    def _header(self, after: Grid, columns: Callable[[], Mapping[str, int]]) -> tuple[Layout, list[CellUpdate]]:
        """Return where the columns are; a header that a moved row was written over is named again."""
        try:
            layout = find_layout(after)
        except ReviewBookError:
            layout = None
        if layout is not None:
            return layout, []
        kept = {folded(name): name for name in (*SHEET_PEOPLE, "voc_id")}
        scores = [len({folded(cell) for cell in row} & set(kept)) for row in after]
        best = max(range(len(after)), key=lambda index: scores[index], default=0)
        where = columns()
        if not after or scores[best] < len(kept) or not set(WRITABLE) <= set(where):
            raise ReviewBookError(
                "The review worksheet's header was changed while it was written. Restore it and run again."
            )
        found = {kept[folded(cell)]: at for at, cell in enumerate(after[best], start=1) if folded(cell) in kept}
        layout = Layout(best + 1, {**found, **{name: where[name] for name in WRITABLE}})
        now = after[best]
        names = [name for name in self._names if layout.cell(now, name) != name]
        return layout, [CellUpdate(best + 1, layout.columns[name], name, name) for name in names]


def _who(layout: Layout, row: Sequence[str]) -> Who:
    """Return what tells a row from others and no write changes: its voc_id and, for copies of it, people's cells."""
    people = layout.cells(row, SHEET_PEOPLE)
    return row_key(layout.cell(row, "voc_id")), () if all(map(is_blank, people)) else people


def _same(names: Cells, now: Cells, wanted: Cells) -> bool:
    return now == wanted or all(map(_equal, names, wanted, now))


def _equal(name: str, one: str, other: str) -> bool:
    """Tell whether two texts are the same cell; a number may be shown in another form."""
    return one == other or (name == "신뢰도" and cell_value(name, one) == cell_value(name, other))
