"""Random reviewers and random uploads and refreshes, interleaved: what must hold for every review back end.

A back end's test subclasses :class:`ReviewMachine`, says how a person sees and changes the worksheet, and runs it with
``run_state_machine_as_test``. After every step of the machine's the worksheet is compared with what it was before, cell
by cell: no person's input may be lost or altered, nothing may move, and every machine row must exist once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.unit.fixtures_review import tagged_frame, taxonomy
from voc_models.labels import HEADS, Label
from voc_models.months import Month
from voc_worker.columns import SHEET, SHEET_PEOPLE
from voc_worker.review.book import ReviewBook
from voc_worker.review.decide import Done, read_done
from voc_worker.review.layout import Layout, find_layout, is_blank, row_key
from voc_worker.review.resolve import Resolution, empty_snapshot, resolve
from voc_worker.review.rows import UPLOAD, sheet_rows

MONTH = Month(2025, 12)
Cells = list[list[str]]

ROWS = st.integers(0, 60)
MARKS = st.sampled_from(["Y", "y", "Ｙ", " 예 ", "N", "완료", ""])
LABEL_CELLS = st.sampled_from(
    ["시설", "환경", "서비스", "전기/조명", "청결/미화", "안내/민원", "작업", "없는 것", "=1+1", ""]
)
NOTES = st.sampled_from(["메모", "=SUM(1,2)", "두\n줄", "  ", "Y", "007", ""])
PEOPLE = st.one_of(
    st.tuples(st.just("검수완료"), MARKS),
    st.tuples(st.sampled_from(SHEET_PEOPLE[:4]), LABEL_CELLS),
    st.tuples(st.sampled_from(["검수자", "비고"]), NOTES),
)


def rectangle(grid: Sequence[Sequence[str]]) -> Cells:
    """Return the grid with equally long rows and without blank rows at its end."""
    width = max((len(row) for row in grid), default=0)
    rows = [[*row, *[""] * (width - len(row))] for row in grid]
    while rows and all(cell == "" for cell in rows[-1]):
        rows.pop()
    return rows


class ReviewMachine(RuleBasedStateMachine):
    """One month's worksheet, a machine that fills it, and people who do what they like with it."""

    def __init__(self) -> None:
        super().__init__()
        self.tagged = tagged_frame(0)
        self.previous = empty_snapshot()
        self.undo_stack: list[Cells] = []
        self.columns_added = 0

    # What a back end's test says.

    @property
    @abstractmethod
    def book(self) -> ReviewBook:
        """The back end under test."""

    @abstractmethod
    def view(self) -> Cells:
        """Return the worksheet as a person sees it, as text from A1 on."""

    @abstractmethod
    def replace(self, grid: Cells) -> None:
        """Let the person's program bring the worksheet to ``grid``."""

    @abstractmethod
    def during(self, edit: Callable[[], None]) -> None:
        """Arrange that ``edit``, a person's, runs once while the book's next call is under way."""

    # The machine.

    @initialize(count=st.integers(1, 6))
    def first_upload(self, count: int) -> None:
        """The month is tagged and uploaded."""
        self._upload(count, relabel=False)

    @rule(grow=st.integers(0, 2), relabel=st.booleans())
    def upload(self, grow: int, relabel: bool) -> None:
        """The month is tagged again, with late rows or another model."""
        before = rectangle(self.view())
        self._upload(grow, relabel=relabel)
        self._only_the_machines_cells_changed(before, UPLOAD)
        self._every_machine_row_exists_once(before)

    @rule()
    def another_model(self) -> None:
        """The month is tagged again and every row gets another label."""
        self.upload(grow=0, relabel=True)

    @rule()
    def late_rows_and_a_refresh(self) -> None:
        """A row arrives late, and the reviews so far are merged."""
        self.upload(grow=1, relabel=True)
        self.refresh()

    @rule(grow=st.integers(0, 2), row=ROWS, edit=PEOPLE)
    def upload_while_somebody_writes(self, grow: int, row: int, edit: tuple[str, str]) -> None:
        """A person writes a cell while the upload is under way."""
        before: list[Cells] = []

        def write() -> None:
            self._write(row, *edit)
            before.append(rectangle(self.view()))

        self.during(write)
        self._upload(grow, relabel=True)
        if before:
            self._nothing_of_peoples_was_lost(before[0])

    @rule()
    def refresh(self) -> None:
        """The month's reviews are read, resolved and answered."""
        before = rectangle(self.view())
        rows = self.book.read(MONTH)
        layout = self._layout(before)
        for record in rows.to_dict("records"):
            seen = before[int(record["sheet_row"]) - 1]
            assert [record[name] for name in SHEET] == list(layout.cells(seen, SHEET))
        resolution = resolve(rows, taxonomy(), self.tagged, self.previous)
        self._resolution_follows_from(before, resolution)
        self.book.write_results(MONTH, resolution.results)
        self._only_the_machines_cells_changed(before, ["처리결과"])
        assert resolve(self.book.read(MONTH), taxonomy(), self.tagged, self.previous).results == {}
        self.previous = resolution.snapshot
        self.undo_stack.clear()

    # The people.

    @rule(row=ROWS, edit=PEOPLE)
    def write(self, row: int, edit: tuple[str, str]) -> None:
        """A reviewer writes a cell."""
        self._write(row, *edit)

    @rule(row=ROWS)
    def accept(self, row: int) -> None:
        """A reviewer accepts a row."""
        self._write(row, "검수완료", "Y")

    @rule(name=st.sampled_from(SHEET), downwards=st.booleans())
    def sort(self, name: str, downwards: bool) -> None:
        """A reviewer sorts whole rows by a column."""
        grid = self._begin()
        layout = self._layout(grid)
        body = sorted(grid[layout.header_row :], key=lambda row: layout.cell(row, name), reverse=downwards)
        self.replace([*grid[: layout.header_row], *body])

    @rule(at=ROWS)
    def insert_row(self, at: int) -> None:
        """A reviewer inserts a blank row, perhaps above the header."""
        grid = self._begin()
        grid.insert(at % (len(grid) + 1), [""] * len(grid[0]))
        self.replace(grid)

    @rule(at=ROWS, text=NOTES)
    @precondition(lambda self: self.columns_added < 3)
    def insert_column(self, at: int, text: str) -> None:
        """A reviewer inserts a column of their own and writes into it."""
        grid = self._begin()
        header = self._layout(grid).header_row - 1
        at %= len(grid[0]) + 1
        self.columns_added += 1
        for number, row in enumerate(grid):
            row.insert(at, f"우리 메모 {self.columns_added}" if number == header else text if number > header else "")
        self.replace(grid)

    @rule(row=ROWS)
    def delete_row(self, row: int) -> None:
        """A reviewer deletes a row below the header."""
        grid = self._begin()
        if (at := self._pick(grid, row)) is not None:
            del grid[at]
            self.replace(grid)

    @rule(source=ROWS, onto=ROWS)
    def paste_cells(self, source: int, onto: int) -> None:
        """A reviewer copies the people's cells of one row over another's."""
        grid = self._begin()
        layout = self._layout(grid)
        one, other = self._pick(grid, source), self._pick(grid, onto)
        if one is not None and other is not None:
            for name in SHEET_PEOPLE:
                grid[other][layout.columns[name] - 1] = layout.cell(grid[one], name)
            self.replace(grid)

    @rule(source=ROWS)
    def paste_row(self, source: int) -> None:
        """A reviewer copies a whole row below the last one."""
        grid = self._begin()
        if (at := self._pick(grid, source)) is not None:
            self.replace([*grid, list(grid[at])])

    @rule(row=ROWS, text=st.sampled_from(["v0", "v3", "v999", " v1 ", ""]))
    def change_id(self, row: int, text: str) -> None:
        """A reviewer edits a voc_id by hand."""
        self._write(row, "voc_id", text)

    @rule()
    @precondition(lambda self: self.undo_stack)
    def undo(self) -> None:
        """A reviewer takes the last change back."""
        self.replace(self.undo_stack.pop())

    # What must hold.

    def _only_the_machines_cells_changed(self, before: Cells, names: Sequence[str]) -> None:
        """Compare the worksheet with what it was: only ``names`` may differ, and only where the rules allow it."""
        after, layout = self._nothing_of_peoples_was_lost(before)
        allowed = {layout.columns[name] - 1 for name in names}
        for old, new in zip(before, after, strict=False):
            changed = {at for at, (one, other) in enumerate(zip(old, new, strict=True)) if one != other}
            assert changed <= allowed
            if changed and "처리결과" not in names:
                assert all(is_blank(cell) for cell in layout.cells(old, SHEET_PEOPLE))

    def _nothing_of_peoples_was_lost(self, before: Cells) -> tuple[Cells, Layout]:
        """Compare people's cells and own columns row by row; rows added lie below and hold nothing of people's."""
        after = rectangle(self.view())
        layout = self._layout(before)
        assert self._layout(after) == layout
        assert len(after) >= len(before)
        machine = {layout.columns[name] - 1 for name in (*UPLOAD, "처리결과")}
        for number, new in enumerate(after):
            old = before[number] if number < len(before) else [""] * len(new)
            kept = [at for at in range(max(len(old), len(new))) if at not in machine]
            assert [old[at] if at < len(old) else "" for at in kept] == [
                new[at] if at < len(new) else "" for at in kept
            ]
        return after, layout

    def _every_machine_row_exists_once(self, before: Cells) -> None:
        """Every tagged row is there, as often as people had it and at least once, and shows what it should."""
        after = rectangle(self.view())
        layout = self._layout(after)
        had, has = (Counter(row_key(layout.cell(row, "voc_id")) for row in grid) for grid in (before, after))
        wanted = {cells[0]: cells for cells in sheet_rows(self.tagged).itertuples(index=False, name=None)}
        for key in wanted:
            assert has[key] == max(had[key], 1)
        for row in after:
            key = row_key(layout.cell(row, "voc_id"))
            if key in wanted and all(is_blank(cell) for cell in layout.cells(row, SHEET_PEOPLE)):
                assert layout.cells(row, UPLOAD) == wanted[key]

    def _resolution_follows_from(self, grid: Cells, resolution: Resolution) -> None:
        """Only finished rows are merged, only into the taxonomy, and what is not merged is listed."""
        layout = self._layout(grid)
        finished = {
            row_key(layout.cell(row, "voc_id")) for row in grid if read_done(layout.cell(row, "검수완료")) is Done.YES
        }
        merged = set(resolution.snapshot["voc_id"])
        assert merged <= finished | set(resolution.carried)
        listed = {dispute.voc_id for dispute in resolution.disputed}
        assert finished <= merged | listed
        for row in resolution.snapshot.to_dict("records"):
            for head in HEADS:
                label = Label(str(row[f"{head}_major"]), str(row[f"{head}_minor"]))
                assert label == ("", "") or label in taxonomy().labels(head)
        assert set(resolution.withdrawn) == set(self.previous["voc_id"]) - merged

    # Helpers.

    def _upload(self, grow: int, *, relabel: bool) -> None:
        had = self.tagged
        self.tagged = tagged_frame(len(had) + grow)
        self.tagged.loc[: len(had) - 1, "subject_minor"] = had["subject_minor"]
        if relabel:
            flipped = {"냉난방/공조": "전기/조명", "전기/조명": "냉난방/공조"}
            self.tagged["subject_minor"] = self.tagged["subject_minor"].map(flipped).astype("str")
        self.book.upload(MONTH, sheet_rows(self.tagged), taxonomy())
        self.undo_stack.clear()

    def _begin(self) -> Cells:
        """Return the worksheet for a person's change, which can be undone until the machine writes again."""
        grid = rectangle(self.view())
        self.undo_stack.append([list(row) for row in grid])
        return grid

    def _write(self, row: int, name: str, text: str) -> None:
        grid = self._begin()
        if (at := self._pick(grid, row)) is not None:
            grid[at][self._layout(grid).columns[name] - 1] = text
            self.replace(grid)

    def _pick(self, grid: Cells, row: int) -> int | None:
        """Return the index of some row below the header, or None when there is none."""
        first = self._layout(grid).header_row
        return first + row % (len(grid) - first) if len(grid) > first else None

    @staticmethod
    def _layout(grid: Cells) -> Layout:
        layout = find_layout(grid)
        assert layout is not None
        return layout
