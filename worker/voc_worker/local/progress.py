"""Telling a person how far a run is: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn


class Reporter:
    """Writes to one console; long work gets a bar when somebody watches."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, sentence: str) -> None:
        """Print one line; brackets in it are text, never markup."""
        self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def counting(self, title: str, total: int) -> Iterator[Counter]:
        """Yield a counter for ``total`` pieces of work."""
        if not self.console.is_terminal:
            yield Counter(self, title, total, None)
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            yield Counter(self, title, total, progress)


class Counter:
    """Counts finished pieces; in plain mode it prints each, up to about twenty lines whatever the total."""

    def __init__(self, reporter: Reporter, title: str, total: int, progress: Progress | None) -> None:
        self._reporter, self._title, self._total, self._progress = reporter, title, total, progress
        self._done = 0
        self._every = max(1, total // 20)
        self._task = progress.add_task(title, total=total) if progress else None

    def advance(self, what: str) -> None:
        """Count one piece, described by ``what``."""
        self._done += 1
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, description=f"{self._title} · {what}")
        elif self._done % self._every == 0 or self._done == self._total:
            self._reporter.say(f"{self._title} {self._done}/{self._total}: {what}")
