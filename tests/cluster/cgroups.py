"""Control groups of a node: made in every hierarchy of the machine (version 1, 2 or both), removed without a trace."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.cluster.shell import ClusterError

_MOUNT: Final = Path("/sys/fs/cgroup")
_REMOVE_SECONDS: Final = 30


def version_two_alone() -> bool:
    """Whether the machine has the unified hierarchy only."""
    return (_MOUNT / "cgroup.controllers").exists()


def make(name: str) -> None:
    """Make the group in every hierarchy, ready for kubelet to make its own below."""
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # version 1: a group without them takes no process
            if not version_two_alone() and (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text(encoding="ascii"), encoding="ascii")
        if version_two_alone():
            for parent in (hierarchy, group):
                _hand_down(parent)


def remove(prefix: str) -> None:
    """Remove every group whose name starts with ``prefix``, deepest first; wait for the last processes to be gone.

    Raises:
        ClusterError: a group still holds a process after half a minute.
    """
    give_up = time.monotonic() + _REMOVE_SECONDS
    while left := existing(prefix):
        for top in left:
            for group in sorted((top, *top.rglob("*/")), key=lambda one: len(one.parts), reverse=True):
                with suppress(OSError):  # still busy, or already gone
                    group.rmdir()
        if time.monotonic() > give_up and existing(prefix):
            raise ClusterError(f"These control groups could not be removed: {', '.join(map(str, left))}")
        time.sleep(0.1)


def existing(prefix: str) -> list[Path]:
    """Return the groups whose name starts with ``prefix``."""
    return [group for hierarchy in _hierarchies() for group in hierarchy.glob(f"{prefix}*/")]


def _hierarchies() -> list[Path]:
    return [_MOUNT] if version_two_alone() else sorted(path for path in _MOUNT.glob("*/") if not path.is_symlink())


def _hand_down(group: Path) -> None:
    controllers = (group / "cgroup.controllers").read_text(encoding="ascii").split()
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in controllers), encoding="ascii")
