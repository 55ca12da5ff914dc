"""The customer's PostgreSQL: reading the source tables, writing ``voc_classification``."""

from voc_worker.postgres.classification import WriteReport, write_classification
from voc_worker.postgres.connection import (
    Database,
    DatabaseBusyError,
    DatabaseRefusedError,
    DatabaseUnavailableError,
    SourceDataError,
)
from voc_worker.postgres.source import MEASURES, Source, open_source

__all__ = [
    "MEASURES",
    "Database",
    "DatabaseBusyError",
    "DatabaseRefusedError",
    "DatabaseUnavailableError",
    "Source",
    "SourceDataError",
    "WriteReport",
    "open_source",
    "write_classification",
]
