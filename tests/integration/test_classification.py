"""Writing voc_classification, in a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pandas as pd
import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

from tests.integration.test_postgres import administer, as_database, conninfo
from voc_models.exit_codes import DataError
from voc_worker.postgres import (
    Database,
    DatabaseBusyError,
    DatabaseRefusedError,
    WriteReport,
    classification,
    write_classification,
)
from voc_worker.schema import SchemaError, SourceSchema

if TYPE_CHECKING:
    from voc_worker.embedded import ServerAddress

FIRST, LATER = "full_20260101_020000_aaaaa", "full_20260102_020000_bbbbb"
RANKS = ["api", "api_reply", "batch", "refresh", "manual"]


@pytest.fixture
def database(empty_database: ServerAddress) -> Database:
    """A database in which voc_classification is not there yet."""
    return as_database(empty_database)


def rows(*changes: dict[str, Any]) -> pd.DataFrame:
    """Rows as a full run writes them, each with its changes."""
    usual = {
        "voc_id": "1",
        "subject_major": "시설",
        "subject_minor": "냉난방/공조",
        "work_major": "작업",
        "work_minor": "청소/정리",
        "subject_confidence": 0.75,
        "work_confidence": float("nan"),
        "classify_source": "batch",
        "model_version": "keyword",
        "run_id": FIRST,
    }
    return pd.DataFrame([{**usual, **change} for change in changes])


def stored(database: Database, table: str = "voc_classification") -> list[dict[str, Any]]:
    """What lies in a table, by voc_id."""
    with psycopg.connect(conninfo(database), row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY voc_id".encode()).fetchall()  # noqa: S608 - a name given in this file


def test_the_table_is_made_and_filled(database: Database) -> None:
    """The first write makes the table; labels, confidences and flags come back, NaN as NULL, absent flags as false."""
    assert write_classification(database, rows({}, {"voc_id": "2"})) == WriteReport(2, 0, 0, 0)
    first = stored(database)[0]
    assert first.pop("updated_at").tzinfo is not None
    assert first == {
        **rows({}).iloc[0].to_dict(),
        "work_confidence": None,
        "subject_reviewed": False,
        "work_reviewed": False,
    }


def test_writing_again_doubles_nothing(database: Database) -> None:
    """The same rows written twice are the same rows."""
    write_classification(database, rows({}, {"voc_id": "2"}))
    assert write_classification(database, rows({}, {"voc_id": "2"})) == WriteReport(0, 2, 0, 0)
    assert [row["voc_id"] for row in stored(database)] == ["1", "2"]


@pytest.mark.parametrize("before", RANKS)
@pytest.mark.parametrize("after", RANKS)
def test_a_worse_source_never_overwrites_a_better_one(database: Database, before: str, after: str) -> None:
    """A row changes when the new source is as good or better, and stays when it is worse."""
    write_classification(database, rows({"classify_source": before, "subject_minor": "before"}))
    report = write_classification(database, rows({"classify_source": after, "subject_minor": "after", "run_id": LATER}))
    changes = RANKS.index(after) >= RANKS.index(before)
    assert report == (WriteReport(0, 1, 0, 0) if changes else WriteReport(0, 0, 1, 0))
    assert stored(database)[0]["subject_minor"] == ("after" if changes else "before")


def test_of_equal_sources_the_later_run_counts(database: Database) -> None:
    """A run that was created earlier and writes later changes nothing."""
    write_classification(database, rows({"run_id": LATER}))
    assert write_classification(database, rows({"run_id": FIRST})) == WriteReport(0, 0, 1, 0)
    assert stored(database)[0]["run_id"] == LATER


def test_a_withdrawn_review_goes_down_and_is_recorded(database: Database) -> None:
    """Only the named row goes from manual to refresh, and what the review had said is kept aside, once."""
    manual = {"classify_source": "manual", "subject_minor": "검수", "subject_reviewed": True, "work_reviewed": True}
    write_classification(database, rows(manual, {**manual, "voc_id": "2"}))
    refreshed = rows(
        {"classify_source": "refresh", "run_id": LATER}, {"classify_source": "refresh", "run_id": LATER, "voc_id": "2"}
    )
    assert write_classification(database, refreshed, withdrawn=["1"]) == WriteReport(0, 1, 1, 1)
    assert [(row["classify_source"], row["subject_reviewed"]) for row in stored(database)] == [
        ("refresh", False),
        ("manual", True),
    ]
    assert write_classification(database, refreshed, withdrawn=["1"]) == WriteReport(0, 1, 1, 0)
    (record,) = stored(database, "voc_classification_withdrawal")
    assert (record["voc_id"], record["run_id"], record["classify_source"]) == ("1", LATER, "manual")
    assert (record["subject_minor"], record["reviewed_run_id"]) == ("검수", FIRST)


def test_a_withdrawal_of_a_row_that_was_never_reviewed_records_nothing(database: Database) -> None:
    """Naming a row that does not go down changes it as usual and leaves no record."""
    write_classification(database, rows({}))
    assert write_classification(database, rows({"run_id": LATER}), withdrawn=["1", "999"]) == WriteReport(0, 1, 0, 0)
    assert stored(database, "voc_classification_withdrawal") == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([{}, {}], "VOC 1 is to be written more than once"),
        ([{"classify_source": "guess"}], "'guess' is unknown; it must be one of api, api_reply"),
        ([{"subject_confidence": 1.5}], "VOC 1 has a subject_confidence outside 0 to 1"),
    ],
)
def test_rows_that_cannot_be_right_are_refused(database: Database, wrong: list[dict[str, Any]], sentence: str) -> None:
    """A repeated id, an unknown source and an impossible confidence are refused before anything is written."""
    with pytest.raises(DataError, match=sentence):
        write_classification(database, rows(*wrong))
    with pytest.raises(psycopg.errors.UndefinedTable):
        stored(database)


def test_nothing_to_write_is_no_error(database: Database) -> None:
    """An empty month writes no row."""
    assert write_classification(database, rows({}).iloc[:0]) == WriteReport(0, 0, 0, 0)


def test_the_table_may_be_the_customers(database: Database) -> None:
    """A configured table with numeric ids, a foreign key and columns of its own is filled."""
    administer(
        database,
        "CREATE SCHEMA nlp",
        "CREATE TABLE voc (id bigint PRIMARY KEY)",
        "INSERT INTO voc VALUES (1)",
        """CREATE TABLE nlp.labels (id serial, voc_id bigint UNIQUE REFERENCES voc,
           subject_major text, subject_minor text, work_major text, work_minor text,
           subject_confidence real, work_confidence real, classify_source varchar(20),
           model_version text, run_id text, subject_reviewed boolean, work_reviewed boolean, updated_at timestamp)""",
    )
    schema = SourceSchema(classification="nlp.labels")
    assert write_classification(database, rows({}), schema) == WriteReport(1, 0, 0, 0)
    assert stored(database, "nlp.labels")[0]["voc_id"] == 1
    with pytest.raises(DataError, match="refuses a row"):
        write_classification(database, rows({"voc_id": "2"}), schema)


def test_a_table_that_may_not_be_made_is_named(database: Database) -> None:
    """Where creating is switched off the missing table is an error of configuration."""
    with pytest.raises(SchemaError, match="no table voc_classification"):
        write_classification(database, rows({}), SourceSchema(create_classification=False))


def test_a_table_with_a_column_missing_is_named(database: Database) -> None:
    """A table of that name without our columns is refused with the first one that is missing."""
    administer(database, "CREATE TABLE voc_classification (voc_id text PRIMARY KEY)")
    with pytest.raises(SchemaError, match="has no column subject_major"):
        write_classification(database, rows({}))


def test_a_user_without_the_right_to_write_is_named(database: Database) -> None:
    """A user who may only read is told so, and nothing is written."""
    role = f"writer_{database.name[-8:]}"
    administer(database, f"CREATE ROLE {role} LOGIN PASSWORD 'writer'")
    with pytest.raises(DatabaseRefusedError, match=rf"refuses user {role}: permission denied for schema"):
        write_classification(replace(database, user=role, password=SecretStr("writer")), rows({}))


def test_a_locked_table_is_worth_another_try(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that somebody else locks is given up after a while, as something to try again."""
    monkeypatch.setattr(classification, "_LOCK_SECONDS", 1)
    write_classification(database, rows({}))
    with psycopg.connect(conninfo(database)) as other:
        other.execute("LOCK TABLE voc_classification")
        with pytest.raises(DatabaseBusyError, match="is busy"):
            write_classification(database, rows({}))


def test_two_writers_at_once_both_succeed(database: Database) -> None:
    """Runs that find the table missing at the same moment make it once, and the same rows end as the later run's."""
    together, reports = Barrier(2), []

    def write(run_id: str) -> None:
        together.wait(30)
        many = rows(*({"voc_id": str(number), "run_id": run_id} for number in range(500)))
        reports.append(write_classification(database, many.sample(frac=1, random_state=len(run_id))))

    threads = [Thread(target=write, args=(run_id,)) for run_id in (FIRST, LATER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.inserted for report in reports) == 500
    assert {row["run_id"] for row in stored(database)} == {LATER}
