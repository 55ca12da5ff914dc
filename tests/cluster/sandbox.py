"""Namespaces of one's own (processes, mounts, network) and programs inside them, which end when their owner ends.

The first process inside reads from a pipe that only the owner holds. When the owner is gone, whatever ended it, the
read ends, the first process ends, and the kernel ends every other process of the namespace and drops its mounts and
its network.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.cluster.shell import ClusterError, run

#: Reads until its owner is gone; a shell also reaps the orphans that a first process inherits.
_WAIT: Final = "while read -r _; do :; done"
_UNSHARE: Final = ("unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc")
_SECONDS: Final = 20
#: What kubelet writes into the kernel at its start, for the whole machine (its setupKernelTunables). Inside, files of
#: ours lie over them: kubelet finds what it wants, and the machine keeps its own.
TUNABLES: Final = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


class Sandbox:
    """Namespaces that live as long as this object's process; ``folder`` takes what is written to /var in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("lib", "log"):
            (folder / "var" / name).mkdir(parents=True)
        for name, value in TUNABLES.items():
            (folder / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "sys" / name).write_text(f"{value}\n", encoding="ascii")
        setup = "; ".join(
            [
                "set -e",
                "mount -t tmpfs -o mode=755 tmpfs /run",
                *(f"mount --bind {shlex.quote(str(folder / 'var' / name))} /var/{name}" for name in ("lib", "log")),
                *(f"mount --bind {shlex.quote(str(folder / 'sys' / name))} /proc/sys/{name}" for name in TUNABLES),
                "ip link set lo up",
                "echo 1 > /proc/sys/net/ipv4/ip_forward",
                "echo ready",
                _WAIT,
            ]
        )
        self._outer = subprocess.Popen(
            [*_UNSHARE, "bash", "-c", setup],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the owner, who then ends things in order
        )
        assert self._outer.stdout is not None
        if self._outer.stdout.readline() != b"ready\n":
            raise ClusterError(f"The namespaces of {folder.name} could not be made. Are you root?")
        self.pid = _child(self._outer.pid)

    def run(self, *words: str | Path) -> str:
        """Run a program inside to its end and return what it printed."""
        return run(*self._entered(), *words)

    def start(self, *words: str | Path, log: Path) -> Inside:
        """Start a program inside; its output goes to ``log``."""
        return Inside([*self._entered(), *map(str, words)], log)

    def on_network(self, *words: str | Path) -> str:
        """Run a program of the machine on this network, seeing the machine's own processes."""
        return run("nsenter", "--target", str(self.pid), "--net", *words)

    def close(self) -> None:
        """End every process inside and return when they are gone."""
        assert self._outer.stdin is not None
        assert self._outer.stdout is not None
        self._outer.stdin.close()
        self._outer.wait()
        self._outer.stdout.close()

    def _entered(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--pid", "--mount", "--net"]


class Inside:
    """A program that runs in a sandbox."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._outer = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self.pid = _child(self._outer.pid)
        except ClusterError as error:
            self._outer.wait()
            raise ClusterError(f"{error} {self.said()}") from error

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._outer.poll() is None

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal and wait until it is gone."""
        with suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, how)
        self._outer.wait()

    def said(self) -> str:
        """Return the end of what it printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-3000:]


def _child(pid: int) -> int:
    """Return the one child of the process; unshare and nsenter fork once into the new namespace of processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    give_up = time.monotonic() + _SECONDS
    while time.monotonic() < give_up:
        try:
            if found := children.read_text(encoding="ascii").split():
                return int(found[0])
        except OSError:
            break
        time.sleep(0.01)
    raise ClusterError("A program that should run in the sandbox ended at once.")
