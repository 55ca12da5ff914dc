"""Tables of rows: built, typed, written and read. Pure: tables in, tables or bytes out."""

from __future__ import annotations

from voc_worker.tables.csv_io import read_csv, write_csv
from voc_worker.tables.tagged import (
    SampleRule,
    build_tagged,
    duplicate_groups,
    lesser_confidence,
    sample_flags,
    tagger_rows,
)
from voc_worker.tables.typed import TIME_DTYPE, empty, typed

__all__ = [
    "TIME_DTYPE",
    "SampleRule",
    "build_tagged",
    "duplicate_groups",
    "empty",
    "lesser_confidence",
    "read_csv",
    "sample_flags",
    "tagger_rows",
    "typed",
    "write_csv",
]
