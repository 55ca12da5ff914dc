"""How many CPUs this process may really use: a container's limit, not the host's count."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

#: Where the cpu controller of cgroup v1 is mounted, below /sys/fs/cgroup.
_V1_MOUNTS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")


def available_cpus(root: Path = Path("/")) -> int:
    """Return how many threads are worth starting: the least of affinity and every cgroup limit above us, at least 1.

    A limit of 1.5 CPUs gives 2: the threads share it, and one alone would leave a third unused.

    Args:
        root: where ``proc`` and ``sys`` lie.
    """
    limits = [float(len(os.sched_getaffinity(0))), *_cgroup_limits(root)]
    return max(1, math.ceil(min(limits)))


def _cgroup_limits(root: Path) -> Iterator[float]:
    """Yield the limit in CPUs of each cgroup that we are in, those above included; none when nothing is limited."""
    base = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            for folder in _upwards(base, path):
                yield from _v2(folder / "cpu.max")
        elif "cpu" in controllers.split(","):
            for mount in _V1_MOUNTS:
                for folder in _upwards(base / mount, path):
                    yield from _v1(folder)


def _upwards(base: Path, path: str) -> Iterator[Path]:
    """Yield the cgroup's folder and each above it (a container may see a path of the host)."""
    folder = base / path.lstrip("/")
    while folder != base and base in folder.parents:
        yield folder
        folder = folder.parent
    yield base


def _v2(file: Path) -> Iterator[float]:
    """Yield the limit in ``cpu.max``, which holds "<quota> <period>" in microseconds, or "max <period>"."""
    words = _text(file).split()
    if len(words) == 2:
        yield from _ratio(*words)


def _v1(folder: Path) -> Iterator[float]:
    """Yield the limit of a cgroup v1 folder; a quota of -1 means none."""
    yield from _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> Iterator[float]:
    try:
        limit = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return
    if limit > 0:
        yield limit


def _text(file: Path) -> str:
    """Return a file's text; what cannot be read says nothing, and limits nothing."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
