"""One building of 1,000 rows a month with a year behind it, from the database to its published dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measured import Goal, Measured

if TYPE_CHECKING:
    from bench.workplace import Workplace

TITLE = "A building of 1,000 rows, 13 earlier months in the store, on one core"
ROWS = 1_000
#: A dashboard looks back over this many months, the same month last year among them.
HISTORY = 13


def measure(place: Workplace) -> list[Measured]:
    """Return the building step's time, memory and dashboard, and the whole run's time around it."""
    (building,) = place.load(buildings=1, rows=ROWS, months=HISTORY + 1)
    place.publish_history(building, HISTORY)
    seen = place.voc_run("--building-id", building, "--parallelism", "1", cores=1)
    (step,) = seen.steps("building")
    return [
        Measured("database to published dashboard", step.seconds, "s", Goal("at most", 10)),
        Measured("peak memory of that process", step.peak_mb, "MB", Goal("at most", 400)),
        Measured("dashboard", place.dashboard_bytes(building) / 1e3, "kB", Goal("at most", 400)),
        Measured("the whole `voc run` around it", seen.seconds, "s"),
        Measured("largest process of the run", seen.peak_mb, "MB"),
    ]
