"""The numbers that stand on a page against the same numbers asked of the database, for the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from lxml import html as lxml_html  # type: ignore[import-untyped] # lxml ships no types
from pydantic import SecretStr

from voc_models.months import Month
from voc_worker.dashboard import render_building
from voc_worker.keywords import KeywordAnalyser, summarise
from voc_worker.measures.building import measure_building
from voc_worker.measures.rows import PastMonth
from voc_worker.pages.fonts import korean_font
from voc_worker.pages.texts import catalogue
from voc_worker.pages.wording import hours, share
from voc_worker.postgres import Database, open_source
from voc_worker.tables import SampleRule, build_tagged, tagger_rows
from voc_worker.tagging import KeywordTagger

if TYPE_CHECKING:
    import pandas as pd

    from voc_worker.embedded import ServerAddress
    from voc_worker.postgres import Source

DECEMBER = Month(2025, 12)
ASKED = """
SELECT count(*), count(completed_at)::float8 / count(*),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - created_at) / 3600)
        FILTER (WHERE completed_at >= created_at)
FROM voc WHERE building_id = %s
    AND created_at >= timestamptz '2025-12-01 00:00+09' AND created_at < timestamptz '2026-01-01 00:00+09'
"""
IDS = """
SELECT id::text FROM voc WHERE building_id = %s
    AND created_at >= timestamptz '2025-12-01 00:00+09' AND created_at < timestamptz '2026-01-01 00:00+09'
"""


def tagged(source: Source, building_id: str, month: Month) -> pd.DataFrame:
    """Return a month's rows as the building step tags them without a model."""
    rows = source.building_rows(building_id, month)
    tags = KeywordTagger(source.taxonomy()).tag(tagger_rows(rows))
    rule = SampleRule(0.05, "test")
    return build_tagged(rows, tags, model_version="keyword", run_id="full_20260101_020000_1a2b3", rule=rule)


def test_page_shows_what_the_database_holds(sample_database: ServerAddress) -> None:
    """Count, completion rate, median time and every row's id on each building's page are those of the source table."""
    address = sample_database
    database = Database(address.host, address.port, address.dbname, address.user, SecretStr(address.password))
    with open_source(database) as source, psycopg.connect(address.conninfo()) as connection:
        buildings = source.buildings(DECEMBER)
        assert len(buildings) >= 3
        for building in buildings:
            frame = tagged(source, building.id, DECEMBER)
            history = [PastMonth(month, tagged(source, building.id, month)) for month in map(DECEMBER.plus, (-1, -12))]
            words = summarise(frame, KeywordAnalyser())
            measures = measure_building(DECEMBER, building.id, building.name, frame, history, keywords=words)
            tree = lxml_html.fromstring(render_building(measures, frame, font=korean_font()).encode())
            rows, completed, median = connection.execute(ASKED, (building.id,)).fetchone() or (0, 0.0, 0.0)
            values = [element.text_content() for element in tree.find_class("value")]
            assert values[0] == f"{rows:,}건"
            assert values[1] == share(completed)
            assert values[3] == hours(catalogue(), median)
            ids = {row[0].text_content() for row in tree.get_element_by_id("rows").find("tbody")}
            assert ids == {voc_id for (voc_id,) in connection.execute(IDS, (building.id,))}
