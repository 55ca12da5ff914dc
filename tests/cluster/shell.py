"""Starting other programs: what they said is in the error, and slow ones say that they are still at work."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEARTBEAT_SECONDS = 30


class ClusterError(Exception):
    """A part of the test cluster could not be made or reached; the message ends with what the program said."""


def say(text: str) -> None:
    """Tell the person who waits what is being done."""
    sys.stderr.write(f"== cluster: {text}\n")
    sys.stderr.flush()


def run(*words: str | Path, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        ClusterError: it is missing or fails.
    """
    return slowly(None, *words, folder=folder, environment=environment)


def slowly(
    doing: str | None, *words: str | Path, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a program like ``run``; every half minute print ``doing`` and how long it has taken.

    Raises:
        ClusterError: it is missing or fails.
    """
    command = [str(word) for word in words]
    if doing:
        say(doing)
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise ClusterError(f"{command[0]} could not be started: {error.strerror}. Run: make tools") from error
        with process:
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_HEARTBEAT_SECONDS)
                if doing and process.returncode is None:
                    say(f"{doing}: {time.monotonic() - started:.0f} s so far")
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise ClusterError(f"{' '.join(command)[:300]} answered {process.returncode}. It said: {said.strip()[-3000:]}")
    return said
