"""The Google Sheets back end on a Sheets server over HTTP: filling, reading, and what people do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.integration.fixtures_sheets import ACCOUNT, MONTH, TITLE, Desk, desk
from tests.sheets_server import Fault, Formula
from tests.sheets_server.a1 import Box
from tests.unit.fixtures_review import tagged_frame, taxonomy
from voc_worker.columns import SHEET, SHEET_MACHINE, SHEET_PEOPLE
from voc_worker.review.book import ReviewBookChangedError, ReviewBookError, ReviewBookUnavailableError, UploadReport
from voc_worker.review.rows import sheet_rows
from voc_worker.review.sheets import Places, SheetsMapError
from voc_worker.review.sheets_calls import SheetCalls
from voc_worker.review.sheets_client import Budget, SheetsClient


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a shared, empty spreadsheet."""
    with desk(tmp_path) as made:
        yield made


def rows(count: int) -> pd.DataFrame:
    """Return an upload of ``count`` rows."""
    return sheet_rows(tagged_frame(count))


def relabelled(count: int, minor: str = "전기/조명") -> pd.DataFrame:
    """Return the same upload with another 주제 중분류."""
    changed = rows(count)
    changed["주제 중분류"] = minor
    return changed


def once(at: Desk, verb: str, act: Callable[[], object]) -> None:
    """Let ``act`` happen before the next request whose path contains ``verb``."""

    def before(_: str, path: str) -> None:
        if verb in path:
            at.server.state.before = None
            act()

    at.server.state.before = before


def test_first_upload_is_read_back_as_it_was_planned(at: Desk) -> None:
    """A new month's worksheet holds the rows in their order, and nobody saw it half filled."""
    report = at.book().upload(MONTH, rows(7), taxonomy())
    assert report == UploadReport(7, 0, 0)
    read = at.book().read(MONTH)
    assert list(read.columns) == [*SHEET, "sheet_row"]
    pd.testing.assert_frame_equal(read[list(rows(7).columns)], rows(7))
    assert list(read["sheet_row"]) == [2, 3, 4, 5, 6, 7, 8]
    assert [sheet.title for sheet in at.file.sheets] == ["안내", "시트1", TITLE, "_목록"]
    assert [sheet.hidden for sheet in at.file.sheets] == [False, False, False, True]
    assert not [item for item in at.file.metadata.values() if item.key == "voc-nlp.writing"]


def test_absent_worksheet_reads_as_no_rows(at: Desk) -> None:
    """A month without a worksheet is an empty frame with the sheet's columns, and results for it are nobody's."""
    assert at.book().read(MONTH).empty
    at.book().write_results(MONTH, {"v0": "반영"})
    assert [sheet.title for sheet in at.file.sheets] == ["시트1"]


def test_worksheet_helps_and_protects_people(at: Desk) -> None:
    """Choices, filters, views, colours and protections are there, and a reviewer may edit people's cells alone."""
    at.book().upload(MONTH, rows(4), taxonomy())
    sheet = at.file.titled(TITLE)
    assert sheet.frozen_rows == 1
    assert len(sheet.validations) == 5
    assert [rule.body["title"] for rule in sheet.views][:3] == ["표본", "미검수", "신뢰도 낮은 순"]
    assert len(sheet.views) == 5
    assert sheet.basic_filter is not None
    assert len(sheet.conditional) == 6
    for name in SHEET_PEOPLE:
        assert at.reviewer.type("v1", name, "글")
    for name in SHEET_MACHINE:
        assert not at.reviewer.type("v1", name, "글")
    assert not at.reviewer.sort("신뢰도")
    majors = [row[0] for row in at.file.titled("_목록").rows if row[0]]
    assert majors == ["시설", "환경", "서비스", "기타"]


def test_second_upload_changes_nothing(at: Desk) -> None:
    """Uploading the same rows again adds none, writes no value and leaves one of everything."""
    at.book().upload(MONTH, rows(5), taxonomy())
    before = at.file.titled(TITLE).fork()
    at.server.state.log.clear()
    assert at.book().upload(MONTH, rows(5), taxonomy()) == UploadReport(0, 0, 0)
    after = at.file.titled(TITLE)
    assert after.rows == before.rows
    assert len(after.views) == len(before.views)
    assert len(after.protections) == len(before.protections)
    assert len(after.validations) == len(before.validations)
    assert at.paths() == ["", ":batchUpdate", "/values:batchGet", ":batchUpdate"]


def test_untouched_rows_follow_the_machine_and_touched_ones_stay(at: Desk) -> None:
    """New labels reach rows without any person's cell; rows with one, 검수완료 alone included, keep what was seen."""
    at.book().upload(MONTH, rows(4), taxonomy())
    at.reviewer.type("v1", "검수완료", "Y")
    at.reviewer.type("v2", "비고", "확인 중")
    assert at.book().upload(MONTH, relabelled(6), taxonomy()) == UploadReport(2, 2, 2)
    read = at.book().read(MONTH).set_index("voc_id")
    assert read["주제 중분류"].to_dict() == {
        "v0": "전기/조명",
        "v1": "냉난방/공조",
        "v2": "냉난방/공조",
        "v3": "전기/조명",
        "v4": "전기/조명",
        "v5": "전기/조명",
    }
    assert read.loc["v1", "검수완료"] == "Y"
    assert read.loc["v2", "비고"] == "확인 중"


def test_results_are_written_by_voc_id(at: Desk) -> None:
    """처리결과 reaches the row of its voc_id after the owner sorted and inserted, and no other cell changes."""
    at.book().upload(MONTH, rows(4), taxonomy())
    at.reviewer.type("v2", "검수완료", "Y")
    at.owner.sort("voc_id", descending=True)
    at.owner.insert("ROWS", 2)
    at.owner.insert("COLUMNS", 3)
    at.owner.type_at(2, 3, "내 메모")
    before = at.book().read(MONTH).set_index("voc_id")
    at.book().write_results(MONTH, {"v2": "반영했습니다", "없음": "?"})
    after = at.book().read(MONTH).set_index("voc_id")
    assert after.loc["v2", "처리결과"] == "반영했습니다"
    pd.testing.assert_frame_equal(after.drop(columns="처리결과"), before.drop(columns="처리결과"))
    assert at.file.titled(TITLE).rows[2][3] == "내 메모"


def test_identity_and_formulas_stay_text(at: Desk) -> None:
    """Ids with leading noughts, dates and texts that begin with = are stored as the text that they are."""
    tagged = tagged_frame(2)
    tagged["voc_id"] = ["007", "1e5"]
    tagged["request_contents"] = ["=1+1", "'따옴표"]
    at.book().upload(MONTH, sheet_rows(tagged), taxonomy())
    tagged.loc[2] = tagged.loc[0]
    tagged.loc[2, ["voc_id", "request_contents"]] = ["008", "=IMPORTXML()"]
    at.book().upload(MONTH, sheet_rows(tagged), taxonomy())
    cells = [cell for row in at.file.titled(TITLE).rows for cell in row]
    assert not [cell for cell in cells if isinstance(cell, Formula)]
    assert sorted(at.book().read(MONTH)["request_contents"]) == ["'따옴표", "=1+1", "=IMPORTXML()"]
    assert sorted(at.book().read(MONTH)["voc_id"]) == ["007", "008", "1e5"]


def test_confidence_is_a_number(at: Desk) -> None:
    """신뢰도 is stored as a number, so that it sorts as one, and reads as three decimals."""
    at.book().upload(MONTH, rows(3), taxonomy())
    column = at.owner.column("신뢰도")
    assert {type(row[column]) for row in at.file.titled(TITLE).rows[1:]} == {float}
    assert at.owner.see("v0", "신뢰도") == "0.500"


def test_long_cell_is_cut_and_marked(at: Desk) -> None:
    """A text beyond Google's 50,000 characters is cut with a mark, and the next upload finds it unchanged."""
    tagged = tagged_frame(1)
    tagged["request_contents"] = "가" * 60_000
    at.book().upload(MONTH, sheet_rows(tagged), taxonomy())
    shown = at.owner.see("v0", "request_contents")
    assert len(shown) == 50_000
    assert shown.endswith("(이하 생략)")
    assert at.book().upload(MONTH, sheet_rows(tagged), taxonomy()) == UploadReport(0, 0, 0)


def test_what_people_type_is_read_as_they_see_it(at: Desk) -> None:
    """A formula is read as what it shows, a merged cell as the same text in each row, a blank row not at all."""
    at.book().upload(MONTH, rows(4), taxonomy())
    at.owner.sort("voc_id")
    at.owner.type_at(1, at.owner.column("검수완료"), "Ｙ")
    at.owner.merge(Box(1, 3, at.owner.column("검수완료"), at.owner.column("검수완료") + 1))
    at.owner.type_at(3, at.owner.column("검수_주제 대분류"), Formula("=H2", "시설"))
    at.owner.insert("ROWS", 3)
    read = at.book().read(MONTH)
    assert list(read["검수완료"]) == ["Ｙ", "Ｙ", "", ""]
    assert list(read["검수_주제 대분류"]) == ["", "", "시설", ""]
    assert list(read["sheet_row"]) == [2, 3, 5, 6]


def test_merged_cell_counts_for_each_of_its_rows(at: Desk) -> None:
    """A row below a merged 검수완료 is as decided as the first one: another model does not change it."""
    at.book().upload(MONTH, rows(4), taxonomy())
    at.owner.sort("voc_id")
    done = at.owner.column("검수완료")
    at.owner.type_at(1, done, "Y")
    at.owner.merge(Box(1, 3, done, done + 1))
    assert at.book().upload(MONTH, relabelled(4), taxonomy()) == UploadReport(0, 2, 2)
    read = at.book().read(MONTH)
    assert list(read["검수완료"]) == ["Y", "Y", "", ""]
    assert list(read["주제 중분류"]) == ["냉난방/공조", "냉난방/공조", "전기/조명", "전기/조명"]


def test_blank_worksheet_of_the_months_name_is_used(at: Desk) -> None:
    """A worksheet that a person made in advance gets the header, the rows, the choices and the protection."""
    at.file.sheets[0].title = f" {TITLE} "
    assert at.book().upload(MONTH, rows(3), taxonomy()) == UploadReport(3, 0, 0)
    sheet = at.file.sheets[1]
    assert sheet.rows[0][: len(SHEET)] == list(SHEET)
    assert sheet.validations
    assert sheet.protections
    assert len(at.book().read(MONTH)) == 3


def test_renamed_column_is_an_error_that_leaves_no_lock(at: Desk) -> None:
    """A header beyond recognition is named, nothing is written, and people can go on editing."""
    at.book().upload(MONTH, rows(2), taxonomy())
    at.owner.type_at(0, at.owner.column("검수완료"), "끝")
    with pytest.raises(ReviewBookError, match="no column '검수완료'"):
        at.book().upload(MONTH, relabelled(3), taxonomy())
    assert len(at.file.titled(TITLE).rows) == 3
    assert at.reviewer.type("v1", "비고", "글")


def test_taxonomy_changes_reach_the_choices(at: Desk) -> None:
    """A later upload renews the lists, and what is shorter leaves no old choice behind."""
    at.book().upload(MONTH, rows(2), taxonomy())
    at.book().upload(MONTH, rows(2), taxonomy(retired=[("서비스", "안내/민원"), ("환경", "청결/미화")]))
    assert [row[0] for row in at.file.titled("_목록").rows if row[0]] == ["시설", "기타"]


def test_buildings_go_to_their_own_spreadsheets(at: Desk) -> None:
    """With a map each building's rows lie in its spreadsheet alone, and reading and results span all of them."""
    other = at.server.spreadsheet("sheet-2")
    other.writers.add(ACCOUNT)
    book = at.book(places=Places(at.file.id, {"101": "sheet-2"}))
    assert book.upload(MONTH, rows(6), taxonomy()) == UploadReport(6, 0, 0)
    column = SHEET.index("building_id")
    assert {row[column] for row in other.titled(TITLE).rows[1:]} == {"101"}
    assert {row[column] for row in at.file.titled(TITLE).rows[1:]} == {"95"}
    book.write_results(MONTH, {"v1": "하나", "v2": "둘"})
    read = book.read(MONTH)
    assert sorted(read["voc_id"]) == ["v0", "v1", "v2", "v3", "v4", "v5"]
    assert sorted(read["처리결과"]) == ["", "", "", "", "둘", "하나"]
    assert book.url(MONTH).count("\n") == 1


def test_building_without_spreadsheet_stops_before_writing(at: Desk) -> None:
    """A building that the map does not name is an error, and nothing is written for the others."""
    with pytest.raises(SheetsMapError, match="Building 95 has no spreadsheet"):
        at.book(places=Places(None, {"101": at.file.id})).upload(MONTH, rows(4), taxonomy())
    assert not at.server.asked


# People at work between two requests.


def test_reviewer_cannot_edit_while_the_machine_writes(at: Desk) -> None:
    """Between the machine's reading and its writing a reviewer's edit is refused, and possible again afterwards."""
    at.book().upload(MONTH, rows(3), taxonomy())
    tried: list[bool] = []
    once(at, "batchUpdateByDataFilter", lambda: tried.append(at.reviewer.type("v1", "검수완료", "Y")))
    at.book().upload(MONTH, relabelled(3), taxonomy())
    assert tried == [False]
    assert at.reviewer.type("v1", "검수완료", "Y")


OWNER_ACTS: dict[str, Callable[[Desk], object]] = {
    "sorts": lambda at: at.owner.sort("voc_id", descending=True),
    "inserts a row on top": lambda at: at.owner.insert("ROWS", 1),
    "inserts a row above the header": lambda at: at.owner.insert("ROWS", 0),
    "deletes a blank row": lambda at: at.owner.delete("ROWS", 3),
    "inserts a column": lambda at: at.owner.insert("COLUMNS", 5),
    "inserts a column on the left": lambda at: at.owner.insert("COLUMNS", 0),
    "writes a note": lambda at: at.owner.type("v3", "비고", "지금 적는 중"),
}


@pytest.mark.parametrize("act", OWNER_ACTS)
def test_owner_at_work_between_reading_and_writing_is_put_right(at: Desk, act: str) -> None:
    """Whatever the owner does before the values arrive, people's cells stay and each voc_id gets its own labels."""
    at.book().upload(MONTH, rows(6), taxonomy())
    at.owner.insert("ROWS", 3)
    at.reviewer.type("v1", "검수_주제 대분류", "환경")
    at.reviewer.type("v2", "검수완료", "Y")
    changed = relabelled(6)
    changed["request_contents"] = [f"새 글 {key}" for key in changed["voc_id"]]
    once(at, "batchUpdateByDataFilter", lambda: OWNER_ACTS[act](at))
    at.book().upload(MONTH, changed, taxonomy())
    read = at.book().read(MONTH).set_index("voc_id")
    touched = {"v1", "v2", *(["v3"] if act == "writes a note" else [])}
    old = rows(6).set_index("voc_id")
    for key in old.index:
        expected = old if key in touched else changed.set_index("voc_id")
        assert read.loc[key, "주제 중분류"] == expected.loc[key, "주제 중분류"]
        assert read.loc[key, "request_contents"] == expected.loc[key, "request_contents"]
    assert read.loc["v1", "검수_주제 대분류"] == "환경"
    assert read.loc["v2", "검수완료"] == "Y"
    assert sorted(read.index) == ["v0", "v1", "v2", "v3", "v4", "v5"]
    people = read[list(SHEET_PEOPLE)].to_numpy().ravel()
    assert sorted(text for text in people if text) == sorted(
        ["환경", "Y", *(["지금 적는 중"] if act == "writes a note" else [])]
    )


def test_owner_who_never_stops_sorting_is_an_error(at: Desk) -> None:
    """When rows move at every write the machine gives up with a sentence instead of going on for ever."""
    at.book().upload(MONTH, rows(6), taxonomy())
    falling = [False]

    def sort(_: str, path: str) -> None:
        if "ByDataFilter" in path:
            falling[0] = not falling[0]
            at.owner.sort("voc_id", descending=falling[0])

    at.server.state.before = sort
    changed = rows(6)
    changed["request_contents"] = [f"새 글 {key}" for key in changed["voc_id"]]
    with pytest.raises(ReviewBookChangedError, match="Run again when nobody is sorting"):
        at.book().upload(MONTH, changed, taxonomy())


def test_columns_moved_during_an_append_are_reported(at: Desk) -> None:
    """An append that met moved columns says so; it has overwritten nothing."""
    at.book().upload(MONTH, rows(3), taxonomy())
    at.reviewer.type("v1", "비고", "남는 글")
    seen: list[str] = []

    def before(_: str, path: str) -> None:
        seen.append(path)
        if "fields=updatedSpreadsheet" in path:
            at.server.state.before = None
            at.owner.insert("COLUMNS", 0)

    at.server.state.before = before
    with pytest.raises(ReviewBookChangedError, match=r"columns of Worksheet '202512'.*were moved"):
        at.book().upload(MONTH, rows(4), taxonomy())
    assert at.owner.see("v1", "비고") == "남는 글"
    assert at.reviewer.type("v1", "비고", "잠금이 풀렸다")


def test_cut_and_pasted_columns_are_anchored_anew(at: Desk) -> None:
    """When the metadata no longer agrees with the header, the header counts."""
    at.book().upload(MONTH, rows(3), taxonomy())
    sheet = at.file.titled(TITLE)
    one, other = at.owner.column("title"), at.owner.column("비고")
    for row in sheet.rows:
        row[one], row[other] = row[other], row[one]
    at.owner.type("v1", "비고", "사람의 글")
    changed = rows(3)
    changed["title"] = "새 제목"
    at.book().upload(MONTH, changed, taxonomy())
    assert [at.owner.see(key, "title") for key in ("v0", "v1", "v2")] == ["새 제목", "문의 1", "새 제목"]
    assert at.owner.see("v1", "비고") == "사람의 글"


def test_two_writers_exclude_each_other(at: Desk) -> None:
    """A second run that begins while the first writes is told to try again, and neither adds a row twice."""
    at.book().upload(MONTH, rows(3), taxonomy())
    refused: list[str] = []

    def second() -> None:
        at.server.state.before = None
        with pytest.raises(ReviewBookChangedError, match="Another run is writing") as caught:
            at.book("other").upload(MONTH, rows(5), taxonomy())
        refused.append(str(caught.value))

    once(at, "values:batchGet", second)
    at.book().upload(MONTH, rows(5), taxonomy())
    assert len(refused) == 1
    assert sorted(at.book().read(MONTH)["voc_id"]) == ["v0", "v1", "v2", "v3", "v4"]


def test_dead_writer_is_succeeded(at: Desk) -> None:
    """What a killed run left locked is taken over by its own retry at once and by another run after the lease."""
    at.book().upload(MONTH, rows(3), taxonomy())
    at.server.fail(Fault(code=403, times=99, path="values:batchGet", message="killed"))
    at.server.fail(Fault(code=403, times=1, path=":batchUpdate", after=True))
    with pytest.raises(Exception, match="not shared"):
        at.book().upload(MONTH, rows(4), taxonomy())
    at.server.state.faults.clear()
    assert not at.reviewer.type("v1", "비고", "막힘")
    with pytest.raises(ReviewBookChangedError, match="Another run"):
        at.book("other").upload(MONTH, rows(4), taxonomy())
    assert at.book().upload(MONTH, rows(4), taxonomy()) == UploadReport(1, 0, 0)
    assert at.reviewer.type("v1", "비고", "풀림")


def test_half_filled_month_is_filled_anew(at: Desk) -> None:
    """A first upload that broke off shows nothing to people, and the retry replaces it."""
    at.server.fail(Fault(code=503, times=99, path="values:batchUpdate", message="down"))
    with pytest.raises(ReviewBookUnavailableError, match="did not answer in 6 attempts"):
        at.book().upload(MONTH, rows(4), taxonomy())
    at.server.state.faults.clear()
    assert at.book().read(MONTH).empty
    with pytest.raises(ReviewBookChangedError, match="Another run"):
        at.book("other").upload(MONTH, rows(4), taxonomy())
    at.clock.sleep(3600)
    assert at.book("other").upload(MONTH, rows(4), taxonomy()) == UploadReport(4, 0, 0)
    assert [sheet.title for sheet in at.file.sheets] == ["안내", "시트1", "_목록", TITLE]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(6))
def test_lost_answer_adds_no_row_twice(at: Desk, number: int, after: bool) -> None:
    """When the answer to any one request is lost, carried out or not, every row is there once and nothing is locked."""
    at.book().upload(MONTH, rows(3), taxonomy())
    asked = [0]

    def before(_: str, __: str) -> None:
        if asked[0] == number:
            at.server.fail(Fault(drop=True, after=after))
        asked[0] += 1

    at.server.state.before = before
    assert at.book().upload(MONTH, rows(6), taxonomy()) == UploadReport(3, 0, 0)
    at.server.state.before = None
    assert sorted(at.book().read(MONTH)["voc_id"]) == ["v0", "v1", "v2", "v3", "v4", "v5"]
    assert at.reviewer.type("v5", "비고", "글")


def test_month_without_rows_has_its_worksheet(at: Desk) -> None:
    """A month without VOC gets a worksheet with its header, to which rows can be added later."""
    assert at.book().upload(MONTH, rows(3).head(0), taxonomy()) == UploadReport(0, 0, 0)
    assert at.book().read(MONTH).empty
    assert at.book().upload(MONTH, rows(3), taxonomy()) == UploadReport(3, 0, 0)
    assert len(at.book().read(MONTH)) == 3


def test_reviewers_cannot_edit_the_choices(at: Desk) -> None:
    """The hidden worksheet of choices is protected as a whole."""
    at.book().upload(MONTH, rows(1), taxonomy())
    person = at.reviewer
    person.title = "_목록"
    assert not person.type_at(0, 0, "마음대로")


def test_padded_id_is_understood_and_left_as_it_is(at: Desk) -> None:
    """A voc_id with spaces around it is the same row; this book never writes an id into a row that exists."""
    at.book().upload(MONTH, rows(2), taxonomy())
    at.owner.type_at(at.owner.row_of("v1"), 0, " v1 ")
    at.book().upload(MONTH, relabelled(2), taxonomy())
    read = at.book().read(MONTH)
    assert sorted(read["voc_id"]) == [" v1 ", "v0"]
    assert set(read["주제 중분류"]) == {"전기/조명"}


def test_large_worksheet_is_read_in_pages_that_fit(at: Desk) -> None:
    """A worksheet of more rows than a page is read whole; rows that move between two pages are read again."""
    at.book().upload(MONTH, rows(9), taxonomy())
    client = SheetsClient(at.credentials, endpoint=at.server.endpoint, budget=Budget(clock=at.clock.time))
    calls = SheetCalls(client, at.file.id, page_rows=4)
    worksheet = calls.look(MONTH).month
    assert worksheet is not None
    once(at, "A5", lambda: at.owner.sort("voc_id", descending=True))
    grid = calls.grid(worksheet)
    assert [row[0] for row in grid] == ["voc_id", *(f"v{number}" for number in range(8, -1, -1))]
    falling = [False]

    def sort(_: str, path: str) -> None:
        if "A5" in path:
            falling[0] = not falling[0]
            at.owner.sort("voc_id", descending=not falling[0])

    at.server.state.before = sort
    with pytest.raises(ReviewBookChangedError, match="was sorted while it was read"):
        calls.grid(worksheet)
