"""200 buildings of 300 rows in one run: does anything grow?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measured import Goal, Measured

if TYPE_CHECKING:
    from bench.watch import Child, Sample
    from bench.workplace import Workplace

TITLE = "200 buildings of 300 rows, one `voc run --parallelism 2`"
BUILDINGS = 200
ROWS = 300


def measure(place: Workplace) -> list[Measured]:
    """Return the run's time, and memory and open files early and late: in the runner, and in the building processes."""
    place.load(buildings=BUILDINGS, rows=ROWS)
    seen = place.voc_run("--all-buildings", "--parallelism", "2", every=0.1)
    steps, (publish,) = seen.steps("building"), seen.steps("publish")
    # Only while buildings are at work: the runner's start and the final step are other work.
    working = [sample for sample in seen.samples if steps[0].first <= sample.at <= steps[-1].last]
    early, late = _quarters(working)
    first, last = steps[: len(steps) // 4], steps[-(len(steps) // 4) :]
    return [
        Measured("the whole run", seen.seconds, "s"),
        Measured("buildings a minute", len(steps) / (steps[-1].last - steps[0].first) * 60, "1/min"),
        Measured("runner's memory, first quarter", _memory(early), "MB"),
        Measured("runner's memory, last quarter", _memory(late), "MB", Goal("at most", _memory(early) + 20)),
        Measured("runner's open files, first quarter", _files(early), "files"),
        Measured("runner's open files, last quarter", _files(late), "files", Goal("at most", _files(early))),
        Measured("a building's peak, first quarter", _peak(first), "MB"),
        Measured("a building's peak, last quarter", _peak(last), "MB", Goal("at most", _peak(first) + 20)),
        Measured(f"publish of {BUILDINGS * ROWS:,} rows (sheet, database, report)", publish.seconds, "s"),
        Measured("its peak memory", publish.peak_mb, "MB"),
    ]


def _quarters(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    quarter = max(1, len(samples) // 4)
    return samples[:quarter], samples[-quarter:]


def _memory(samples: list[Sample]) -> float:
    return max(sample.resident_mb for sample in samples)


def _files(samples: list[Sample]) -> int:
    return max(sample.files for sample in samples)


def _peak(steps: list[Child]) -> float:
    return max(step.peak_mb for step in steps)
