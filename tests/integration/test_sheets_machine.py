"""Random reviewers against the Google Sheets back end, over HTTP, with edits between any two requests."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.integration.fixtures_sheets import MONTH, TITLE, Desk, desk
from tests.review_machine import MONTH as MACHINE_MONTH
from tests.review_machine import ROWS, Cells, ReviewMachine, rectangle
from tests.sheets_server.a1 import Box
from tests.sheets_server.model import blank_rows, sort_rows
from voc_worker.columns import SHEET, SHEET_PEOPLE
from voc_worker.review.sheets import GoogleSheetsBook

# Without shrinking: a failure is told at once, as the story that led to it.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


#: Requests before which rows move: most often the one that writes into rows that exist.
VERBS = st.sampled_from(["ByDataFilter", "ByDataFilter", "search", "batchGet", ":batchUpdate"])


class SheetsMachine(ReviewMachine):
    """The person is the spreadsheet's owner, whom no protection and no lock holds back."""

    at: Desk

    def __init__(self) -> None:
        super().__init__()
        assert MACHINE_MONTH == MONTH
        self.file = self.at.server.spreadsheet()
        self.file.writers.add("voc@voc-test.iam.gserviceaccount.com")
        self.at = self.at._replace(file=self.file)
        self._book = self.at.book()
        self.turns = itertools.count()  # of this story alone, so that it can be told again

    @property
    def book(self) -> GoogleSheetsBook:
        """The book under test."""
        return self._book

    def view(self) -> Cells:
        """Return what the worksheet shows."""
        sheet = self.file.titled(TITLE)
        return [[sheet.shown(row, column) for column in range(sheet.columns)] for row in range(len(sheet.rows))]

    def replace(self, grid: Cells) -> None:
        """Type every cell; the grid only grows, as Google's does."""
        sheet = self.file.titled(TITLE)
        width = max(sheet.columns, *(len(row) for row in grid), 1)
        sheet.columns = width
        sheet.rows = blank_rows(max(len(sheet.rows), len(grid)), width)
        for number, row in enumerate(grid):
            sheet.rows[number][: len(row)] = [text or None for text in row]

    def during(self, edit: Callable[[], None]) -> None:
        """Act before one of the next call's requests, another one each time."""
        left = itertools.count(-(next(self.turns) % 6))

        def before(_: str, __: str) -> None:
            if next(left) == 0:
                edit()

        self.at.server.state.before = before

    @rule(name=st.sampled_from(SHEET), at=st.integers(0, 9), verb=VERBS)
    def rows_move_while_results_are_written(self, name: str, at: int, verb: str) -> None:
        """The owner sorts and inserts a row between two requests of a refresh's writing."""
        before = rectangle(self.view())
        keys = {key for (key,) in self._rows(before, []) if key}
        moved = self._move_before(verb, name, at)
        turn = next(self.turns)
        self.book.write_results(MONTH, {key: f"결과 {turn} {key}" for key in keys})
        after = self._settled(before, moved)
        for key, result in self._rows(after, ["처리결과"]):
            assert result == (f"결과 {turn} {key}" if key else "")

    @rule(name=st.sampled_from(SHEET), at=st.integers(0, 9), verb=VERBS, grow=st.integers(0, 1))
    def rows_move_while_an_upload_is_written(self, name: str, at: int, verb: str, grow: int) -> None:
        """The owner sorts and inserts a row between two requests of an upload."""
        before = rectangle(self.view())
        moved = self._move_before(verb, name, at)
        self._upload(grow, relabel=True)
        after = self._settled(before, moved)
        self._every_machine_row_exists_once(before)
        people = 1 + SHEET.index(SHEET_PEOPLE[0])  # spaces alone do not make a row a person's
        kept = [row for row in self._touched(before, SHEET[:-1]) if row[0] and any(map(str.strip, row[people:]))]
        assert not Counter(kept) - Counter(self._touched(after, SHEET[:-1]))

    @rule(row=ROWS, name=st.sampled_from(SHEET), at=st.integers(0, 9), verb=VERBS)
    def rows_move_after_one_copy_was_reviewed(self, row: int, name: str, at: int, verb: str) -> None:
        """A row is copied and one of the two is written into, before rows move between an upload's requests."""
        self.paste_row(row)
        self._write(row, "검수자", "메모")
        self.rows_move_while_an_upload_is_written(name, at, verb, grow=0)

    def _move_before(self, verb: str, name: str, at: int) -> list[Cells]:
        """Let the owner move rows before the next request to ``verb``; the list gets the worksheet as it is then."""
        moved: list[Cells] = []

        def move() -> None:
            sheet, layout = self.file.titled(TITLE), self._layout(self.view())
            header = layout.header_row
            sort_rows(sheet, Box(top=header), [(layout.columns[name] - 1, at % 2 == 0)])
            self.file.insert(sheet, "ROWS", header + at % max(len(sheet.rows) - header, 1), 1)
            moved.append(rectangle(self.view()))

        def before(_: str, path: str) -> None:
            if verb in path and not moved:
                move()

        self.at.server.state.before = before
        return moved

    def _settled(self, before: Cells, moved: list[Cells]) -> Cells:
        """Return the worksheet after the machine's work; every row has what people had written into it."""
        self.at.server.state.before = None
        self.undo_stack.clear()
        after = rectangle(self.view())
        assert self._touched(after, SHEET_PEOPLE) == self._touched(moved[0] if moved else before, SHEET_PEOPLE)
        return after

    def _rows(self, grid: Cells, names: Sequence[str]) -> list[tuple[str, ...]]:
        """Return voc_id, stripped, and the cells of ``names`` of every row below the header, sorted."""
        layout = self._layout(grid)
        return sorted((layout.cell(row, "voc_id").strip(), *layout.cells(row, names)) for _, row in layout.body(grid))

    def _touched(self, grid: Cells, names: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the same of those rows that hold anything of people's."""
        layout = self._layout(grid)
        rows = [list(row) for _, row in layout.body(grid) if any(layout.cells(row, SHEET_PEOPLE))]
        return self._rows([grid[layout.header_row - 1], *rows], names)

    @rule(row=ROWS, text=st.sampled_from(["v0", "v3", "v999", ""]))
    def change_id(self, row: int, text: str) -> None:
        """A reviewer edits a voc_id by hand; spaces around one are left alone here, for this book never writes ids."""
        self._write(row, "voc_id", text)

    def teardown(self) -> None:
        """Leave the server quiet."""
        self.at.server.state.before = None


def test_no_persons_input_is_ever_lost() -> None:
    """Whatever the owner and uploads do in whatever order, people's cells stay and every machine row exists once."""
    few = settings(
        max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES
    )
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp())
        stack.callback(shutil.rmtree, folder)
        at = stack.enter_context(desk(folder))
        run_state_machine_as_test(type("Bound", (SheetsMachine,), {"at": at}), settings=few)
