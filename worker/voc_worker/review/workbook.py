"""The review book as an Excel workbook in the object store: one file a month, replaced only if unchanged meanwhile.

Everything is edited in place (:mod:`workbook_cells`), never rebuilt. openpyxl keeps cells, formats, comments, filters,
images and charts; it makes plain comments of threaded ones and drops shapes and slicers, which the guide says.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar
from xml.etree.ElementTree import ParseError

import pandas as pd
from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from voc_models import keys
from voc_models.labels import Taxonomy
from voc_models.months import Month
from voc_models.store import (
    Fetched,
    ObjectNotFoundError,
    ObjectStore,
    PreconditionFailedError,
    StoreUnavailableError,
)
from voc_worker.review.book import (
    ReviewBookChangedError,
    ReviewBookError,
    ReviewBookUnavailableError,
    UploadReport,
)
from voc_worker.review.layout import read_frame
from voc_worker.review.plan_upload import plan_results, plan_upload
from voc_worker.review.rows import clean_cell, cut_cell, fit_cells
from voc_worker.review.workbook_cells import CELL_LIMIT, grid_of, write_plan, write_updates
from voc_worker.review.workbook_setup import add_guide, dress, extend_filter, refresh_lists

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: How often an upload starts again because somebody saved in between.
ATTEMPTS: Final = 5
AUTHOR: Final = "voc-nlp"
_PROBE: Final = "review-check.txt"

T = TypeVar("T")


class _Edit(NamedTuple):
    """What an edit did to the workbook."""

    changed: bool
    report: UploadReport


class WorkbookBook:
    """A :class:`~voc_worker.review.book.ReviewBook` on an object store."""

    def __init__(self, store: ObjectStore) -> None:
        """Take the store that also holds the month's other objects."""
        self._store = store

    def upload(self, month: Month, rows: pd.DataFrame, taxonomy: Taxonomy) -> UploadReport:
        """Add missing rows and update machine columns where every person's cell is empty; see ReviewBook."""
        fitted = fit_cells(rows, CELL_LIMIT)
        return self._edit(month, lambda book: _fill(book, month, fitted, taxonomy)).report

    def read(self, month: Month) -> pd.DataFrame:
        """Return the month's rows as they stand; see ReviewBook."""
        fetched = self._get(month)
        if fetched is None:
            return read_frame([])
        book = open_workbook(fetched.data, self.url(month))
        if month.compact not in book.sheetnames:
            return read_frame([])
        where = _where(month)
        return read_frame(grid_of(book[month.compact], where), where)

    def write_results(self, month: Month, results: Mapping[str, str]) -> None:
        """Write 처리결과 by voc_id; see ReviewBook. Nothing is written when every row shows its sentence already."""
        self._edit(month, lambda book: _answer(book, month, results))

    def url(self, month: Month) -> str:
        """Return the workbook's address."""
        return self._store.url(keys.review_workbook(month))

    def check(self) -> str:
        """Write, read and remove a small object; return one sentence for ``voc doctor``."""
        try:
            self._store.put(_PROBE, b"voc doctor\n", content_type="text/plain")
            self._store.get(_PROBE)
            self._store.delete(_PROBE)
        except StoreUnavailableError as error:
            raise ReviewBookUnavailableError(f"The review workbooks cannot be read and written: {error}") from error
        return f"Review workbooks can be read and written in {self._store.address}."

    def _get(self, month: Month) -> Fetched | None:
        """Return the stored workbook, or None when the month has none."""
        try:
            return self._store.get(keys.review_workbook(month))
        except ObjectNotFoundError:
            return None
        except StoreUnavailableError as error:
            raise ReviewBookUnavailableError(f"The review workbook of {month} cannot be read: {error}") from error

    def _edit(self, month: Month, change: Callable[[Workbook], _Edit]) -> _Edit:
        """Read, change in memory and write back, again from the start when somebody saved in between."""
        lost: PreconditionFailedError | None = None
        for _ in range(ATTEMPTS):
            fetched = self._get(month)
            book = _new_workbook() if fetched is None else open_workbook(fetched.data, self.url(month))
            edit = change(book)
            if not edit.changed:
                return edit
            self._refuse_while_open(month)
            try:
                self._put(month, _saved(book), fetched)
            except PreconditionFailedError as error:
                lost = error
                continue
            except StoreUnavailableError as error:
                raise ReviewBookUnavailableError(
                    f"The review workbook of {month} cannot be written: {error}"
                ) from error
            return edit
        raise ReviewBookChangedError(
            f"The review workbook of {month} was saved by others {ATTEMPTS} times while it was being filled. "
            "Nothing of theirs was overwritten; run again."
        ) from lost

    def _put(self, month: Month, data: bytes, fetched: Fetched | None) -> None:
        """Replace the workbook that was read, or make it where there was none."""
        key = keys.review_workbook(month)
        if fetched is None:
            self._store.put(key, data, content_type=XLSX, if_absent=True)
        else:
            self._store.put(key, data, content_type=XLSX, if_match=fetched.etag)

    def _refuse_while_open(self, month: Month) -> None:
        """Refuse to write while Excel or LibreOffice has the file open: the person's next save would undo ours."""
        for lock in lock_names(keys.review_workbook(month)):
            if self._store.exists(lock):
                raise ReviewBookChangedError(
                    f"The review workbook of {month} is open in a spreadsheet program ({lock} exists). "
                    "Save and close it there, then run again; if nobody has it open, delete that file."
                )


def lock_names(key: str) -> tuple[str, str]:
    """Return what Excel and LibreOffice put beside a workbook while they have it open."""
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}~${name}", f"{folder}{slash}.~lock.{name}#"


def open_workbook(data: bytes, where: str) -> Workbook:
    """Return the workbook in ``data``.

    Args:
        data: an .xlsx file.
        where: what to call it in an error.

    Raises:
        ReviewBookError: it is damaged, protected by a password, or no .xlsx file.
    """
    try:
        with warnings.catch_warnings():
            # It warns of extensions that it drops (slicers, print settings of other programs): see the module's text.
            warnings.simplefilter("ignore", UserWarning)
            return load_workbook(io.BytesIO(data), rich_text=True)
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError) as error:
        raise ReviewBookError(
            f"{where} is not a readable .xlsx workbook; it may be damaged or protected by a password. "
            "Save it again as .xlsx without a password, or restore an earlier copy."
        ) from error


def _saved(book: Workbook) -> bytes:
    """Return the workbook's bytes."""
    book.properties.lastModifiedBy = AUTHOR
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _new_workbook() -> Workbook:
    """Return a workbook without worksheets."""
    book = Workbook()
    for sheet in book.worksheets:
        book.remove(sheet)
    book.properties.creator = AUTHOR
    return book


def _where(month: Month) -> str:
    """Return what errors call a month's worksheet."""
    return f"Worksheet {month.compact} of the review workbook"


def _fill(book: Workbook, month: Month, rows: pd.DataFrame, taxonomy: Taxonomy) -> _Edit:
    """Put ``rows`` into the month's worksheet, which is made and dressed when it is not there or blank."""
    name, where = month.compact, _where(month)
    sheet = book[name] if name in book.sheetnames else book.create_sheet(name, 0)
    plan = plan_upload(grid_of(sheet, where), rows, where)
    write_plan(sheet, plan)
    if plan.layout is None:
        dress(sheet, len(plan.added))
        add_guide(book)
        book.active = sheet
        for other in book.worksheets:  # two selected worksheets would both take what a person types
            other.sheet_view.tabSelected = other is sheet
    elif not plan.added.empty:
        extend_filter(sheet, plan.first_new_row + len(plan.added) - 1)
    lists_changed = refresh_lists(book, taxonomy)
    return _Edit(lists_changed or not plan.changes_nothing, plan.report)


def _answer(book: Workbook, month: Month, results: Mapping[str, str]) -> _Edit:
    """Write 처리결과 into the month's worksheet, if there is one."""
    nothing = _Edit(changed=False, report=UploadReport(0, 0, 0))
    if month.compact not in book.sheetnames:
        return nothing
    sheet, where = book[month.compact], _where(month)
    fitted = {voc_id: cut_cell(clean_cell(text), CELL_LIMIT) for voc_id, text in results.items()}
    updates = plan_results(grid_of(sheet, where), fitted, where)
    write_updates(sheet, updates)
    return nothing._replace(changed=bool(updates))
