"""One number, what it should be, and the table of all of them."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable


class Goal(NamedTuple):
    """What a number should be: at least or at most ``value``, in the number's unit."""

    direction: Literal["at least", "at most"]
    value: float

    def met_by(self, value: float) -> bool:
        """Tell whether ``value`` is on the right side."""
        return value >= self.value if self.direction == "at least" else value <= self.value


class Measured(NamedTuple):
    """A measured number with its unit (rows/s, s, MB = 10^6 bytes, kB = 10^3 bytes, files)."""

    name: str
    value: float
    unit: str
    goal: Goal | None = None

    @property
    def verdict(self) -> str:
        """Whether the goal is met: yes or NO, and nothing where there is none."""
        if self.goal is None:
            return ""
        return "yes" if self.goal.met_by(self.value) else "NO"


def table(numbers: Iterable[Measured]) -> Table:
    """Return the numbers of one section side by side with their goals."""
    drawn = Table(show_edge=False)
    for heading, justify in (("measured", "left"), ("value", "right"), ("goal", "right"), ("met", "left")):
        drawn.add_column(heading, justify="right" if justify == "right" else "left")
    for number in numbers:
        goal = f"{number.goal.direction} {_written(number.goal.value)}" if number.goal else ""
        drawn.add_row(number.name, f"{_written(number.value)} {number.unit}", goal, number.verdict)
    return drawn


def machine() -> str:
    """Say on what was measured: a number without its machine says nothing."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    # What int8 costs depends on these.
    known = [name for name in ("avx2", "avx512f", "avx_vnni", "avx512_vnni") if name in told.get("flags", "").split()]
    processor = f"{told.get('model name', platform.machine())} ({', '.join(known) or 'no vector instructions known'})"
    return (
        f"{processor}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}"
    )


def _written(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
