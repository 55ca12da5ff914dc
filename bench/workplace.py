"""A database, a store and the `voc` command in a folder that is thrown away, filled with the sample's texts."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pandas as pd
import psycopg
from pydantic import SecretStr

from bench.history import publish_history
from bench.watch import Watched, watch
from voc_models import keys
from voc_models.labels import Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_models.months import Month
from voc_models.stores import open_store
from voc_worker.columns import TIMES
from voc_worker.embedded import EmbeddedPostgres, ServerAddress
from voc_worker.postgres import Database
from voc_worker.sample.generate import Sample, generate
from voc_worker.sample.load import load

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

MONTH: Final = Month(2025, 12)


class Workplace:
    """Everything lies below one folder; the database starts when it is first needed and stops with the block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def sample(self) -> Sample:
        """The sample, made once."""
        return generate()

    @cached_property
    def _database(self) -> ServerAddress:
        return self._stack.enter_context(EmbeddedPostgres(self._folder / "postgres"))

    def taxonomy(self) -> Taxonomy:
        """The sample's taxonomy."""
        return checked_taxonomy([TaxonomyEntry.model_validate(row) for row in self.sample.taxonomy.to_dict("records")])

    def source_rows(self, rows: int) -> pd.DataFrame:
        """Return that many rows as the database adapter yields them; the sample is repeated as often as needed."""
        source = self.sample.source()
        return source.iloc[np.arange(rows) % len(source)].reset_index(drop=True)

    def load(self, *, buildings: int, rows: int, months: int = 1) -> list[str]:
        """Fill the database with so many buildings of so many rows a month, up to December 2025; return their ids."""
        ids = [f"B{number:04}" for number in range(1, buildings + 1)]
        open_still = pd.Series(pd.NaT, index=range(buildings), dtype=self.sample.building["closed_at"].dtype)
        building = pd.DataFrame({"id": ids, "name": [f"측정 {name}" for name in ids], "closed_at": open_still})
        crowd = replace(self.sample, voc=_voc(self.sample.voc, ids, rows, months), building=building)
        with psycopg.connect(self._database.conninfo()) as connection:
            load(connection, crowd)
        return ids

    def publish_history(self, building: str, months: int) -> None:
        """Put the ``months`` before December 2025 of one building into the store, as loaded."""
        where = self._database
        database = Database(where.host, where.port, where.dbname, where.user, SecretStr(where.password))
        past = [MONTH.plus(-back) for back in range(months, 0, -1)]
        publish_history(open_store(self._store), database, self.taxonomy(), building, past)

    def voc_run(self, *options: str, cores: int | None = None, every: float = 0.02) -> Watched:
        """Run ``voc run --mode full`` for the month with these options and watch it."""
        command = [
            sys.executable,
            "-m",
            "voc_worker.cli",
            *("run", "--mode", "full", "--month", str(MONTH), *options),
        ]
        return watch(command, self._environment(), self._folder, cores=cores, every=every)

    def dashboard_bytes(self, building: str) -> int:
        """Return the size of a building's published dashboard."""
        return len(open_store(self._store).get(keys.dashboard_link(MONTH, building)).data)

    @property
    def _store(self) -> str:
        return (self._folder / "store").as_uri()

    def _environment(self) -> dict[str, str]:
        where = self._database
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "BASE_DIR": str(self._folder),
            "STORE": self._store,
            "DB_HOST": where.host,
            "DB_PORT": str(where.port),
            "DB_NAME": where.dbname,
            "DB_USER": where.user,
            "DB_PASSWORD": where.password,
            "WRITE_CLASSIFICATION": "true",
            # One thread each, as a building's container has one core.
            "OMP_NUM_THREADS": "1",
        }


def _voc(voc: pd.DataFrame, buildings: list[str], rows: int, months: int) -> pd.DataFrame:
    """Return the sample's requests dealt out to ``buildings``, spread over each month; spans between times stay."""
    many = voc.iloc[np.arange(len(buildings) * months * rows) % len(voc)].reset_index(drop=True)
    many["id"] = np.arange(1, len(many) + 1)
    many["building_id"] = np.repeat(buildings, months * rows)
    of_one_building: list[datetime] = []
    for back in range(months):
        start, end = MONTH.plus(-back).bounds()
        of_one_building += [start + (end - start) / rows * number for number in range(rows)]
    moved = pd.Series(of_one_building * len(buildings))
    shift = moved.dt.as_unit("us") - many["created_at"].dt.as_unit("us")
    return many.assign(**{name: many[name] + shift for name in TIMES})
