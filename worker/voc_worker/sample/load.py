"""Put the sample into a database, under the default names of the customer's tables, its truth into another schema."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd
import psycopg
from psycopg import sql

from voc_models.exit_codes import UnavailableError, UsageError
from voc_worker.columns import LABELS

if TYPE_CHECKING:
    from typing import Any

    from voc_worker.sample.generate import Sample

_TABLES: Final = {
    "building": "id text PRIMARY KEY, name text NOT NULL, closed_at timestamptz",
    "voc": (
        "id bigint PRIMARY KEY, building_id text NOT NULL REFERENCES building, channel text NOT NULL, title text, "
        "request_contents text, reply text, created_at timestamptz NOT NULL, replied_at timestamptz, "
        "completed_at timestamptz"
    ),
    "voc_taxonomy": (
        "kind text NOT NULL CHECK (kind IN ('subject', 'work')), major text NOT NULL, minor text NOT NULL, "
        "keywords text[] NOT NULL, priority integer NOT NULL, active boolean NOT NULL, UNIQUE (kind, major, minor)"
    ),
    "sample_truth.label": (
        "voc_id text PRIMARY KEY, subject_major text NOT NULL, subject_minor text NOT NULL, work_major text NOT NULL, "
        "work_minor text NOT NULL, subject_debatable boolean NOT NULL, work_debatable boolean NOT NULL"
    ),
}
#: What we leave on the table ``voc``, to know it again.
_MARK: Final = "voc-nlp sample "
TRUTH_COLUMNS: Final = ("voc_id", *LABELS, "subject_debatable", "work_debatable")


class SampleLoadError(UnavailableError):
    """The database did not take or give the sample."""


class LoadReport(NamedTuple):
    """How many requests the database holds, and whether they were written now (False: they were there)."""

    rows: int
    written: bool


def load(connection: psycopg.Connection[Any], sample: Sample) -> LoadReport:
    """Make the sample's tables and fill them, in one transaction; do nothing when this very sample is there.

    Another sample is replaced. ``voc_classification`` is left to its writer.

    Raises:
        UsageError: the database has a table of that name which is not the sample's.
        SampleLoadError: the database refuses.
    """
    tables = {"building": sample.building, "voc": sample.voc, "voc_taxonomy": sample.taxonomy}
    tables["sample_truth.label"] = sample.truth
    mark = _MARK + _digest(tables)
    try:
        with connection.transaction():
            # Two demos of one database: the second one waits and finds the sample there.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('voc-nlp sample'))")
            if _found_mark(connection) == mark:
                return LoadReport(len(sample.voc), written=False)
            connection.execute("CREATE SCHEMA IF NOT EXISTS sample_truth")
            for name in reversed(_TABLES):
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_identifier(name)))
            for name, columns in _TABLES.items():
                query = sql.SQL("CREATE TABLE {} ({})").format(_identifier(name), sql.SQL(columns))
                connection.execute(query)
                _copy(connection, name, tables[name])
            connection.execute("CREATE INDEX ON voc (building_id, created_at)")
            connection.execute(sql.SQL("COMMENT ON TABLE voc IS {}").format(mark))
    except psycopg.Error as error:
        raise SampleLoadError(f"The sample could not be loaded: {error}. Check the database and try again.") from error
    return LoadReport(len(sample.voc), written=True)


def read_truth(connection: psycopg.Connection[Any]) -> pd.DataFrame:
    """Return the true labels: columns TRUTH_COLUMNS, ordered by voc_id.

    Raises:
        SampleLoadError: the sample is not in this database, or the database refuses.
    """
    query = sql.SQL("SELECT {} FROM sample_truth.label ORDER BY voc_id").format(
        sql.SQL(", ").join(map(sql.Identifier, TRUTH_COLUMNS))
    )
    try:
        rows = connection.execute(query).fetchall()
    except psycopg.Error as error:
        raise SampleLoadError(f"The sample's true labels cannot be read: {error}. Load the sample first.") from error
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


def _found_mark(connection: psycopg.Connection[Any]) -> str:
    """Return the mark of the sample that is there, "" for none; refuse tables that are not a sample's."""
    query = "SELECT to_regclass(%s), obj_description(to_regclass('voc'), 'pg_class')"
    for name in _TABLES:
        there, mark = connection.execute(query, (name,)).fetchone() or (None, None)
        if there and not str(mark).startswith(_MARK):
            raise UsageError(
                f"The database {connection.info.dbname} already has a table {name} that is not the sample's. "
                "Load the sample into a database of its own."
            )
    return str(mark or "")


def _copy(connection: psycopg.Connection[Any], name: str, table: pd.DataFrame) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL("COPY {} ({}) FROM STDIN").format(_identifier(name), columns)
    cells = zip(*(_values(table[column]) for column in table.columns), strict=True)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for row in cells:
            copy.write_row(row)


def _values(column: pd.Series[Any]) -> list[Any]:
    """Return the column's values for the database; a missing time and a missing text are NULL."""
    return [value if isinstance(value, list) or not (pd.isna(value) or value == "") else None for value in column]


def _digest(tables: dict[str, pd.DataFrame]) -> str:
    said = "\n".join(f"{name} {_TABLES[name]}\n{table.to_csv(index=False)}" for name, table in tables.items())
    return hashlib.sha256(said.encode()).hexdigest()
