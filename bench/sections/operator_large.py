"""10,000 buildings in one run: whether the run still fits into one object, and what the operator needs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console

from bench.sections.operator import of_a_run
from bench.simulated_month import simulated_month
from tests.cluster.settings import missing
from voc_models.months import Month

if TYPE_CHECKING:
    from bench.measured import Measured
    from bench.workplace import Workplace

BUILDINGS: Final = 10_000
TITLE = f"The operator: {BUILDINGS:,} buildings"
#: A quarter of an hour.
ON_REQUEST = True


def measure(place: Workplace) -> list[Measured]:  # noqa: ARG001 - every section is called alike
    """Return what one run of so many buildings took."""
    if reason := missing():
        Console().print(f"Not measured. {reason}", highlight=False)
        return []
    with simulated_month() as months:
        return of_a_run(months.run("large", Month(2025, 11), BUILDINGS))
