"""The sample in a real database, read back as the product reads it."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, LiteralString

import pandas as pd
import psycopg
import pytest
from psycopg import sql

from tests.integration.test_postgres import as_database
from voc_models.exit_codes import UsageError
from voc_models.months import Month
from voc_worker.postgres import open_source
from voc_worker.sample.load import LoadReport, SampleLoadError, load, read_truth
from voc_worker.sample.words import vocabulary

if TYPE_CHECKING:
    from voc_worker.embedded import ServerAddress
    from voc_worker.sample.generate import Sample


def _count(address: ServerAddress, query: LiteralString | sql.Composed) -> int:
    with psycopg.connect(address.conninfo()) as connection:
        found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def test_the_database_holds_what_was_invented(sample_database: ServerAddress, sample: Sample) -> None:
    """Every row arrives with its text, and the times are the same instants."""
    with psycopg.connect(sample_database.conninfo()) as connection:
        found = connection.execute(
            "SELECT id, building_id, channel, coalesce(title, ''), coalesce(request_contents, ''), "
            "coalesce(reply, ''), created_at, replied_at, completed_at FROM voc ORDER BY id"
        ).fetchall()
    table = pd.DataFrame(found, columns=list(sample.voc.columns))
    for name in ("created_at", "replied_at", "completed_at"):
        table[name] = pd.to_datetime(table[name], utc=True).dt.tz_convert("Asia/Seoul")
    pd.testing.assert_frame_equal(table, sample.voc, check_dtype=False)


def test_empty_texts_are_missing_values(sample_database: ServerAddress) -> None:
    """An absent reply is NULL, as in a customer's table, and never an empty text."""
    assert _count(sample_database, "SELECT count(*) FROM voc WHERE reply IS NULL") > 0
    assert _count(sample_database, "SELECT count(*) FROM voc WHERE reply = '' OR title = ''") == 0


def test_the_product_reads_the_sample_as_it_was_invented(sample_database: ServerAddress, sample: Sample) -> None:
    """The database adapter yields, building by building, the rows that the sample itself gives for the month."""
    month = Month(2025, 12)
    invented = sample.source(month)
    with open_source(as_database(sample_database)) as source:
        for planned in source.buildings(month):
            rows = source.building_rows(planned.id, month)
            expected = invented[invented["building_id"] == planned.id].reset_index(drop=True)
            assert planned.rows == len(expected) > 0
            pd.testing.assert_frame_equal(rows, expected, check_dtype=False)
        stored, known = source.taxonomy(), vocabulary().taxonomy()
    key = attrgetter("kind", "major", "minor")
    assert sorted(stored.entries, key=key) == sorted(known.entries, key=key)


def test_truth_is_read_back_and_lies_in_a_schema_of_its_own(sample_database: ServerAddress, sample: Sample) -> None:
    """The true labels come back equal, and the customer's schema has no table of them."""
    with psycopg.connect(sample_database.conninfo()) as connection:
        truth = read_truth(connection)
    pd.testing.assert_frame_equal(truth, sample.truth.sort_values("voc_id", ignore_index=True))
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert _count(sample_database, tables) == 3


def test_loading_again_changes_nothing(sample_database: ServerAddress, sample: Sample) -> None:
    """A second load of the same sample writes nothing and says so."""
    with psycopg.connect(sample_database.conninfo()) as connection:
        connection.execute("UPDATE voc SET title = 'kept' WHERE id = 100001")
        connection.commit()
        assert load(connection, sample) == LoadReport(len(sample.voc), written=False)
    assert _count(sample_database, "SELECT count(*) FROM voc WHERE title = 'kept'") == 1


def test_another_sample_replaces_the_old_one(sample_database: ServerAddress, sample: Sample) -> None:
    """A sample with other rows takes the place of the one before."""
    smaller = replace(sample, voc=sample.voc.head(10), truth=sample.truth.head(10))
    with psycopg.connect(sample_database.conninfo()) as connection:
        assert load(connection, smaller) == LoadReport(10, written=True)
    assert _count(sample_database, "SELECT count(*) FROM voc") == 10


@pytest.mark.parametrize("table", ["voc", "building", "voc_taxonomy"])
def test_a_customers_table_is_never_replaced(empty_database: ServerAddress, sample: Sample, table: str) -> None:
    """A database that has a table of the same name is refused, and the table keeps its rows."""
    with psycopg.connect(empty_database.conninfo()) as connection:
        connection.execute(sql.SQL("CREATE TABLE {} AS SELECT 1 AS id").format(sql.Identifier(table)))
        connection.commit()
        with pytest.raises(UsageError, match=f"already has a table {table} that is not the sample's"):
            load(connection, sample)
    assert _count(empty_database, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))) == 1


def test_a_failed_load_leaves_nothing(empty_database: ServerAddress, sample: Sample) -> None:
    """When a row is refused the whole load is taken back and the sentence says why."""
    orphan = replace(sample, voc=sample.voc.assign(building_id="404"))
    refused = pytest.raises(SampleLoadError, match=r"could not be loaded: .*building")
    with psycopg.connect(empty_database.conninfo()) as connection, refused:
        load(connection, orphan)
    assert _count(empty_database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_truth_without_a_sample_is_a_sentence(empty_database: ServerAddress) -> None:
    """Asking an empty database for the true labels says to load the sample first."""
    with (
        psycopg.connect(empty_database.conninfo()) as connection,
        pytest.raises(SampleLoadError, match="Load the sample"),
    ):
        read_truth(connection)
