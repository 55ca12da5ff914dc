"""Starting a step as a process, exactly as its container would be started, and reading its answer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from voc_models.answer import Answer, read_line
from voc_models.exit_codes import ExitCode

#: How long a step may take to answer a SIGTERM before it is killed, in seconds.
GRACE_SECONDS = 20.0
#: How often a followed step's output is looked at, in seconds.
FOLLOW_SECONDS = 0.3


class StepOutcome(NamedTuple):
    """How one attempt ended; ``code`` may also be a negative signal number."""

    code: int
    answer: Answer
    log: Path

    @property
    def ok(self) -> bool:
        """Whether the step did what it was asked for."""
        return self.code == ExitCode.OK

    @property
    def reason(self) -> str:
        """Say in one line why it failed."""
        if self.answer.message:
            return self.answer.message
        if self.code < 0:
            return f"The process was ended by signal {signal.Signals(-self.code).name}. See {self.log}."
        return f"The process ended with exit code {self.code}. See {self.log}."


def tied_to_us() -> list[str]:
    """Return the words before a command that end it when this process dies, even of kill -9; none without setpriv.

    An orphaned training would go on for hours and write beside the one that takes the run up again.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _followed(process: subprocess.Popen[bytes], log: Path, follow: Callable[[str], None]) -> int:
    """Wait for the process and hand over what it writes meanwhile, whole lines only."""
    with log.open("rb") as lines:
        lines.seek(0, os.SEEK_END)
        rest = b""
        while True:
            code = process.poll()
            *whole, rest = (rest + lines.read()).split(b"\n")
            for line in whole:
                follow(line.decode("utf-8", errors="replace"))
            if code is not None:
                return code
            time.sleep(FOLLOW_SECONDS)


class Processes:
    """The running steps of one run, so that all of them can be told to stop."""

    def __init__(self, environment: Mapping[str, str], log_folder: Path) -> None:
        self._environment = dict(environment)
        self._log_folder = log_folder
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._stopping = False

    def run(
        self, module: str, arguments: Sequence[str], name: str, follow: Callable[[str], None] | None = None
    ) -> StepOutcome:
        """Run ``python -m module arguments`` to its end; its output goes to ``{log folder}/{name}.log``.

        ``follow`` is told each line of that output while the step works.
        """
        self._log_folder.mkdir(parents=True, exist_ok=True)
        log = self._log_folder / f"{name}.log"
        with tempfile.TemporaryDirectory(prefix="voc-") as scratch, log.open("ab") as output:
            answer_file = Path(scratch) / "termination-log"
            answer_file.touch()
            command = [*tied_to_us(), sys.executable, "-m", module, "--answer-file", str(answer_file), *arguments]
            with self._guard:
                if self._stopping:
                    return StepOutcome(ExitCode.TRY_AGAIN, Answer(message="The run is being stopped."), log)
                # A session of its own: Ctrl-C reaches the runner alone, which then asks every step to stop.
                process = subprocess.Popen(  # noqa: S603 - our own module with our own arguments, no shell
                    command,
                    env=self._environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                self._running.add(process)
            try:
                code = process.wait() if follow is None else _followed(process, log, follow)
            finally:
                with self._guard:
                    self._running.discard(process)
            answer = read_line(answer_file.read_text(encoding="utf-8", errors="replace")) or Answer()
        return StepOutcome(code, answer, log)

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop."""
        return self._stopping

    def stop(self) -> None:
        """Ask every running step to end, and end those that do not; nothing new is started."""
        with self._guard:
            self._stopping = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
