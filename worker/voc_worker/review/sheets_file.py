"""One Google spreadsheet with its worksheets of months. Adapter.

How people's work stays theirs while the machine writes:

- A new month is filled on a hidden worksheet that gets its name when it is complete.
- Every later write happens under a protection of the whole worksheet (seconds), so that reviewers cannot move or fill
  cells between our reading and our writing. Two writers exclude each other: Google refuses a metadata id that exists.
- Google always lets the spreadsheet's owner edit. So existing rows are written column by column through metadata that
  moves with the column, which can reach no person's cell; new rows are appended, which can overwrite nothing; and
  what was written is read again and mended by voc_id until it is right (see ``sheets_values.Expected``).

What remains: if the owner moves columns in the instant of an append, the new rows stand in the wrong columns, and the
error says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final, NamedTuple

import pandas as pd

from voc_models.exit_codes import VocError
from voc_models.labels import Taxonomy
from voc_models.months import Month
from voc_worker.columns import SHEET, SHEET_MACHINE
from voc_worker.review.book import ReviewBookChangedError, UploadReport
from voc_worker.review.layout import Layout, find_layout, read_frame
from voc_worker.review.plan_upload import CellUpdate, UploadPlan, plan_results, plan_upload
from voc_worker.review.rows import fit_cells
from voc_worker.review.sheets_calls import Grid, SheetCalls
from voc_worker.review.sheets_errors import UnknownOutcomeError
from voc_worker.review.sheets_looks import basic_filter, colours, filter_views, formats, number_formats
from voc_worker.review.sheets_requests import (
    Request,
    anchors,
    drop_anchors,
    drop_downs,
    fill_lists,
    guide_sheet,
    lists_sheet,
    protections,
    row_data,
)
from voc_worker.review.sheets_seen import Seen, Worksheet, claim, draft_title, is_busy, lock, unclaim, writer_of
from voc_worker.review.sheets_values import CELL_LIMIT, Expected, batches, column_writes, filled_down, table

ROUNDS: Final = 6
RESTARTS: Final = 3
DEFAULT_LAYOUT: Final = Layout(1, {name: index for index, name in enumerate(SHEET, start=1)})


class _Lock:
    """A held lock: the requests that give it back, to be sent on their own or with the last write."""

    def __init__(self, release: list[Request]) -> None:
        self.release = release
        self.held = True


class _Write(NamedTuple):
    """Cells to write, where the columns were when they were planned, and how the sheet must stand afterwards."""

    layout: Layout
    updates: Sequence[CellUpdate]
    expected: Expected


class SheetFile:
    """Reads and writes one spreadsheet; raises the errors of ``book`` and ``sheets_errors``."""

    def __init__(self, calls: SheetCalls, holder: str, now: Callable[[], datetime]) -> None:
        """Take the spreadsheet; ``holder`` names the writer: the same one may take over its own unfinished write."""
        self._calls = calls
        self._holder = holder
        self._now = now

    def read(self, month: Month) -> pd.DataFrame:
        """Return the month's rows (see ``ReviewBook.read``), in two requests unless there are very many."""
        worksheet = self._calls.look(month).month
        if worksheet is None:
            return read_frame([])
        where = self._calls.where(worksheet)
        return read_frame(filled_down(self._calls.grid(worksheet), worksheet.merges, where), where)

    def upload(self, month: Month, rows: pd.DataFrame, taxonomy: Taxonomy) -> UploadReport:
        """Add and update rows (see ``ReviewBook.upload``)."""
        rows = fit_cells(rows, CELL_LIMIT)
        first: list[UploadReport] = []  # what the first look planned: a second one finds part of it done

        def attempt() -> None:
            seen = self._calls.look(month)
            if seen.month is None:
                first.append(UploadReport(len(rows), 0, 0))
                self._create(month, seen, rows, taxonomy)
            else:
                self._merge(seen, seen.month, rows, taxonomy, first)

        self._going_on(attempt)
        return first[0]

    def write_results(self, month: Month, results: Mapping[str, str]) -> None:
        """Write 처리결과 by voc_id (see ``ReviewBook.write_results``)."""

        def attempt() -> None:
            worksheet = self._calls.look(month).month
            if worksheet is None:
                return
            with self._locked(worksheet):
                write = self._planned(worksheet, lambda grid, where: plan_results(grid, results, where))
                self._write(worksheet, write)

        self._going_on(attempt)

    def url(self, month: Month) -> str:
        """Return the address of the month's worksheet, or of the spreadsheet while there is none."""
        worksheet = self._calls.look(month).month
        address = f"https://docs.google.com/spreadsheets/d/{self._calls.spreadsheet}/edit"
        return address if worksheet is None else f"{address}#gid={worksheet.id}"

    def check(self) -> str:
        """Read the title and write one invisible note that is removed in the same request; return the title."""
        title = self._calls.title()
        key = f"voc-nlp.check.{secrets.token_hex(4)}"
        note: Request = {"metadataKey": key, "visibility": "DOCUMENT", "location": {"spreadsheet": True}}
        lookup: Request = {"dataFilter": {"developerMetadataLookup": {"metadataKey": key}}}
        self._calls.batch(
            [{"createDeveloperMetadata": {"developerMetadata": note}}, {"deleteDeveloperMetadata": lookup}]
        )
        return title

    def _going_on(self, attempt: Callable[[], None]) -> None:
        """Try again when the answer to a write was lost: each attempt looks first and does what is still missing."""
        for number in range(RESTARTS - 1):
            try:
                return attempt()
            except UnknownOutcomeError:
                self._calls.client.budget.sleep(2.0**number)
        return attempt()

    # A month's first upload.

    def _create(self, month: Month, seen: Seen, rows: pd.DataFrame, taxonomy: Taxonomy) -> None:
        """Fill a hidden worksheet and give it the month's name when it is complete."""
        if seen.draft is not None and is_busy(seen.draft, self._holder, self._now()):
            raise _busy(self._calls.spreadsheet)
        sheet_id, writer, title = _new_id(), writer_of(self._holder, self._now()), draft_title(month)
        grid = {"rowCount": max(len(rows) + 1, 2), "columnCount": len(SHEET), "frozenRowCount": 1}
        properties = {"sheetId": sheet_id, "title": title, "hidden": True, "gridProperties": grid}
        self._calls.batch(
            [
                *([{"deleteSheet": {"sheetId": seen.draft.id}}] if seen.draft else []),
                {"addSheet": {"properties": properties}},
                claim(sheet_id, writer),
                *_helpers(seen, taxonomy, self._calls.client.email),
            ]
        )
        number = 1
        for lines in batches(_with_header(rows)):
            self._calls.write_rows(title, number, lines)
            number += len(lines)
        shown = {"sheetId": sheet_id, "title": month.compact, "hidden": False}
        self._calls.batch(
            [
                *formats(sheet_id, DEFAULT_LAYOUT),
                *anchors(sheet_id, DEFAULT_LAYOUT),
                *protections(sheet_id, DEFAULT_LAYOUT, self._calls.client.email),
                *drop_downs(sheet_id, DEFAULT_LAYOUT, taxonomy),
                *colours(sheet_id, DEFAULT_LAYOUT),
                basic_filter(sheet_id, DEFAULT_LAYOUT),
                *filter_views(sheet_id, DEFAULT_LAYOUT, _buildings(rows), ()),
                unclaim(sheet_id, writer),
                {"updateSheetProperties": {"properties": shown, "fields": "title,hidden"}},
            ]
        )

    # Later uploads.

    def _merge(
        self, seen: Seen, worksheet: Worksheet, rows: pd.DataFrame, taxonomy: Taxonomy, first: list[UploadReport]
    ) -> None:
        """Add what is missing, update what nobody has touched; ``first`` gets the report before anything is sent."""
        with self._locked(worksheet) as held:
            plans: list[UploadPlan] = []

            def updates(grid: Grid, where: str) -> Sequence[CellUpdate]:
                plans.append(plan_upload(grid, rows, where))
                return plans[0].updates

            write = self._planned(worksheet, updates)
            first.append(plans[0].report)
            self._write(worksheet, write)
            self._finish(seen, worksheet, plans[0], taxonomy, held)

    def _finish(self, seen: Seen, worksheet: Worksheet, plan: UploadPlan, taxonomy: Taxonomy, held: _Lock) -> None:
        """Append the new rows, renew the drop-downs, and give the lock back with them."""
        layout, blank = plan.layout or DEFAULT_LAYOUT, plan.layout is None
        missing = max(layout.columns.values()) - worksheet.columns
        widen = {"appendDimension": {"sheetId": worksheet.id, "dimension": "COLUMNS", "length": missing}}
        pending: list[Request] = [widen] if missing > 0 else []
        for rows in batches(row_data(_with_header(plan.added) if blank else table(plan.added, layout))):
            append = {"appendCells": {"sheetId": worksheet.id, "rows": rows, "fields": "userEnteredValue"}}
            self._calls.append(worksheet, [*pending, append], layout)
            pending = []
        email = self._calls.client.email
        self._calls.batch(
            [
                *_helpers(seen, taxonomy, self._calls.client.email),
                *([*formats(worksheet.id, layout), *colours(worksheet.id, layout)] if blank else []),
                *([] if worksheet.is_protected else protections(worksheet.id, layout, email)),
                *number_formats(worksheet.id, layout),
                *drop_downs(worksheet.id, layout, taxonomy),
                *filter_views(worksheet.id, layout, _buildings(plan.added), worksheet.views),
                *held.release,
            ]
        )
        held.held = False

    # Cells of rows that exist.

    def _planned(self, worksheet: Worksheet, plan: Callable[[Grid, str], Sequence[CellUpdate]]) -> _Write | None:
        """Read the worksheet and plan a write; the grid is let go at once, for a large month's is large."""
        where = self._calls.where(worksheet)
        grid = self._calls.grid(worksheet)
        updates, layout = plan(filled_down(grid, worksheet.merges, where), where), find_layout(grid, where)
        return _Write(layout, updates, Expected(grid, layout, updates)) if layout and updates else None

    def _write(self, worksheet: Worksheet, write: _Write | None) -> None:
        """Write machine cells, read them again and mend until every voc_id has what belongs to it."""
        if write is None:
            return
        layout, updates, expected = write
        where = self._calls.where(worksheet)
        self._anchor(worksheet, layout)
        for _ in range(ROUNDS):
            for data in column_writes(worksheet.id, updates):
                self._calls.write_columns(data)
            after = self._calls.grid(worksheet)
            updates = expected.repairs(after, lambda: self._calls.columns(worksheet.id))
            if not updates:
                return
        raise ReviewBookChangedError(
            f"Rows of {where} were moved each time the machine's cells were written. "
            "Run again when nobody is sorting it."
        )

    def _anchor(self, worksheet: Worksheet, layout: Layout) -> None:
        """Make the columns' metadata agree with the header; people may have cut and pasted columns."""
        where = self._calls.where(worksheet)
        for _ in range(RESTARTS):
            if self._calls.columns(worksheet.id) == {name: layout.columns[name] for name in SHEET_MACHINE}:
                return
            self._calls.batch([drop_anchors(worksheet.id), *anchors(worksheet.id, layout)])
            layout = find_layout(self._calls.grid(worksheet), where) or layout
        raise ReviewBookChangedError(f"The columns of {where} keep moving. Run again in a few minutes.")

    @contextmanager
    def _locked(self, worksheet: Worksheet) -> Iterator[_Lock]:
        """Keep everybody but the owner from editing the worksheet for the length of a with-block."""
        if is_busy(worksheet, self._holder, self._now()):
            raise _busy(self._calls.spreadsheet)
        writer = writer_of(self._holder, self._now())
        replies = self._calls.batch(lock(worksheet, writer, self._calls.client.email))
        number = replies[-1]["addProtectedRange"]["protectedRange"]["protectedRangeId"]
        held = _Lock([{"deleteProtectedRange": {"protectedRangeId": number}}, unclaim(worksheet.id, writer)])
        try:
            yield held
        finally:
            if held.held:
                self._release(held)

    def _release(self, held: _Lock) -> None:
        """Give the lock back as well as can be; what cannot be given back runs out with its lease."""
        for _ in range(RESTARTS):
            try:
                self._calls.batch(held.release)
            except UnknownOutcomeError:
                continue
            except VocError:
                return  # given back already, or the error under way is the one that matters
            return


def _busy(spreadsheet: str) -> ReviewBookChangedError:
    return ReviewBookChangedError(f"Another run is writing to spreadsheet {spreadsheet}. Try again in a few minutes.")


def _helpers(seen: Seen, taxonomy: Taxonomy, email: str) -> list[Request]:
    """Return what the worksheets besides the months need: choices as they are now, and the guide once."""
    lists_id = seen.lists_id or _new_id()
    return [
        *([] if seen.lists_id else lists_sheet(lists_id, email)),
        fill_lists(lists_id, taxonomy),
        *([] if seen.has_guide else guide_sheet(_new_id())),
    ]


def _new_id() -> int:
    """Return an id for a worksheet; they are random, as Google's own."""
    return secrets.randbelow(2**31 - 2) + 1


def _with_header(rows: pd.DataFrame) -> Iterator[list[str | float]]:
    yield list(SHEET)
    yield from table(rows)


def _buildings(rows: pd.DataFrame) -> dict[str, str]:
    return dict(zip(rows["building_id"], rows["building_name"], strict=True))
