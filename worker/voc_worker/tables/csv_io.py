"""Tagged and reviewed tables as CSV: for people in Excel (BOM, Korean headers, nothing runs) and back, exactly."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from voc_models.csv_text import escape_cell, unescape_cell
from voc_models.exit_codes import DataError
from voc_models.months import KST
from voc_worker.columns import CSV_HEADERS, REVIEWED, TAGGED
from voc_worker.tables.typed import TIME_DTYPE, dtype_of, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BOM: Final = "\ufeff"
_YES: Final = "Y"


class CsvError(DataError):
    """A stored CSV is not what this version writes."""


def write_csv(frame: pd.DataFrame) -> bytes:
    """Return ``frame`` (columns TAGGED or REVIEWED) as CSV: UTF-8 with BOM, CRLF, Korean headers.

    Equal tables give equal bytes. Text that a spreadsheet might run gets an apostrophe in front. Missing times and
    numbers are empty, flags ``Y`` or empty, times KST without offset, which Excel reads as times. A lone surrogate,
    which no UTF-8 can hold, becomes ``?``.
    """
    columns = _columns([CSV_HEADERS[column] for column in frame.columns], "the table")
    frame = typed(frame, columns)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([CSV_HEADERS[column] for column in columns])
    writer.writerows(zip(*(_cells(frame[column]) for column in columns), strict=True))
    return (_BOM + stream.getvalue()).encode("utf-8", errors="replace")


def read_csv(data: bytes, name: str = "The CSV file") -> pd.DataFrame:
    """Return the table that :func:`write_csv` wrote, with the same columns, rows and dtypes.

    Raises:
        CsvError: it is no UTF-8, a header is missing, unknown or there twice, or a row or cell does not fit; the
            sentence begins with ``name``.
    """
    try:
        text = data.decode("utf-8-sig")
        # The default refuses texts of more than 131,072 characters.
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        raise CsvError(
            f"{name} is not a CSV file of this program: {error}. Run the month again to write it."
        ) from error
    columns = _columns(header, name)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            raise CsvError(f"{name} has {len(row)} cells in record {number} instead of {len(columns)}. Run it again.")
    cells = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    try:
        parsed = {column: _read(column)(values) for column, values in zip(columns, cells, strict=True)}
    except ValueError as error:
        raise CsvError(f"{name} has a cell that is no time, number or flag: {error}. Run the month again.") from error
    return pd.DataFrame(parsed, columns=list(columns))


def _columns(header: Sequence[str], name: str) -> tuple[str, ...]:
    """Return TAGGED or REVIEWED, whichever ``header`` spells."""
    for columns in (TAGGED, REVIEWED):
        if list(header) == [CSV_HEADERS[column] for column in columns]:
            return columns
    known = [CSV_HEADERS[column] for column in (REVIEWED if len(header) > len(TAGGED) else TAGGED)]
    missing = [column for column in known if column not in header]
    unknown = [column for column in header if column not in known]
    twice = sorted({column for column in header if list(header).count(column) > 1})
    detail = "; ".join(
        f"{what}: {', '.join(map(repr, which))}"
        for what, which in (("missing", missing), ("unknown", unknown), ("twice", twice))
        if which
    )
    raise CsvError(f"{name} has other columns than expected ({detail or 'another order'}). Run the month again.")


def _cells(values: pd.Series[Any]) -> list[str]:
    dtype = dtype_of(str(values.name))
    if dtype == "str":
        return [escape_cell(text) for text in values]
    if dtype == "bool":
        return [_YES if flag else "" for flag in values]
    if dtype == "float64":
        return ["" if number != number else repr(float(number)) for number in values]  # noqa: PLR0124 - NaN is not itself
    return ["" if pd.isna(moment) else moment.tz_localize(None).isoformat(sep=" ") for moment in values]


def _read(column: str) -> Callable[[Sequence[str]], pd.Series[Any]]:
    return {"str": _read_text, "bool": _read_flags, "float64": _read_numbers, TIME_DTYPE: _read_times}[dtype_of(column)]


def _read_text(cells: Sequence[str]) -> pd.Series[Any]:
    return pd.Series([unescape_cell(cell) for cell in cells], dtype="str")


def _read_flags(cells: Sequence[str]) -> pd.Series[Any]:
    odd = set(cells) - {"", _YES}
    if odd:
        raise ValueError(f"{min(odd)!r} is neither empty nor {_YES}")
    return pd.Series([cell == _YES for cell in cells], dtype="bool")


def _read_numbers(cells: Sequence[str]) -> pd.Series[Any]:
    return pd.Series([float(cell) if cell else float("nan") for cell in cells], dtype="float64")


def _read_times(cells: Sequence[str]) -> pd.Series[Any]:
    naive = pd.to_datetime(pd.Series(list(cells), dtype="str").replace("", None), format="ISO8601")
    return naive.astype("datetime64[us]").dt.tz_localize(KST)
