"""Invent the customer's tables from a seed; the same seed gives the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pandas as pd

from voc_models.months import KST, Month
from voc_worker.columns import LABELS, SOURCE, TEXT, TIMES
from voc_worker.sample.correspondence import Correspondence, Letter
from voc_worker.sample.words import World, vocabulary

if TYPE_CHECKING:
    from voc_models.labels import Taxonomy

SEED = 20251201
_FIRST_ID = 100_001
_CHANNELS = ("앱", "앱", "앱", "전화", "방문")


@dataclass(frozen=True)
class Sample:
    """The customer's tables, and apart from them the truth.

    ``voc`` has id (int), building_id, channel, TEXT ("" when there is none) and TIMES (datetime64 in Asia/Seoul, NaT
    while open); ``building`` id, name, closed_at; ``taxonomy`` the columns of ``voc_taxonomy``, keywords as lists;
    ``truth`` voc_id (str), LABELS, subject_debatable and work_debatable (bool).
    """

    voc: pd.DataFrame
    building: pd.DataFrame
    taxonomy: pd.DataFrame
    truth: pd.DataFrame

    def source(self, month: Month | None = None) -> pd.DataFrame:
        """Return the requests (of one month) as the database adapter yields them: columns SOURCE, oldest first."""
        names = dict(zip(self.building["id"], self.building["name"], strict=True))
        rows = self.voc.assign(voc_id=self.voc["id"].astype(str), building_name=self.voc["building_id"].map(names))
        if month is not None:
            start, end = month.bounds()
            rows = rows[(rows["created_at"] >= start) & (rows["created_at"] < end)]
        return rows[list(SOURCE)].reset_index(drop=True)


def generate(seed: int = SEED) -> Sample:
    """Return the sample: sixteen months up to 2026-01 of six buildings, one of them closed in 2025-07."""
    words = vocabulary()
    letters: list[Letter] = []
    for building in words.world.buildings:
        # A generator of its own for each building: adding one leaves the others as they are.
        rng = Random(f"{seed}/{building.id}")  # noqa: S311 - a reproducible sample, no secret
        correspondence = Correspondence(rng, words, building)
        for month in _months(words.world):
            letters += correspondence.month(month)
    letters.sort(key=lambda letter: (letter.created, letter.building))
    ids = range(_FIRST_ID, _FIRST_ID + len(letters))
    return Sample(
        voc=_voc(letters, ids, Random(seed)),  # noqa: S311 - a reproducible sample, no secret
        building=pd.DataFrame(
            [(b.id, b.name, pd.Timestamp(b.closed, tz=KST) if b.closed else pd.NaT) for b in words.world.buildings],
            columns=["id", "name", "closed_at"],
        ),
        taxonomy=_taxonomy(words.taxonomy()),
        truth=_truth(letters, ids),
    )


def _months(world: World) -> list[Month]:
    months = [world.first_month]
    while months[-1] < world.last_month:
        months.append(months[-1].plus(1))
    return months


def _voc(letters: list[Letter], ids: range, rng: Random) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "id": list(ids),
            "building_id": [letter.building for letter in letters],
            "channel": [rng.choice(_CHANNELS) for _ in letters],
            "title": [letter.title for letter in letters],
            "request_contents": [letter.request for letter in letters],
            "reply": [letter.reply for letter in letters],
            "created_at": [letter.created for letter in letters],
            "replied_at": [letter.replied for letter in letters],
            "completed_at": [letter.completed for letter in letters],
        }
    )
    times = {name: pd.to_datetime(table[name], utc=True).dt.tz_convert(KST).dt.floor("s") for name in TIMES}
    return table.assign(**times)[["id", "building_id", "channel", *TEXT, *TIMES]]


def _truth(letters: list[Letter], ids: range) -> pd.DataFrame:
    cells = [
        (str(voc_id), *letter.subject, *letter.work, letter.subject_debatable, letter.work_debatable)
        for voc_id, letter in zip(ids, letters, strict=True)
    ]
    return pd.DataFrame(cells, columns=["voc_id", *LABELS, "subject_debatable", "work_debatable"])


def _taxonomy(taxonomy: Taxonomy) -> pd.DataFrame:
    cells = [(e.kind, e.major, e.minor, list(e.keywords), e.priority, e.active) for e in taxonomy.entries]
    return pd.DataFrame(cells, columns=["kind", "major", "minor", "keywords", "priority", "active"])
