"""A building's past in the store, written as earlier runs would have: dashboards compare with it, so it costs time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from voc_models.plan import Latest, PlannedModel
from voc_models.run import Mode, run_id
from voc_worker import publication
from voc_worker.postgres import open_source
from voc_worker.tables import SampleRule, build_tagged, tagger_rows, write_csv
from voc_worker.tagging import KeywordTagger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voc_models.labels import Taxonomy
    from voc_models.months import Month
    from voc_models.store import ObjectStore
    from voc_worker.postgres import Database

_RULE = SampleRule(rate=0.05, salt="voc-nlp")


def publish_history(
    store: ObjectStore, database: Database, taxonomy: Taxonomy, building: str, months: Iterable[Month]
) -> None:
    """Tag ``building`` for ``months`` and put the result in force, without dashboards."""
    tagger = KeywordTagger(taxonomy)
    with open_source(database) as source:
        for month in months:
            rows = source.building_rows(building, month)
            run = run_id(Mode.TAGGING_ONLY, datetime(month.year, month.month, 28, tzinfo=UTC), "bench")
            tagged = build_tagged(
                rows, tagger.tag(tagger_rows(rows)), model_version=tagger.name, run_id=run, rule=_RULE
            )
            stored, _ = publication.write_object(store, month, building, "tagged", run, write_csv(tagged))
            publication.make_visible(
                store,
                Latest(
                    run_id=run,
                    mode=Mode.TAGGING_ONLY,
                    month=month,
                    building_id=building,
                    model=PlannedModel(),
                    rows=len(tagged),
                    tagged=stored,
                ),
            )
