"""2,000 buildings in one run on a real control plane with simulated nodes: what the operator needs, and how it grows.

Needs root on Linux, as the tests on a cluster do; elsewhere nothing is measured, and a line says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console

from bench.measured import Goal, Measured
from bench.simulated_month import PARALLELISM, simulated_month
from tests.cluster.settings import missing
from voc_models.months import Month

if TYPE_CHECKING:
    from bench.simulated_month import Idle, Restart, Seen
    from bench.workplace import Workplace

FEW, MANY = 200, 2_000
TITLE = f"The operator: {MANY:,} buildings, parallelism {PARALLELISM}, simulated nodes on a real control plane"
_IDLE_SECONDS: Final = 60.0
#: One is linear; two runs of the same size differ by some hundredths.
_LINEAR: Final = Goal("at most", 1.05)


def measure(place: Workplace) -> list[Measured]:  # noqa: ARG001 - every section is called alike
    """Return the numbers of a run of few buildings, one of many, a minute after it, and one in which it is killed."""
    if reason := missing():
        Console().print(f"Not measured. {reason}", highlight=False)
        return []
    with simulated_month() as months:
        few = months.run("few", Month(2025, 10), FEW)
        many = months.run("many", Month(2025, 11), MANY)
        idle = months.idle(_IDLE_SECONDS)
        killed: list[float] = []
        # Its own checks see that no building ran twice or not at all.
        again = months.run("killed", Month(2025, 12), MANY, lambda: killed.append(months.kill()))
        restart = months.restart_after(killed[0])
    return [*of_a_run(many), *_afterwards(idle), *_restarted(restart, again), *_growth(few, many)]


def of_a_run(seen: Seen) -> list[Measured]:
    """Return what one run took."""
    requests = seen.requests.total() / seen.buildings
    verbs = [
        Measured(f"  of them {verb}", count / seen.buildings, "a building")
        for verb, count in sorted(seen.requests.items())
    ]
    return [
        Measured("`apply` to the first Job (prepare)", seen.first_job, "s", Goal("at most", 2)),
        Measured("prepare's end to a building's first Job", seen.first_building, "s", Goal("at most", 2)),
        Measured("the whole run", seen.seconds, "s"),
        Measured("buildings", seen.buildings / seen.seconds, "1/s"),
        Measured("operator's memory at its most", seen.peak_mb, "MB", Goal("at most", 200)),
        Measured("operator's CPU on average", seen.cpu_seconds / seen.seconds, "cores", Goal("at most", 1)),
        Measured("operator's CPU", 1000 * seen.cpu_seconds / seen.buildings, "ms a building"),
        Measured("operator's API requests", requests, "a building", Goal("at most", 8)),
        *verbs,
        Measured("status patches after the first", (seen.patches - 1) / seen.seconds, "1/s", Goal("at most", 0.5)),
        Measured("the finished run's object", seen.object_bytes / 1e3, "kB", Goal("at most", 1500)),
    ]


def _afterwards(idle: Idle) -> list[Measured]:
    return [
        Measured("API requests in a minute after it", idle.requests, "requests"),
        Measured("CPU in that minute", 1000 * idle.cpu_seconds / _IDLE_SECONDS, "ms/s"),
        Measured("memory gained in that minute", idle.after_mb - idle.before_mb, "MB", Goal("at most", 1)),
    ]


def _restarted(restart: Restart, again: Seen) -> list[Measured]:
    jobs = FEW + MANY + MANY // 2
    return [
        Measured("kill -9 to a new process's first request", restart.awake, "s"),
        Measured("kill -9 to the next stored status", restart.reconciled, "s", Goal("at most", 5)),
        Measured(f"its memory, started among {jobs:,} Jobs", again.peak_mb, "MB", Goal("at most", 200)),
    ]


def _growth(few: Seen, many: Seen) -> list[Measured]:
    """Return each cost of a building among many as a multiple of that among few."""
    fold = many.buildings / few.buildings
    ratios = {
        "time": many.seconds / few.seconds / fold,
        "API requests": many.requests.total() / few.requests.total() / fold,
        "CPU": many.cpu_seconds / few.cpu_seconds / fold,
    }
    return [Measured(f"{name} a building, {MANY:,} to {FEW}", ratio, "×", _LINEAR) for name, ratio in ratios.items()]
