"""One of several clusters that may run on a machine at once: its number, and everything that follows from the number.

The number is held by a lock on a file, which the kernel drops with its process. Whoever takes a number first removes
what its last owner may have left.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster import cache, cgroups
from tests.cluster.shell import ClusterError, run

_MOST: Final = 60


@dataclass(frozen=True)
class Addresses:
    """The networks of cluster ``number``; no two clusters share one."""

    number: int

    @property
    def host(self) -> str:
        """Where programs of this machine listen for pods."""
        return f"10.203.{self.number}.1"

    @property
    def control(self) -> str:
        """Where the API server listens."""
        return f"10.203.{self.number}.2"

    @property
    def pods(self) -> str:
        """The network of all pods."""
        return f"10.{140 + self.number}.0.0/16"

    @property
    def link(self) -> str:
        """The one network link on this machine."""
        return f"voc-nlp{self.number}"

    @property
    def cgroup(self) -> str:
        """What the names of the nodes' control groups start with."""
        return f"voc-nlp-{self.number}-"

    @property
    def folder(self) -> Path:
        """Where the cluster keeps its state while it lives."""
        return cache.folder("running") / str(self.number)

    def node(self, place: int) -> str:
        """The address of the node that joined as number ``place``."""
        return f"10.203.{self.number}.{10 + place}"

    def pods_of(self, place: int) -> str:
        """The network of the pods on that node."""
        return f"10.{140 + self.number}.{place}.0/24"


class Instance:
    """A number that is ours until ``release``; a keeper process cleans up when this process is killed."""

    def __init__(self) -> None:
        self.addresses, self._lock = _claim()
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.keeper", str(self.addresses.number)],
            cwd=cache.ROOT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def release(self) -> None:
        """Remove every trace and give the number back."""
        sweep(self.addresses)
        os.close(self._lock)
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait()


def sweep(addresses: Addresses) -> None:
    """Remove what a cluster leaves on the machine; its processes have ended or are about to."""
    with suppress(ClusterError):
        run("ip", "link", "delete", addresses.link)
    cgroups.remove(addresses.cgroup)
    shutil.rmtree(addresses.folder, ignore_errors=True)


def lock(number: int) -> int | None:
    """Take the lock of ``number`` and return its descriptor, or None when another process holds it."""
    descriptor = os.open(cache.folder("locks") / f"cluster-{number}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _claim() -> tuple[Addresses, int]:
    routes = run("ip", "-4", "route", "show")
    for number in range(1, _MOST):
        addresses = Addresses(number)
        held = lock(number)
        if held is None:
            continue
        sweep(addresses)
        if f"10.203.{number}." in routes and f"dev {addresses.link}" not in routes:
            os.close(held)  # this machine has such a network already
            continue
        addresses.folder.mkdir(mode=0o755)
        return addresses, held
    raise ClusterError(f"{_MOST - 1} clusters run on this machine already. End one: make cluster-down")
