"""Steps as processes: their answers, their ends, and what they say meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from voc_models.exit_codes import ExitCode
from voc_worker.local.processes import Processes

SPEAKER = """
import sys, time
answer = sys.argv[sys.argv.index("--answer-file") + 1]
for word in ("one", "two", "three"):
    print(word, flush=True)
    time.sleep(0.05)
open(answer, "w").write('{"rows": 3}')
"""


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    """Return processes that find modules in the test's folder."""
    return Processes(os.environ | {"PYTHONPATH": str(tmp_path)}, tmp_path / "logs")


def test_a_followed_step_is_heard_line_by_line_and_answers(tmp_path: Path, processes: Processes) -> None:
    """Whoever follows a step hears each of its lines once, in order, and its answer is read."""
    (tmp_path / "speaker.py").write_text(SPEAKER)
    heard: list[str] = []
    outcome = processes.run("speaker", [], "speaker", heard.append)
    assert heard == ["one", "two", "three"]
    assert (outcome.code, outcome.answer.rows) == (0, 3)
    assert outcome.log.read_text().split() == heard


def test_a_step_that_writes_garbage_has_an_empty_answer(tmp_path: Path, processes: Processes) -> None:
    """A crash that leaves no answer is told by its exit code and its log."""
    (tmp_path / "crash.py").write_text("import sys; print('no'); sys.exit(70)")
    outcome = processes.run("crash", [], "crash")
    assert not outcome.ok
    assert str(outcome.log) in outcome.reason
    assert "70" in outcome.reason


def test_a_step_that_is_killed_says_by_which_signal(tmp_path: Path, processes: Processes) -> None:
    """The reason of a killed step names the signal."""
    (tmp_path / "dying.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert "SIGKILL" in processes.run("dying", [], "dying").reason


def test_stopping_ends_what_runs_and_starts_nothing_more(tmp_path: Path, processes: Processes) -> None:
    """A stop ends a running step by SIGTERM, and the next step is not started."""
    (tmp_path / "long.py").write_text("import time; print('started', flush=True); time.sleep(60)")
    started = threading.Event()
    codes: list[int] = []
    runner = threading.Thread(
        target=lambda: codes.append(processes.run("long", [], "long", lambda _: started.set()).code)
    )
    runner.start()
    assert started.wait(30)
    processes.stop()
    runner.join(30)
    assert codes == [-15]
    assert processes.run("long", [], "again").code == ExitCode.TRY_AGAIN


RUNNER = """
import os, pathlib, sys
from voc_worker.local.processes import Processes
Processes(dict(os.environ), pathlib.Path(sys.argv[1])).run("long", [], "long")
"""
LONG = """
import os, pathlib, time
pathlib.Path(os.environ["PID_FILE"]).write_text(str(os.getpid()))
time.sleep(120)
"""


def test_a_step_dies_with_a_runner_that_is_killed(tmp_path: Path) -> None:
    """Kill -9 of the runner leaves no step behind that would work on beside the next run."""
    (tmp_path / "long.py").write_text(LONG)
    pid_file = tmp_path / "pid"
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    environment = os.environ | {"PYTHONPATH": paths, "PID_FILE": str(pid_file)}
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path / "logs")], env=environment)
    _wait_until(lambda: pid_file.exists() and pid_file.read_text() != "")
    step = int(pid_file.read_text())
    runner.kill()
    runner.wait(30)
    _wait_until(lambda: not Path(f"/proc/{step}").exists() or "Z" in Path(f"/proc/{step}/stat").read_text().split()[2])


def _wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 20 s")
