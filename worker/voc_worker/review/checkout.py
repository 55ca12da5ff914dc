"""Takes the review workbook to a local folder and back: ``voc review open`` and ``voc review push``.

Beside the copy lies a small file that remembers which object it was taken from, so that pushing replaces that one only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from voc_models import keys
from voc_models.exit_codes import UsageError, VocError
from voc_models.months import Month
from voc_models.plan import Record
from voc_models.store import ObjectNotFoundError, ObjectStore, PreconditionFailedError, sha256
from voc_worker.review.book import ReviewBookChangedError, ReviewBookError
from voc_worker.review.layout import read_frame
from voc_worker.review.workbook import XLSX, lock_names, open_workbook
from voc_worker.review.workbook_cells import grid_of

_MEMORY: Final = ".taken.json"


class CheckoutError(UsageError):
    """The local copy, or the folder it should lie in, is not as the command needs it."""


class Taken(Record):
    """What a local copy was taken from."""

    address: str
    key: str
    etag: str
    sha256: str


class Pushed(NamedTuple):
    """What a push did: the worksheet's rows, those marked as done in any way, and whether anything was written."""

    rows: int
    marked: int
    written: bool


def take(store: ObjectStore, month: Month, folder: Path, *, discard: bool = False) -> Path:
    """Copy the month's workbook into ``folder`` and return its path.

    Args:
        store: where the workbook lies.
        month: whose workbook.
        folder: made when it is not there.
        discard: replace a local copy that holds changes which were not pushed.

    Raises:
        ReviewBookError: the month has no workbook.
        CheckoutError: a local copy with unpushed changes is in the way, or the folder cannot be written.
    """
    key = keys.review_workbook(month)
    path = folder / Path(key).name
    if path.exists() and not discard:
        _refuse_unpushed(path)
    try:
        fetched = store.get(key)
    except ObjectNotFoundError as error:
        raise ReviewBookError(
            f"There is no review workbook of {month} in {store.address}. Run full for the month first."
        ) from error
    taken = Taken(address=store.address, key=key, etag=fetched.etag, sha256=sha256(fetched.data))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fetched.data)
        _memory(path).write_bytes(taken.to_json())
    except OSError as error:
        raise CheckoutError(f"{path} cannot be written: {error.strerror}. Choose another folder.") from error
    return path


def push(store: ObjectStore, path: Path) -> Pushed:
    """Put a local copy back, if the workbook in the store is still the one it was taken from.

    Raises:
        CheckoutError: the file was not made by :func:`take`, came from another store, or is open in a program.
        ReviewBookError: its columns cannot be found, so that the next refresh could not read it.
        ReviewBookChangedError: somebody else changed the workbook since; nothing was written.
    """
    taken, data = _remembered(path), _content(path)
    if taken.address != store.address:
        raise CheckoutError(f"{path} was taken from {taken.address}, not from {store.address}. Use that store.")
    if any(path.with_name(lock).exists() for lock in lock_names(path.name)):
        raise CheckoutError(f"{path} is open in a spreadsheet program. Save and close it there, then push again.")
    name = Path(taken.key).stem.removeprefix("review_")
    book = open_workbook(data, str(path))
    if name not in book.sheetnames:
        raise ReviewBookError(f"{path} has no worksheet {name}. Take the workbook again with `voc review open`.")
    rows = read_frame(grid_of(book[name], f"Worksheet {name}"), f"Worksheet {name}")
    marked = int((rows["검수완료"].str.strip() != "").sum())
    if sha256(data) == taken.sha256:
        return Pushed(len(rows), marked, written=False)
    try:
        etag = store.put(taken.key, data, content_type=XLSX, if_match=taken.etag)
    except PreconditionFailedError as error:
        raise ReviewBookChangedError(
            f"The workbook was changed since you took it{_last_saved(store, taken.key)}. Nothing was overwritten. "
            "Keep your file under another name, take the workbook again, and enter your changes there."
        ) from error
    _memory(path).write_bytes(taken.model_copy(update={"etag": etag, "sha256": sha256(data)}).to_json())
    return Pushed(len(rows), marked, written=True)


def _memory(path: Path) -> Path:
    """Return the file that remembers where ``path`` was taken from."""
    return path.with_name(f".{path.name}{_MEMORY}")


def _remembered(path: Path) -> Taken:
    """Return what ``path`` was taken from."""
    try:
        return Taken.model_validate_json(_memory(path).read_bytes())
    except (OSError, ValidationError) as error:
        raise CheckoutError(
            f"It is not known where {path} was taken from. Take the workbook with `voc review open` and edit that copy."
        ) from error


def _content(path: Path) -> bytes:
    """Return the local copy's bytes."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckoutError(f"{path} cannot be read: {error.strerror}.") from error


def _refuse_unpushed(path: Path) -> None:
    """Refuse to replace a local file that is not exactly what was taken or pushed last."""
    known = _remembered(path).sha256 if _memory(path).exists() else None
    if known != sha256(_content(path)):
        raise CheckoutError(
            f"{path} holds changes that were not pushed. Push them first, move the file away, or discard them."
        )


def _last_saved(store: ObjectStore, key: str) -> str:
    """Return who saved the stored workbook and when, as far as it can be read."""
    try:
        properties = open_workbook(store.get(key).data, key).properties
    except VocError:
        return ""
    who = f" by {properties.lastModifiedBy}" if properties.lastModifiedBy else ""
    return f" (last saved{who} at {properties.modified:%Y-%m-%d %H:%M} UTC)"
