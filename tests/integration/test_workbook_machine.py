"""Random reviewers against the workbook back end, on real files."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from openpyxl import load_workbook

from tests.review_machine import MONTH, Cells, ReviewMachine
from voc_models import keys
from voc_models.store import Fetched
from voc_models.store_file import FileStore
from voc_worker.review.workbook import WorkbookBook
from voc_worker.review.workbook_cells import grid_of

# Without shrinking: a failure is told at once, as the story that led to it.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
KEY = keys.review_workbook(MONTH)


class WatchedStore(FileStore):
    """A store that lets a person act once, right after the workbook was read."""

    person: Callable[[], None] | None = None

    def get(self, key: str) -> Fetched:
        """Read, then let the person act."""
        fetched = super().get(key)
        person, self.person = self.person, None
        if person is not None:
            person()
        return fetched


class WorkbookMachine(ReviewMachine):
    """The person uses openpyxl on the stored file."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = WatchedStore(self.folder.as_uri())
        self.files = FileStore(self.folder.as_uri())
        self._book = WorkbookBook(self.store)

    @property
    def book(self) -> WorkbookBook:
        """The book under test."""
        return self._book

    def view(self) -> Cells:
        """Read the worksheet's cells."""
        workbook = load_workbook(io.BytesIO(self.files.get(KEY).data))
        return grid_of(workbook[MONTH.compact], "The worksheet")

    def replace(self, grid: Cells) -> None:
        """Write every cell and save the file."""
        workbook = load_workbook(io.BytesIO(self.files.get(KEY).data))
        sheet = workbook[MONTH.compact]
        sheet.delete_rows(1, sheet.max_row)
        for number, row in enumerate(grid, start=1):
            for column, text in enumerate(row, start=1):
                if text:
                    sheet.cell(number, column).value = text
        buffer = io.BytesIO()
        workbook.save(buffer)
        self.files.put(KEY, buffer.getvalue())

    def during(self, edit: Callable[[], None]) -> None:
        """Save right after the book has read the file."""
        self.store.person = edit

    def teardown(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)


def test_no_persons_input_is_ever_lost() -> None:
    """Whatever reviewers and uploads do in whatever order, people's cells stay and every machine row exists once."""
    few = settings(
        max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES
    )
    run_state_machine_as_test(WorkbookMachine, settings=few)
