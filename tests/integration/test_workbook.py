"""The review workbook as people meet it: a real .xlsx file in a real store, edited by a second program."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.cell.rich_text import CellRichText
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet
from pydantic import SecretStr

from tests.integration.fixtures_s3 import S3Server
from tests.unit.fixtures_review import tagged_frame, taxonomy
from voc_models.labels import Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_models.months import Month
from voc_models.store import Fetched, ObjectStore
from voc_models.store_file import FileStore
from voc_models.stores import open_store
from voc_worker.columns import SHEET, SHEET_PEOPLE
from voc_worker.review.book import ReviewBookChangedError, ReviewBookError, ReviewBookUnavailableError
from voc_worker.review.layout import FRESH
from voc_worker.review.resolve import resolve
from voc_worker.review.rows import CUT_MARK, sheet_rows
from voc_worker.review.workbook import ATTEMPTS, WorkbookBook
from voc_worker.review.workbook_lists import LISTS_SHEET, list_columns, minor_formula

DECEMBER = Month(2025, 12)
KEY = "202512/review_202512.xlsx"
COLUMN = {name: index for index, name in enumerate(SHEET, start=1)}


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A store in a directory."""
    return FileStore(tmp_path.joinpath("store").as_uri())


@pytest.fixture
def book(store: FileStore) -> WorkbookBook:
    """A book that holds six rows of December."""
    review_book = WorkbookBook(store)
    review_book.upload(DECEMBER, sheet_rows(tagged_frame(6)), taxonomy())
    return review_book


def opened(store: ObjectStore) -> Workbook:
    """Open the stored workbook as a spreadsheet program would."""
    return load_workbook(io.BytesIO(store.get(KEY).data), rich_text=True)


def edit(store: ObjectStore, change: Callable[[Worksheet], object]) -> None:
    """Let a person open the workbook, change the month's worksheet and save."""
    workbook = opened(store)
    change(workbook["202512"])
    save(store, workbook)


def save(store: ObjectStore, workbook: Workbook) -> None:
    """Save a workbook over the stored one."""
    buffer = io.BytesIO()
    workbook.save(buffer)
    store.put(KEY, buffer.getvalue())


def row_of(sheet: Worksheet, voc_id: str) -> int:
    """Return the row in which ``voc_id`` stands."""
    return next(number for number, cell in enumerate(sheet["A"], start=1) if cell.value == voc_id)


def test_a_month_that_was_never_uploaded_is_empty(store: FileStore) -> None:
    """Reading without a workbook, or without the month's worksheet, gives no rows and no error."""
    assert WorkbookBook(store).read(DECEMBER).empty
    workbook = Workbook()
    save(store, workbook)
    assert WorkbookBook(store).read(DECEMBER).empty


def test_an_upload_is_read_back_as_it_was(book: WorkbookBook) -> None:
    """Every machine cell comes back as the same text, in the same order, with people's cells blank."""
    rows = sheet_rows(tagged_frame(6))
    read = book.read(DECEMBER)
    assert list(read.columns) == [*SHEET, "sheet_row"]
    assert read[list(rows.columns)].to_dict("list") == rows.to_dict("list")
    assert (read[list(SHEET_PEOPLE)] == "").all(axis=None)
    assert list(read["sheet_row"]) == list(range(2, 8))


@pytest.mark.usefixtures("book")
def test_the_worksheet_is_dressed_for_people(store: FileStore) -> None:
    """Header frozen, filter on, machine columns locked, people's columns free, drop-downs on all five of them."""
    sheet = opened(store)["202512"]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:V7"
    assert sheet.protection.sheet
    assert not sheet.protection.sort
    unlocked = [name for name in SHEET if not sheet.column_dimensions[_letter(name)].protection.locked]
    assert unlocked == list(SHEET_PEOPLE)
    assert sheet["A2"].protection.locked
    lists = {str(rule.sqref): str(rule.formula1) for rule in sheet.data_validations.dataValidation}
    assert list(lists) == [f"{letter}2:{letter}1048576" for letter in "OPQRS"]
    assert lists["O2:O1048576"] == "voc_subject_major"
    assert lists["P2:P1048576"] == minor_formula(FRESH, "subject")
    assert len(minor_formula(FRESH, "subject")) <= 255
    assert sheet["L2"].value == 0.5


def _letter(name: str) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUV"[SHEET.index(name)]


def test_the_lists_hold_the_active_pairs_and_follow_the_taxonomy(book: WorkbookBook, store: FileStore) -> None:
    """The hidden worksheet behind the drop-downs shows the pairs in force, equal 대분류 together, at every upload."""
    workbook = opened(store)
    assert workbook[LISTS_SHEET].sheet_state == "hidden"
    majors = [cell.value for cell in workbook[LISTS_SHEET]["B"] if cell.value][1:]
    assert majors == ["시설", "시설", "환경", "서비스", "기타"]
    now = taxonomy(retired=[("시설", "전기/조명")])
    book.upload(DECEMBER, sheet_rows(tagged_frame(6)), now)
    after = opened(store)
    minors = [cell.value for cell in after[LISTS_SHEET]["C"] if cell.value][1:]
    assert minors == ["냉난방/공조", "청결/미화", "안내/민원", "기타"]
    assert after.defined_names["voc_subject_minor"].attr_text == f"'{LISTS_SHEET}'!$C$2:$C$5"
    assert after[LISTS_SHEET].sheet_state == "hidden"


def test_equal_majors_that_lie_apart_are_offered_together() -> None:
    """A taxonomy whose 대분류 are not in one block still gives every 중분류 to its 대분류."""
    pairs = [("작업", "가"), ("점검", "나"), ("작업", "다")]
    entries = [TaxonomyEntry(kind=kind, major=a, minor=b) for kind in ("subject", "work") for a, b in pairs]
    columns = list_columns(checked_taxonomy(entries))
    assert columns["voc_work_of"] == ["작업", "작업", "점검", "기타"]
    assert columns["voc_work_minor"] == ["가", "다", "나", "기타"]


def test_the_guide_is_there_in_korean(book: WorkbookBook, store: FileStore) -> None:
    """Reviewers find a worksheet that explains the columns, and one that they changed is theirs."""
    text = "\n".join(str(cell.value or "") for cell in opened(store)["안내"]["A"])
    assert "검수완료에 Y" in text
    workbook = opened(store)
    workbook["안내"]["A1"] = "우리 팀 메모"
    save(store, workbook)
    book.upload(DECEMBER, sheet_rows(tagged_frame(8)), taxonomy())
    assert opened(store)["안내"]["A1"].value == "우리 팀 메모"


def test_dangerous_text_stays_text(store: FileStore) -> None:
    """Formulas, errors, control characters, lone surrogates and endless texts become plain, readable cells."""
    tagged = tagged_frame(5)
    texts = ['=HYPERLINK("http://example.org")', "#N/A", "\x00\x07종이\u202e", "-1+1", "ㅠ" * 50_000]
    rows = sheet_rows(tagged).sort_values("voc_id", ignore_index=True)
    rows["request_contents"] = texts
    book = WorkbookBook(store)
    book.upload(DECEMBER, rows, taxonomy())
    cells = {cell.row: cell for cell in opened(store)["202512"]["F"]}
    assert [cells[row].data_type for row in range(2, 7)] == ["s"] * 5
    assert [cells[row].quotePrefix for row in range(2, 6)] == [True, False, False, True]
    read = list(book.read(DECEMBER)["request_contents"])
    assert read[:4] == [texts[0], "#N/A", "종이", "-1+1"]
    assert read[4].endswith(CUT_MARK)
    assert len(read[4]) == 32_767
    assert book.upload(DECEMBER, rows, taxonomy()) == (0, 0, 0)


def test_an_upload_that_changes_nothing_leaves_the_file_alone(book: WorkbookBook, store: FileStore) -> None:
    """The same rows and taxonomy again, or results already shown, write no byte: nobody's open copy gets stale."""
    before = store.get(KEY).etag
    assert book.upload(DECEMBER, sheet_rows(tagged_frame(6)), taxonomy()) == (0, 0, 0)
    book.write_results(DECEMBER, {"v0": "", "unknown": "x"})
    assert store.get(KEY).etag == before


def test_everything_people_did_survives_an_upload(book: WorkbookBook, store: FileStore) -> None:
    """Cells, formats, comments, columns and worksheets of people are as they were after rows and labels changed."""

    def work(sheet: Worksheet) -> None:
        row = row_of(sheet, "v1")
        sheet.cell(row, COLUMN["검수완료"], "Y").fill = PatternFill("solid", fgColor="FFFF0000")
        sheet.cell(row, COLUMN["비고"]).comment = Comment("다시 확인", "김")
        sheet.cell(row_of(sheet, "v2"), COLUMN["검수_주제 대분류"], "=IF(1,2,3)")
        sheet.cell(1, 23, "담당")
        sheet.cell(row, 23, 7)
        sheet.row_dimensions[row].height = 44
        sheet.column_dimensions["F"].width = 99
        sheet.protection.sheet = False
        assert sheet.parent is not None
        sheet.parent.create_sheet("회의")["B2"] = "12/30"

    edit(store, work)
    tagged = tagged_frame(8)
    tagged["subject_minor"] = "전기/조명"
    report = book.upload(DECEMBER, sheet_rows(tagged), taxonomy())
    assert report == (2, 4, 2)
    workbook = opened(store)
    sheet = workbook["202512"]
    row = row_of(sheet, "v1")
    assert sheet.cell(row, COLUMN["검수완료"]).value == "Y"
    assert sheet.cell(row, COLUMN["검수완료"]).fill.fgColor.rgb == "FFFF0000"
    comment = sheet.cell(row, COLUMN["비고"]).comment
    assert comment is not None
    assert comment.text == "다시 확인"
    assert sheet.cell(row_of(sheet, "v2"), COLUMN["검수_주제 대분류"]).value == "=IF(1,2,3)"
    assert (sheet.cell(1, 23).value, sheet.cell(row, 23).value) == ("담당", 7)
    assert (sheet.row_dimensions[row].height, sheet.column_dimensions["F"].width) == (44, 99)
    assert not sheet.protection.sheet
    assert workbook["회의"]["B2"].value == "12/30"
    assert sheet.auto_filter.ref == "A1:V9"
    labels = dict(zip(*(book.read(DECEMBER)[name] for name in ("voc_id", "주제 중분류")), strict=True))
    assert (labels["v1"], labels["v0"], labels["v7"]) == ("냉난방/공조", "전기/조명", "전기/조명")


def test_inserted_columns_and_rows_are_written_around(book: WorkbookBook, store: FileStore) -> None:
    """Results find their column and rows after people moved both."""

    def work(sheet: Worksheet) -> None:
        sheet.insert_rows(1)
        sheet["A1"] = "가산타워 12월 검수"
        sheet.insert_cols(8)
        sheet["H2"] = "메모"

    edit(store, work)
    book.write_results(DECEMBER, {"v3": "반영됨"})
    read = book.read(DECEMBER).set_index("voc_id")
    assert read.loc["v3", "처리결과"] == "반영됨"
    assert (read.loc[["v0", "v1"], "처리결과"] == "").all()
    assert opened(store)["202512"]["H2"].value == "메모"


def test_drop_downs_follow_the_columns(book: WorkbookBook, store: FileStore) -> None:
    """After columns and rows were inserted an upload puts our drop-downs where they belong and keeps people's."""

    def work(sheet: Worksheet) -> None:
        sheet.insert_rows(1)
        sheet.insert_cols(8)
        sheet["H2"] = "담당"
        own = DataValidation(type="list", formula1='"가,나"')
        own.add("H3:H9")
        sheet.add_data_validation(own)

    edit(store, work)
    assert book.upload(DECEMBER, sheet_rows(tagged_frame(6)), taxonomy()) == (0, 0, 0)
    rules = opened(store)["202512"].data_validations.dataValidation
    lists = {str(rule.sqref): str(rule.formula1) for rule in rules}
    assert list(lists) == ["H3:H9", *(f"{letter}3:{letter}1048576" for letter in "PQRST")]
    assert 'IF($P3="",$I3,$P3)' in lists["Q3:Q1048576"]
    assert 'IF($R3="",$K3,$R3)' in lists["S3:S1048576"]
    before = store.get(KEY).etag
    book.upload(DECEMBER, sheet_rows(tagged_frame(6)), taxonomy())
    assert store.get(KEY).etag == before


def test_merged_cells_count_for_every_row_they_cover(book: WorkbookBook, store: FileStore) -> None:
    """A person's cells merged downwards are read in each row, and the machine writes around merged cells."""

    def work(sheet: Worksheet) -> None:
        for letter, text in (("O", "환경"), ("P", "청결/미화"), ("S", "Y")):
            sheet[f"{letter}2"] = text
            sheet.merge_cells(f"{letter}2:{letter}4")
        sheet.merge_cells("V2:V3")

    edit(store, work)
    tagged = tagged_frame(6)
    resolution = resolve(book.read(DECEMBER), taxonomy(), tagged)
    assert len(resolution.snapshot) == 3
    assert set(resolution.snapshot["subject_minor"]) == {"청결/미화"}
    assert book.upload(DECEMBER, sheet_rows(tagged), taxonomy()) == (0, 0, 3)
    book.write_results(DECEMBER, resolution.results)
    sheet = opened(store)["202512"]
    assert str(sheet["V2"].value).startswith("반영됨")
    assert sheet["V3"].value is None
    assert str(sheet["V4"].value).startswith("반영됨")


def test_cells_of_any_kind_are_read_as_text(book: WorkbookBook, store: FileStore) -> None:
    """Numbers, dates, truth values, rich text and formulas that people enter are read as they look."""
    values: dict[str, Any] = {
        "v0": 7.0,
        "v1": 0.25,
        "v2": True,
        "v3": dt.datetime(2025, 12, 3, 14, 5),  # noqa: DTZ001 - a spreadsheet has no time zones
        "v4": CellRichText("굵", "게"),
        "v5": "=SUM(1,2)",
    }

    def work(sheet: Worksheet) -> None:
        for voc_id, value in values.items():
            sheet.cell(row_of(sheet, voc_id), COLUMN["비고"]).value = value

    edit(store, work)
    notes = book.read(DECEMBER).sort_values("voc_id")["비고"]
    assert list(notes) == ["7", "0.25", "TRUE", "2025-12-03 14:05", "굵게", "=SUM(1,2)"]


def test_deleted_worksheet_is_made_again(book: WorkbookBook, store: FileStore) -> None:
    """When people deleted the month's worksheet, reading is empty and the next upload makes it anew."""
    workbook = opened(store)
    del workbook["202512"]
    save(store, workbook)
    assert book.read(DECEMBER).empty
    book.write_results(DECEMBER, {"v0": "x"})
    assert book.upload(DECEMBER, sheet_rows(tagged_frame(6)), taxonomy()).added == 6
    selected = [sheet.title for sheet in opened(store).worksheets if sheet.sheet_view.tabSelected]
    assert selected == ["202512"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda sheet: sheet.cell(1, COLUMN["검수완료"], "완료여부"), "has no column '검수완료'"),
        (lambda sheet: sheet.cell(1, 23, "비고"), "column '비고' twice"),
        (lambda sheet: sheet.delete_rows(1), "has no header row"),
    ],
)
def test_unreadable_columns_are_named(
    book: WorkbookBook, store: FileStore, change: Callable[[Worksheet], object], sentence: str
) -> None:
    """A renamed, doubled or deleted header stops reading and writing with a sentence, and the file stays as it is."""
    edit(store, change)
    before = store.get(KEY).etag
    with pytest.raises(ReviewBookError, match=sentence):
        book.read(DECEMBER)
    with pytest.raises(ReviewBookError, match="Worksheet 202512 of the review workbook"):
        book.upload(DECEMBER, sheet_rows(tagged_frame(6)), taxonomy())
    assert store.get(KEY).etag == before


def _empty_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w"):
        pass
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"", b"voc_id,building_id\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 64, _empty_zip()])
def test_a_file_that_is_no_workbook_is_a_sentence(store: FileStore, data: bytes) -> None:
    """A damaged, encrypted or foreign file is refused by address and never replaced."""
    store.put(KEY, data)
    with pytest.raises(ReviewBookError, match=r"review_202512\.xlsx is not a readable \.xlsx workbook"):
        WorkbookBook(store).upload(DECEMBER, sheet_rows(tagged_frame(1)), taxonomy())
    assert store.get(KEY).data == data


@pytest.mark.parametrize("lock", ["202512/~$review_202512.xlsx", "202512/.~lock.review_202512.xlsx#"])
def test_workbook_open_elsewhere_is_not_written(book: WorkbookBook, store: FileStore, lock: str) -> None:
    """While Excel or LibreOffice has the file open, reading works and writing says what to do."""
    store.put(lock, b"\x03Kim")
    assert len(book.read(DECEMBER)) == 6
    with pytest.raises(ReviewBookChangedError, match="is open in a spreadsheet program"):
        book.write_results(DECEMBER, {"v0": "반영됨"})
    store.delete(lock)
    book.write_results(DECEMBER, {"v0": "반영됨"})


class Interrupted(FileStore):
    """A store in which a person saves the workbook right after it was read."""

    saves = 0
    person: Callable[[], None] = staticmethod(lambda: None)

    def get(self, key: str) -> Fetched:
        """Read, then let the person save if they still want to."""
        fetched = super().get(key)
        if key == KEY and self.saves:
            self.saves -= 1
            self.person()
        return fetched


def interrupted(store: FileStore, saves: int) -> WorkbookBook:
    """Return a book during whose next readings somebody writes another 비고 and saves."""
    between = Interrupted(store.address)
    between.saves = saves
    count = iter(range(1000))
    between.person = lambda: edit(store, lambda sheet: sheet.cell(2, COLUMN["비고"], f"메모 {next(count)}"))
    return WorkbookBook(between)


def test_a_save_in_between_is_not_overwritten(book: WorkbookBook, store: FileStore) -> None:
    """When somebody saves between our reading and our writing, the upload starts again from what they saved."""
    report = interrupted(store, 1).upload(DECEMBER, sheet_rows(tagged_frame(8)), taxonomy())
    assert report == (2, 0, 1)
    read = book.read(DECEMBER)
    assert (len(read), read["비고"][0]) == (8, "메모 0")


def test_endless_saves_end_with_a_sentence(book: WorkbookBook, store: FileStore) -> None:
    """After a few tries the upload gives up and says that nothing was overwritten."""
    with pytest.raises(ReviewBookChangedError, match=f"saved by others {ATTEMPTS} times"):
        interrupted(store, ATTEMPTS).upload(DECEMBER, sheet_rows(tagged_frame(8)), taxonomy())
    read = book.read(DECEMBER)
    assert (len(read), read["비고"][0]) == (6, f"메모 {ATTEMPTS - 1}")


def test_a_store_that_does_not_answer_is_the_books_error() -> None:
    """When nothing listens at the store's address, the doctor and an upload both say so in the book's words."""
    key = SecretStr("nobody's")
    store = open_store(
        "s3://bucket", endpoint_url="http://127.0.0.1:9", path_style=True, access_key="nobody", secret_key=key
    )
    with pytest.raises(ReviewBookUnavailableError, match="cannot be read and written"):
        WorkbookBook(store).check()
    with pytest.raises(ReviewBookUnavailableError, match="of 2025-12 cannot be read"):
        WorkbookBook(store).upload(DECEMBER, sheet_rows(tagged_frame(1)), taxonomy())


def test_the_book_works_on_s3(s3_server: S3Server) -> None:
    """Uploading, a person's edit, reading and answering work through a real S3 server."""
    store = s3_server.new_store()
    book = WorkbookBook(store)
    assert book.upload(DECEMBER, sheet_rows(tagged_frame(6)), taxonomy()).added == 6
    edit(store, lambda sheet: sheet.cell(row_of(sheet, "v1"), COLUMN["검수완료"], "Y"))
    resolution = resolve(book.read(DECEMBER), taxonomy(), tagged_frame(6))
    book.write_results(DECEMBER, resolution.results)
    assert book.upload(DECEMBER, sheet_rows(tagged_frame(7)), taxonomy()) == (1, 0, 1)
    assert book.read(DECEMBER).set_index("voc_id").loc["v1", "처리결과"] == resolution.results["v1"]


def test_the_doctor_leaves_nothing_behind(book: WorkbookBook, store: FileStore) -> None:
    """The check proves reading and writing in one sentence and removes what it wrote."""
    keys_before = [listed.key for listed in store.list("")]
    assert book.check() == f"Review workbooks can be read and written in {store.address}."
    assert [listed.key for listed in store.list("")] == keys_before
    assert book.url(DECEMBER).endswith(KEY)


def test_a_full_taxonomy_and_many_rows_fit(store: FileStore) -> None:
    """Fifteen hundred rows and their results go in and come out whole."""
    tagged = tagged_frame(1500)
    book = WorkbookBook(store)
    assert book.upload(DECEMBER, sheet_rows(tagged), _wide_taxonomy()).added == 1500
    book.write_results(DECEMBER, {f"v{n}": f"결과 {n}" for n in range(1500)})
    read = book.read(DECEMBER)
    assert len(set(read["voc_id"])) == 1500
    assert (read["처리결과"] == read["voc_id"].str.replace("v", "결과 ")).all()


def _wide_taxonomy() -> Taxonomy:
    pairs = [(f"대{n // 10}", f"중{n}") for n in range(300)]
    return checked_taxonomy([TaxonomyEntry(kind=k, major=a, minor=b) for k in ("subject", "work") for a, b in pairs])
