"""Watching a command and the processes that it starts: time, memory and open files, read from /proc."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PROC = Path("/proc")


class Sample(NamedTuple):
    """The command itself at one moment: seconds since its start, resident MB, open files."""

    at: float
    resident_mb: float
    files: int


@dataclass
class Child:
    """A process below the command: what it was, when it was seen (seconds since the command's start), its peak MB."""

    command: str
    first: float
    last: float
    peak_mb: float

    @property
    def seconds(self) -> float:
        """How long it was seen, to within one look."""
        return self.last - self.first


@dataclass
class Watched:
    """How a command ended, and what it and its processes used; ``peak_mb`` is the largest single process."""

    code: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    children: dict[int, Child] = field(default_factory=dict)

    def steps(self, word: str) -> list[Child]:
        """Return the children with ``word`` among their arguments, in the order of their start."""
        found = [child for child in self.children.values() if word in child.command.split("\0")]
        return sorted(found, key=lambda child: child.first)


class CommandFailedError(RuntimeError):
    """The measured command did not end well; its last words follow."""


def watch(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    cores: int | None = None,
    every: float = 0.02,
) -> Watched:
    """Run a command to its end and look at it ``every`` so many seconds.

    Args:
        command: the program and its arguments.
        environment: its whole environment.
        folder: where it runs, and where its output goes (``output.log``).
        cores: on how many cores it and its processes may run; all when None.
        every: seconds between two looks.

    Raises:
        CommandFailedError: its exit code is not 0.
    """
    seen = Watched()
    log = folder / "output.log"
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - the project's own command
            command,
            cwd=folder,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        if cores is not None:
            os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[:cores])
        while True:
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                break
            _look(process.pid, time.perf_counter() - started, seen)
            time.sleep(every)
    process.returncode = seen.code = os.waitstatus_to_exitcode(status)
    seen.seconds = time.perf_counter() - started
    seen.peak_mb = max([seen.peak_mb, *(child.peak_mb for child in seen.children.values())])
    if seen.code != 0:
        raise CommandFailedError(f"Exit code {seen.code}:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
    return seen


def _look(root: int, at: float, seen: Watched) -> None:
    """Add what can be seen now; a process may be gone between two lines.

    Peaks are the kernel's (VmHWM), not those of wait4(): these hold the memory of whoever started the process, too.
    """
    try:
        seen.peak_mb = max(seen.peak_mb, memory_mb(root, "VmHWM"))
        files = len(list((_PROC / str(root) / "fd").iterdir()))
        seen.samples.append(Sample(at, memory_mb(root, "VmRSS"), files))
    except OSError:
        return
    for pid in _below(root):
        try:
            command = (_PROC / str(pid) / "cmdline").read_text(encoding="utf-8", errors="replace")
            child = seen.children.setdefault(pid, Child(command, at, at, 0.0))
            child.command, child.last = command or child.command, at
            child.peak_mb = max(child.peak_mb, memory_mb(pid, "VmHWM"))
        except OSError:
            continue


def _below(pid: int) -> Iterator[int]:
    """Yield the processes that ``pid`` started, and those that they started."""
    try:
        words = [
            (task / "children").read_text(encoding="ascii").split() for task in (_PROC / str(pid) / "task").iterdir()
        ]
    except OSError:
        return
    for child in (int(word) for of_task in words for word in of_task):
        yield child
        yield from _below(child)


def memory_mb(pid: int, name: str) -> float:
    """Return a memory figure of a process in MB; 0 while it is ending, when the kernel no longer says."""
    for line in (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
