"""Rendering dashboards in one process: 1,000 rows each, 200 in a row."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.measured import Goal, Measured
from tests import pages_data
from voc_worker.dashboard import render_building
from voc_worker.pages.fonts import korean_font

if TYPE_CHECKING:
    from bench.workplace import Workplace

TITLE = "Dashboards of 1,000 rows rendered one after another in one process"
ROWS = 1_000
BUILDINGS = 200


def measure(_: Workplace) -> list[Measured]:
    """Return a dashboard's time, the process's memory, and by how much it grew between the second and the last page."""
    rows = pages_data.rows(ROWS)
    measures, font = pages_data.measures(rows), korean_font()
    page = render_building(measures, rows, font=font)
    early = _memory_mb("VmRSS")
    seconds = []
    for _number in range(BUILDINGS - 1):
        started = time.perf_counter()
        page = render_building(measures, rows, font=font)
        seconds.append(time.perf_counter() - started)
    return [
        Measured("one dashboard, after start-up", median(seconds), "s", Goal("at most", 1.5)),
        Measured("peak memory of the process", _memory_mb("VmHWM"), "MB", Goal("at most", 250)),
        Measured(f"growth over {BUILDINGS} buildings", _memory_mb("VmRSS") - early, "MB", Goal("at most", 5)),
        Measured("dashboard", len(page.encode()) / 1e3, "kB", Goal("at most", 400)),
    ]


def _memory_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{field}:"))
