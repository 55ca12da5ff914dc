"""Writing ``voc_classification``: in SQL, so that a worse source never overwrites a better one, whoever writes when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, LiteralString, NamedTuple

from psycopg import sql

from voc_models.exit_codes import DataError
from voc_worker.columns import CONFIDENCES, LABELS
from voc_worker.postgres.connection import (
    STATEMENT_MINUTES,
    Connection,
    Database,
    connected,
    find_table,
    translated,
)
from voc_worker.schema import SchemaError, SourceSchema

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

#: From worst to best.
SOURCES: Final = ("api", "api_reply", "batch", "refresh", "manual")
_KEYS: Final = ("voc_id", *LABELS)
_ABOUT: Final = ("classify_source", "model_version", "run_id")
_REVIEWED: Final = ("subject_reviewed", "work_reviewed")
COLUMNS: Final = (*_KEYS, *CONFIDENCES, *_ABOUT, *_REVIEWED)
_LOCK_SECONDS: Final = 30

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS {table} (
    voc_id text PRIMARY KEY,
    subject_major text NOT NULL, subject_minor text NOT NULL, work_major text NOT NULL, work_minor text NOT NULL,
    subject_confidence double precision CHECK (subject_confidence BETWEEN 0 AND 1),
    work_confidence double precision CHECK (work_confidence BETWEEN 0 AND 1),
    classify_source text NOT NULL CHECK (classify_source IN ({sources})),
    model_version text NOT NULL,
    run_id text NOT NULL,
    subject_reviewed boolean NOT NULL DEFAULT false,
    work_reviewed boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS {withdrawal} (
    voc_id text NOT NULL,
    run_id text NOT NULL,
    subject_major text NOT NULL, subject_minor text NOT NULL, work_major text NOT NULL, work_minor text NOT NULL,
    classify_source text NOT NULL,
    reviewed_run_id text NOT NULL,
    withdrawn_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (voc_id, run_id)
);
"""
_INCOMING: Final = """
CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {columns}, false AS withdrawn FROM {table} WITH NO DATA
"""
# A withdrawn review is kept aside before its row goes down.
_WITHDRAW: Final = """
INSERT INTO {withdrawal}
    (voc_id, run_id, subject_major, subject_minor, work_major, work_minor, classify_source, reviewed_run_id)
SELECT stored.voc_id, incoming.run_id, stored.subject_major, stored.subject_minor, stored.work_major,
    stored.work_minor, stored.classify_source, stored.run_id
FROM {table} stored JOIN incoming ON incoming.voc_id = stored.voc_id
WHERE incoming.withdrawn AND {rank_incoming} < {rank_stored}
ON CONFLICT DO NOTHING
"""
# Of equals the later run counts (its creation time is in its id), so that a late writer does not turn back the clock.
# The order by key keeps two writers from waiting for each other.
_UPSERT: Final = """
INSERT INTO {table} AS stored ({columns}, updated_at)
SELECT {columns}, now() FROM incoming ORDER BY voc_id
ON CONFLICT (voc_id) DO UPDATE SET {assignments}, updated_at = now()
WHERE ({rank_excluded}, {time_excluded}) >= ({rank_stored}, {time_stored})
   OR stored.voc_id IN (SELECT voc_id FROM incoming WHERE withdrawn)
RETURNING (stored.xmax = 0)
"""


class WriteReport(NamedTuple):
    """Rows that are new, that replaced a row, that a better or later source kept, and withdrawn reviews among them."""

    inserted: int
    updated: int
    kept: int
    withdrawn: int


def write_classification(
    database: Database,
    rows: pd.DataFrame,
    schema: SourceSchema | None = None,
    *,
    withdrawn: Collection[str] = (),
) -> WriteReport:
    """Write tagged or reviewed rows in one transaction; the table is made when it is absent and that is allowed.

    A row replaces one of a worse source (``api`` < ``api_reply`` < ``batch`` < ``refresh`` < ``manual``), or one of the
    same source and an earlier run. The one way down: the review of a voc_id in ``withdrawn`` was taken back, so its row
    becomes what ``rows`` says; what the review had said is kept in the table ``…_withdrawal``.

    Args:
        database: where to write.
        rows: columns ``COLUMNS``; the reviewed flags may be missing (false), confidences may be NaN (NULL).
        schema: names the table and says whether it may be made.
        withdrawn: voc_ids whose review was taken back since the last refresh.

    Raises:
        DatabaseRefusedError: the user may not write there.
        DatabaseBusyError: somebody else locks the table.
        DataError: a voc_id is there twice, a source is unknown or a confidence is outside [0, 1].
        SchemaError: the table is missing and may not be made, or lacks a column.
    """
    schema = schema or SourceSchema()
    _check(rows)
    with connected(database) as connection, translated(database), connection.transaction():
        connection.execute(
            sql.SQL("SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}").format(
                f"{_LOCK_SECONDS}s", f"{STATEMENT_MINUTES}min"
            )
        )
        names = _names(connection, schema)
        connection.execute(sql.SQL(_INCOMING).format(**names))
        _load(connection, rows, frozenset(withdrawn))
        taken_back = connection.execute(sql.SQL(_WITHDRAW).format(**names)).rowcount if withdrawn else 0
        answers = connection.execute(sql.SQL(_UPSERT).format(**names)).fetchall()
    inserted = sum(is_new for (is_new,) in answers)
    return WriteReport(inserted, len(answers) - inserted, len(rows) - len(answers), taken_back)


def _check(rows: pd.DataFrame) -> None:
    twice = rows["voc_id"][rows["voc_id"].duplicated()]
    if len(twice):
        raise DataError(f"VOC {twice.iloc[0]} is to be written more than once. Make the configured id column unique.")
    unknown = sorted(set(rows["classify_source"]) - set(SOURCES))
    if unknown:
        raise DataError(f"classify_source {unknown[0]!r} is unknown; it must be one of {', '.join(SOURCES)}.")
    for column in CONFIDENCES:
        wrong = rows["voc_id"][~(rows[column].isna() | rows[column].between(0, 1))]
        if len(wrong):
            raise DataError(f"VOC {wrong.iloc[0]} has a {column} outside 0 to 1. Tag it again.")


def _names(connection: Connection, schema: SourceSchema) -> dict[str, sql.Composable]:
    """Make the tables when allowed, check ours, and return what the statements are completed with."""
    table = sql.Identifier(*schema.classification.split("."))
    withdrawal = sql.Identifier(*f"{schema.classification}_withdrawal".split("."))
    if schema.create_classification and not (_exists(connection, table) and _exists(connection, withdrawal)):
        # Two runs may find the table missing at once; IF NOT EXISTS alone lets one of them fail.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('voc_classification'))")
        sources = sql.SQL(", ").join(sql.Literal(source) for source in SOURCES)
        connection.execute(sql.SQL(_CREATE).format(table=table, withdrawal=withdrawal, sources=sources))
    found = find_table(connection, schema.classification, "classification")
    if not _exists(connection, withdrawal):
        raise SchemaError(
            f"Table {schema.classification}_withdrawal, which records withdrawn reviews, is missing. "
            "Set create_classification in SOURCE_CONFIG to true once, or make the table."
        )
    for column in (*COLUMNS, "updated_at"):
        if column not in found.types:
            raise SchemaError(
                f"Table {schema.classification} has no column {column}. Add it, or set classification in SOURCE_CONFIG "
                "to a table of our own."
            )
    return {
        "table": table,
        "withdrawal": withdrawal,
        "columns": sql.SQL(", ").join(map(sql.Identifier, COLUMNS)),
        "assignments": sql.SQL(", ").join(
            sql.SQL("{} = excluded.{}").format(sql.Identifier(column), sql.Identifier(column))
            for column in COLUMNS
            if column != "voc_id"
        ),
        **{f"rank_{alias}": _rank(alias) for alias in ("stored", "incoming", "excluded")},
        **{f"time_{alias}": _run_time(alias) for alias in ("stored", "excluded")},
    }


def _rank(alias: LiteralString) -> sql.Composed:
    """Return the position of a row's source; one that we do not know is worse than any."""
    return sql.SQL("coalesce(array_position({}::text[], {}.classify_source::text), 0)").format(
        list(SOURCES), sql.Identifier(alias)
    )


def _run_time(alias: LiteralString) -> sql.Composed:
    """Return a row's run time as sortable text; "" for a run id of another form."""
    return sql.SQL(r"coalesce(substring({}.run_id from '_(\d{{8}}_\d{{6}})_'), '')").format(sql.Identifier(alias))


def _exists(connection: Connection, table: sql.Identifier) -> bool:
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table.as_string(connection)]).fetchone()
    return bool(found and found[0])


def _load(connection: Connection, rows: pd.DataFrame, withdrawn: frozenset[str]) -> None:
    """Stream the rows into the temporary table; COPY is many times faster than inserting."""
    complete = rows.reindex(columns=list(COLUMNS))
    for column in _REVIEWED:
        complete[column] = complete[column].eq(other=True)
    values = zip(*(complete[column].tolist() for column in COLUMNS), strict=True)
    into = sql.SQL("COPY incoming ({}, withdrawn) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, COLUMNS)))
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for row in values:
            # NaN is the only value that differs from itself.
            copy.write_row([None if value != value else value for value in row] + [row[0] in withdrawn])  # noqa: PLR0124 - see above
