"""The benchmark's own instruments; what it measures depends on the machine and is asserted nowhere."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from typing import TYPE_CHECKING

import pytest

from bench import sections
from bench.measured import Goal, Measured
from bench.watch import CommandFailedError, watch

if TYPE_CHECKING:
    from pathlib import Path

# Waits until its own child is done; the child touches 64 MB and stays long enough to be seen.
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], 'child-step'], check=True)"
CHILD = "import time; held = bytearray(64_000_000); time.sleep(0.5)"


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (None, ""),
        (Goal("at least", 10), "yes"),
        (Goal("at least", 10.1), "NO"),
        (Goal("at most", 10), "yes"),
        (Goal("at most", 9.9), "NO"),
    ],
)
def test_a_number_meets_its_goal_or_not(goal: Goal | None, verdict: str) -> None:
    """A goal is met on its own side and on the line; without a goal there is no verdict."""
    assert Measured("anything", 10, "s", goal).verdict == verdict


def test_a_commands_processes_are_seen_with_their_memory(tmp_path: Path) -> None:
    """A process that the command starts is found by an argument, and its peak memory holds what it allocated."""
    seen = watch([sys.executable, "-c", PARENT, CHILD], os.environ, tmp_path, cores=1)
    (child,) = seen.steps("child-step")
    assert 64 <= child.peak_mb <= seen.peak_mb * 1.01
    assert 0 <= child.first <= child.last <= seen.seconds
    assert all(sample.files >= 1 for sample in seen.samples)
    assert seen.steps("another-step") == []


def test_the_memory_of_whoever_measures_is_not_the_commands(tmp_path: Path) -> None:
    """A process that holds half a gigabyte itself does not see that in the peak of the small command that it starts."""
    held = bytearray(b"x" * 500_000_000)
    seen = watch([sys.executable, "-c", "import time; time.sleep(0.3)"], os.environ, tmp_path)
    assert len(held) == 500_000_000
    assert 1 < seen.peak_mb < 100


def test_a_command_that_fails_is_not_measured(tmp_path: Path) -> None:
    """A command with another exit code than 0 raises with the end of its output."""
    with pytest.raises(CommandFailedError, match=r"Exit code 3:\n.*the reason"):
        watch([sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)"], os.environ, tmp_path)


def test_every_section_can_be_measured() -> None:
    """Each file in bench/sections has a title and a function measure, as the command expects."""
    found = [
        importlib.import_module(f"bench.sections.{module.name}") for module in pkgutil.iter_modules(sections.__path__)
    ]
    assert found
    assert all(isinstance(section.TITLE, str) and callable(section.measure) for section in found)
