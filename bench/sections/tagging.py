"""The keyword tagger, and what every tagger's input goes through first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.measured import Goal, Measured
from voc_worker.tables.tagged import tagger_rows
from voc_worker.tagging import KeywordTagger

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.workplace import Workplace

TITLE = "Tagging, on one core"
ROWS = 20_000
_ROUNDS = 3


def measure(place: Workplace) -> list[Measured]:
    """Return rows a second of cleaning and of the keyword tagger, each the best of three in CPU time."""
    source = place.source_rows(ROWS)
    cleaned = tagger_rows(source)
    tagger = KeywordTagger(place.taxonomy())
    return [
        Measured("keyword tagger", ROWS / _best(lambda: tagger.tag(cleaned)), "rows/s", Goal("at least", 20_000)),
        Measured("cleaning and masking", ROWS / _best(lambda: tagger_rows(source)), "rows/s"),
    ]


def _best(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the fastest round: the others were disturbed."""
    rounds = []
    for _ in range(_ROUNDS):
        started = time.process_time()
        work()
        rounds.append(time.process_time() - started)
    return min(rounds)
