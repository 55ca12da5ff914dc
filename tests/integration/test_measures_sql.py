"""The numbers of a page against the same numbers asked of the database in SQL, for the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pydantic import SecretStr

from voc_models.months import Month
from voc_worker.measures.building import measure_building
from voc_worker.measures.rows import PastMonth
from voc_worker.postgres import Database, open_source
from voc_worker.tables import SampleRule, build_tagged, read_csv, tagger_rows, write_csv
from voc_worker.tagging import KeywordTagger

if TYPE_CHECKING:
    import pandas as pd

    from voc_worker.embedded import ServerAddress
    from voc_worker.measures.model import BuildingMeasures
    from voc_worker.postgres import Source

DECEMBER = Month(2025, 12)
RUN = "full_20260101_020000_1a2b3"
CARDS = """
SELECT to_char(created_at AT TIME ZONE 'Asia/Seoul', 'YYYY-MM') AS month, count(*)::float8,
    count(completed_at)::float8 / count(*),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM replied_at - created_at) / 3600)
        FILTER (WHERE replied_at >= created_at),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - created_at) / 3600)
        FILTER (WHERE completed_at >= created_at)
FROM voc WHERE building_id = %s GROUP BY 1
"""
PER_DAY = """
SELECT (created_at AT TIME ZONE 'Asia/Seoul')::date, count(*) FROM voc
WHERE building_id = %s AND to_char(created_at AT TIME ZONE 'Asia/Seoul', 'YYYY-MM') = '2025-12' GROUP BY 1
"""
PER_HOUR = """
SELECT extract(isodow FROM created_at AT TIME ZONE 'Asia/Seoul')::int - 1,
    extract(hour FROM created_at AT TIME ZONE 'Asia/Seoul')::int, count(*) FROM voc
WHERE building_id = %s AND to_char(created_at AT TIME ZONE 'Asia/Seoul', 'YYYY-MM') = '2025-12' GROUP BY 1, 2
"""


def stored(source: Source, building_id: str, month: Month) -> pd.DataFrame:
    """Return a month as refresh finds it: read, tagged, written as CSV and read again."""
    rows = source.building_rows(building_id, month)
    tags = KeywordTagger(source.taxonomy()).tag(tagger_rows(rows))
    tagged = build_tagged(rows, tags, model_version="keyword", run_id=RUN, rule=SampleRule(0.05, "test"))
    return read_csv(write_csv(tagged))


@pytest.fixture
def measured(sample_database: ServerAddress) -> dict[str, BuildingMeasures]:
    """The measures of every building's December with the months that the cards compare with."""
    address = sample_database
    database = Database(address.host, address.port, address.dbname, address.user, SecretStr(address.password))
    with open_source(database) as source:
        return {
            building.id: measure_building(
                DECEMBER,
                building.id,
                building.name,
                stored(source, building.id, DECEMBER),
                [PastMonth(month, stored(source, building.id, month)) for month in map(DECEMBER.plus, (-1, -2, -12))],
            )
            for building in source.buildings(DECEMBER)
        }


def asked(address: ServerAddress, query: str, building_id: str) -> list[tuple[Any, ...]]:
    """Return what the database answers about one building."""
    with psycopg.connect(address.conninfo()) as connection:
        return connection.execute(query.encode(), (building_id,)).fetchall()


def test_the_page_says_what_the_database_says(
    measured: dict[str, BuildingMeasures], sample_database: ServerAddress
) -> None:
    """Cards, their comparisons, days and hours of every building equal SQL over the source."""
    assert len(measured) >= 3
    for building_id, found in measured.items():
        months = {month: numbers for month, *numbers in asked(sample_database, CARDS, building_id)}
        assert [card.value for card in found.kpis[:4]] == pytest.approx(months["2025-12"])
        assert [card.previous for card in found.kpis[:4]] == pytest.approx(months["2025-11"])
        assert [card.last_year for card in found.kpis[:4]] == pytest.approx(months["2024-12"])
        days = dict(asked(sample_database, PER_DAY, building_id))
        assert {item.day: item.count for item in found.daily if item.count} == days
        hours = {(weekday, hour): count for weekday, hour, count in asked(sample_database, PER_HOUR, building_id)}
        assert {(w, h): n for w, row in enumerate(found.hours) for h, n in enumerate(row) if n} == hours


def test_every_part_of_a_page_adds_up(measured: dict[str, BuildingMeasures]) -> None:
    """Subjects, work types, days, hours and confidence bands each hold every row of the month once."""
    for found in measured.values():
        parts = (
            sum(item.count for item in found.subjects),
            sum(inside.count for item in found.subjects for inside in item.work),
            sum(item.count for item in found.works),
            sum(item.count for item in found.daily),
            sum(map(sum, found.hours)),
            sum(band.rows for band in found.confidence),
        )
        assert set(parts) == {found.rows}
        assert found.subjects[-1].cumulative == pytest.approx(1)
