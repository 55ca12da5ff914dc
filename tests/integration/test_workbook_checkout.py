"""Taking the workbook to a local folder and back, and the stored history, on a real store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from tests.unit.fixtures_review import sheet_frame, tagged_frame, taxonomy
from voc_models import keys
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_models.run import Mode
from voc_models.store import Fetched
from voc_models.store_file import FileStore
from voc_worker.columns import SHEET
from voc_worker.review.book import ReviewBookChangedError, ReviewBookError
from voc_worker.review.checkout import CheckoutError, push, take
from voc_worker.review.history import ATTEMPTS, load_history, record
from voc_worker.review.resolve import resolve
from voc_worker.review.rows import sheet_rows
from voc_worker.review.snapshot import known_reviews, newest_snapshot_key, snapshot_csv
from voc_worker.review.workbook import WorkbookBook

DECEMBER = Month(2025, 12)
RUN = "refresh_20260115_020000_1a2b3"
SEEN = datetime(2026, 1, 15, tzinfo=UTC)
DONE = SHEET.index("검수완료") + 1


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A store with a workbook of three rows."""
    files = FileStore(tmp_path.joinpath("store").as_uri())
    WorkbookBook(files).upload(DECEMBER, sheet_rows(tagged_frame(3)), taxonomy())
    return files


@pytest.fixture
def copy(store: FileStore, tmp_path: Path) -> Path:
    """A local copy of it."""
    return take(store, DECEMBER, tmp_path / "here")


def edit(path: Path, change: Callable[[Worksheet], object], author: str = "김민지") -> None:
    """Let a person edit a local workbook."""
    workbook = load_workbook(path)
    change(workbook["202512"])
    workbook.properties.lastModifiedBy = author
    workbook.save(path)


def accept(path: Path, author: str = "김민지") -> None:
    """Let a person accept the first row."""
    edit(path, lambda sheet: sheet.cell(2, DONE, "Y"), author)


def test_a_review_travels_there_and_back(store: FileStore, copy: Path) -> None:
    """What a person wrote into their copy is in the store after a push, again and again."""
    accept(copy)
    assert push(store, copy) == (3, 1, True)
    edit(copy, lambda sheet: sheet.cell(3, DONE, "Y"))
    assert push(store, copy) == (3, 2, True)
    assert list(WorkbookBook(store).read(DECEMBER)["검수완료"]) == ["Y", "Y", ""]


def test_an_unchanged_copy_is_not_written(store: FileStore, copy: Path) -> None:
    """Pushing what was taken writes nothing, so that nobody else's copy becomes stale."""
    before = store.get(keys.review_workbook(DECEMBER)).etag
    assert push(store, copy) == (3, 0, False)
    assert store.get(keys.review_workbook(DECEMBER)).etag == before


def test_a_push_over_somebody_elses_change_is_refused(store: FileStore, copy: Path, tmp_path: Path) -> None:
    """The second of two reviewers is told who saved last and what to do; the first one's work stays."""
    other = take(store, DECEMBER, tmp_path / "there")
    accept(other, author="이서준")
    push(store, other)
    accept(copy)
    with pytest.raises(ReviewBookChangedError, match=r"last saved by 이서준 at .* UTC.*Nothing was overwritten"):
        push(store, copy)
    assert store.get(keys.review_workbook(DECEMBER)).data == other.read_bytes()


def test_a_push_over_a_damaged_workbook_is_refused_without_a_name(store: FileStore, copy: Path) -> None:
    """When the changed workbook cannot even be read, the refusal still comes, without who and when."""
    store.put(keys.review_workbook(DECEMBER), b"not a workbook")
    accept(copy)
    with pytest.raises(ReviewBookChangedError, match=r"since you took it\. Nothing"):
        push(store, copy)


def test_unpushed_changes_are_not_replaced(store: FileStore, copy: Path) -> None:
    """Taking again keeps a copy with changes, replaces one without, and discards only when told to."""
    assert take(store, DECEMBER, copy.parent) == copy
    accept(copy)
    changed = copy.read_bytes()
    with pytest.raises(CheckoutError, match="changes that were not pushed"):
        take(store, DECEMBER, copy.parent)
    assert copy.read_bytes() == changed
    take(store, DECEMBER, copy.parent, discard=True)
    assert copy.read_bytes() == store.get(keys.review_workbook(DECEMBER)).data


def test_a_file_from_elsewhere_is_not_pushed(store: FileStore, copy: Path, tmp_path: Path) -> None:
    """A workbook whose origin is unknown, or another store, is refused, and so is a file that is not there."""
    stray = tmp_path / "review_202512.xlsx"
    stray.write_bytes(copy.read_bytes())
    with pytest.raises(CheckoutError, match="not known where"):
        push(store, stray)
    with pytest.raises(CheckoutError, match="was taken from file://"):
        push(FileStore(tmp_path.joinpath("another").as_uri()), copy)
    copy.unlink()
    with pytest.raises(CheckoutError, match="cannot be read"):
        push(store, copy)


def test_a_copy_that_is_open_is_not_pushed(store: FileStore, copy: Path) -> None:
    """While a spreadsheet program holds the copy open its last changes may not be in the file yet."""
    lock = copy.with_name(f"~${copy.name}")
    lock.write_bytes(b"")
    with pytest.raises(CheckoutError, match="Save and close it there"):
        push(store, copy)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda sheet: sheet.cell(1, DONE, "확인했음"), "no column '검수완료'"),
        (lambda sheet: setattr(sheet, "title", "12월"), "has no worksheet 202512"),
    ],
)
def test_a_copy_that_no_refresh_could_read_is_not_pushed(
    store: FileStore, copy: Path, change: Callable[[Worksheet], object], sentence: str
) -> None:
    """A broken header or worksheet name is found when pushing, while the person is still there."""
    edit(copy, change)
    with pytest.raises(ReviewBookError, match=sentence):
        push(store, copy)


def test_a_month_without_workbook_cannot_be_taken(store: FileStore, tmp_path: Path) -> None:
    """Taking a month that was never uploaded, or into a folder that cannot be, says so."""
    with pytest.raises(ReviewBookError, match="no review workbook of 2025-11"):
        take(store, Month(2025, 11), tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckoutError, match="Choose another folder"):
        take(store, DECEMBER, tmp_path / "file")


def snapshot_of(store: FileStore, run: str, *accepted: str) -> None:
    """Store the snapshot that a run takes when these rows are accepted."""
    tagged = tagged_frame(3)
    cells = {voc_id: {"검수완료": "Y"} for voc_id in accepted}
    taken = resolve(sheet_frame(tagged, cells), taxonomy(), tagged).snapshot
    store.put(keys.review_snapshot(DECEMBER, run), snapshot_csv(taken))


def test_the_newest_snapshot_is_the_latest_runs(store: FileStore) -> None:
    """Among a month's snapshots the one of the latest run counts, whatever the mode, unless one mode is asked for."""
    assert newest_snapshot_key(store, DECEMBER) is None
    snapshot_of(store, "train_20260120_040000_aaaaa", "v0")
    snapshot_of(store, "refresh_20260115_020000_zzzzz", "v1")
    snapshot_of(store, "refresh_20260114_020000_zzzzz", "v2")
    assert newest_snapshot_key(store, DECEMBER) == "202512/reviews/train_20260120_040000_aaaaa.csv"
    assert newest_snapshot_key(store, DECEMBER, Mode.REFRESH) == "202512/reviews/refresh_20260115_020000_zzzzz.csv"


def test_a_review_withdrawn_before_training_is_still_known_to_the_next_refresh(store: FileStore) -> None:
    """A row that the newest refresh held and the training after it did not is found withdrawn by the next refresh."""
    assert known_reviews(store, DECEMBER).empty
    snapshot_of(store, "refresh_20260115_020000_zzzzz", "v0", "v1")
    snapshot_of(store, "train_20260120_040000_aaaaa", "v1", "v2")
    known = known_reviews(store, DECEMBER)
    assert sorted(known["voc_id"]) == ["v0", "v1", "v2"]
    tagged = tagged_frame(3)
    cells = {voc_id: {"검수완료": "Y"} for voc_id in ("v1", "v2")}
    assert resolve(sheet_frame(tagged, cells), taxonomy(), tagged, known).withdrawn == ("v0",)


def test_the_history_grows_and_a_repeated_refresh_adds_nothing(store: FileStore) -> None:
    """Each refresh appends its events below the earlier ones; the same snapshot again leaves the object alone."""
    tagged = tagged_frame(3)
    snapshot = resolve(sheet_frame(tagged, {"v0": {"검수완료": "Y"}}), taxonomy(), tagged).snapshot
    assert load_history(store, DECEMBER) == []
    first = record(store, DECEMBER, tagged, snapshot, run_id=RUN, seen=SEEN)
    assert record(store, DECEMBER, tagged, snapshot, run_id=RUN, seen=SEEN) == []
    more = resolve(sheet_frame(tagged, {f"v{n}": {"검수완료": "Y"} for n in (0, 2)}), taxonomy(), tagged).snapshot
    second = record(store, DECEMBER, tagged, more, run_id=RUN, seen=SEEN)
    assert [event.voc_id for event in first + second] == ["v0", "v0", "v2", "v2"]
    assert load_history(store, DECEMBER) == first + second


class Busy(FileStore):
    """A store in which somebody else writes the history after each of our first readings."""

    writes = 0

    def get(self, key: str) -> Fetched:
        """Read, then let the other one append."""
        fetched = super().get(key)
        if key == keys.review_history(DECEMBER) and self.writes:
            self.writes -= 1
            self.put(key, fetched.data + fetched.data.splitlines(keepends=True)[0])
        return fetched


def test_two_refreshes_do_not_lose_each_others_history(store: FileStore) -> None:
    """Events written in between are kept; endless ones end with a sentence."""
    tagged = tagged_frame(3)
    one, two = (
        resolve(sheet_frame(tagged, cells), taxonomy(), tagged).snapshot
        for cells in ({"v0": {"검수완료": "Y"}}, {"v0": {"검수완료": "Y"}, "v1": {"검수완료": "Y"}})
    )
    record(store, DECEMBER, tagged, one, run_id=RUN, seen=SEEN)
    busy = Busy(store.address)
    busy.writes = 1
    record(busy, DECEMBER, tagged, two, run_id=RUN, seen=SEEN)
    assert [event.voc_id for event in load_history(store, DECEMBER)] == ["v0", "v0", "v0", "v1", "v1"]
    busy.writes = ATTEMPTS
    with pytest.raises(ReviewBookChangedError, match="Run refresh again"):
        record(busy, DECEMBER, tagged, one, run_id=RUN, seen=SEEN)


def test_a_damaged_history_names_its_line(store: FileStore) -> None:
    """A line that is no event is a data error with its number."""
    store.put(keys.review_history(DECEMBER), b'{"voc_id": 1}\n')
    with pytest.raises(DataError, match="line 1 is not a valid Event"):
        load_history(store, DECEMBER)
