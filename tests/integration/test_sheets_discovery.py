"""What the product and gspread ask, and what the tests' Sheets server answers, beside Google's discovery document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import gspread
import pytest

from tests.integration.fixtures_sheets import ACCOUNT, MONTH, TITLE, Desk, desk, opened
from tests.sheets_server import Exchange, Fault, Formula
from tests.sheets_server.a1 import Box
from tests.sheets_server.batch import HANDLERS
from tests.sheets_server.discovery import Discovery, load
from tests.unit.fixtures_review import tagged_frame, taxonomy
from voc_worker.review.rows import sheet_rows
from voc_worker.review.sheets_calls import SheetCalls
from voc_worker.review.sheets_client import SheetsClient
from voc_worker.review.sheets_errors import SheetsAccessError

SHEETS = "/v4/spreadsheets/sheet-1"

#: gspread writes a truth value as Python does; Google takes it, or nobody's append_rows would work.
OF_GSPREAD = {"sheets.spreadsheets.values.append: includeValuesInResponse: 'False' is no boolean"}


@pytest.fixture(scope="module")
def discovery() -> Discovery:
    """Google's document."""
    return load()


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose server records every body."""
    with desk(tmp_path) as made:
        made.server.state.exchanges = []
        yield made


def exchanges(at: Desk) -> list[Exchange]:
    """Return what was said since the start."""
    assert at.server.state.exchanges
    return at.server.state.exchanges


def upload(at: Desk, count: int, minor: str = "냉난방/공조") -> None:
    """Upload ``count`` rows that are all labelled ``minor``."""
    rows = sheet_rows(tagged_frame(count))
    rows["주제 중분류"] = minor
    at.book().upload(MONTH, rows, taxonomy())


def first_upload(at: Desk) -> None:
    """A month is uploaded into an empty spreadsheet."""
    upload(at, 6)


def late_rows_and_another_model(at: Desk) -> None:
    """The month is uploaded again: rows are added, labels change, rows that people touched stay."""
    upload(at, 6)
    at.reviewer.type("v1", "검수완료", "Y")
    upload(at, 9, "전기/조명")


def blank_worksheet(at: Desk) -> None:
    """A person made the worksheet, too narrow and without a header."""
    at.file.sheets[0].title = TITLE
    at.file.delete(at.file.sheets[0], "COLUMNS", 5, 26)
    upload(at, 3)


def columns_were_moved(at: Desk) -> None:
    """The columns' metadata has to be laid anew before results can be written."""
    upload(at, 4)
    at.file.metadata.clear()
    at.book().write_results(MONTH, {"v1": "반영했습니다"})


def refresh(at: Desk) -> None:
    """Reviews with a formula, a merge and people's own rows are read and answered."""
    upload(at, 6)
    at.reviewer.type("v1", "검수완료", "예")
    at.owner.type_at(3, at.owner.column("검수_주제 대분류"), Formula("=1/0", "#DIV/0!"))
    at.owner.merge(Box(1, 3, at.owner.column("비고"), at.owner.column("비고") + 1))
    at.owner.insert("ROWS", 2)
    at.owner.insert("COLUMNS", 4)
    assert len(at.book().read(MONTH)) == 6
    at.book().write_results(MONTH, {"v1": "반영했습니다", "v2": "대기"})


def reading_in_pages(at: Desk) -> None:
    """A worksheet of more rows than a page is read."""
    upload(at, 9)
    calls = SheetCalls(SheetsClient(at.credentials, endpoint=at.server.endpoint), at.file.id, page_rows=4)
    worksheet = calls.look(MONTH).month
    assert worksheet is not None
    assert len(calls.grid(worksheet)) == 10


def broken_off_writers(at: Desk) -> None:
    """A half-filled month is filled anew, and what a dead writer locked is taken over."""
    for fault in (Fault(code=403, path="values:batchUpdate"), Fault(code=403, path=":batchUpdate", after=True)):
        at.server.fail(fault)
        with pytest.raises(SheetsAccessError):
            upload(at, 4)
        upload(at, 5)


def access_check(at: Desk) -> None:
    """`voc doctor` looks, and the address of the month is asked for."""
    at.book().check()
    assert at.book().url(MONTH).endswith("/edit")


def usual_calls_of_gspread(at: Desk) -> None:
    """A worksheet is made, filled, formatted, read and deleted with gspread's own methods."""
    book = opened(at.server, at.server.key_file(ACCOUNT))
    sheet = book.add_worksheet("12월 '표'/1", rows=10, cols=5)
    sheet.update([["a", "b", "c"], ["1", "007", "=1+1"]], "A1", raw=True)
    sheet.append_rows([["x", "", "z"]])
    sheet.batch_update([{"range": "A5:B5", "values": [["가", None]]}])
    sheet.update_acell("B6", "나")
    sheet.format("A1:C1", {"textFormat": {"bold": True}})
    sheet.freeze(rows=1)
    sheet.sort((1, "asc"), range="A2:C3")
    sheet.set_basic_filter("A1:C10")
    sheet.add_validation("A2:A10", gspread.utils.ValidationConditionType.one_of_list, ["Y"], strict=True)
    sheet.add_protected_range("C1:C10", editor_users_emails=[ACCOUNT])
    sheet.merge_cells("D3:D4")
    sheet.insert_rows([["새"]], row=2)
    sheet.insert_cols([["열"]], col=1)
    sheet.delete_rows(3)
    sheet.add_rows(3)
    sheet.columns_auto_resize(0, 2)
    sheet.hide()
    sheet.show()
    sheet.update_title("12월")
    assert sheet.get_all_values()
    assert sheet.batch_get(["A1:B2", "C1"])
    assert sheet.get("A1:C3", value_render_option=gspread.utils.ValueRenderOption.unformatted)
    assert sheet.find("새") is not None
    assert book.fetch_sheet_metadata({"includeGridData": "true"})["sheets"]
    assert [found.title for found in book.worksheets()] == ["시트1", "12월"]
    book.del_worksheet(sheet)


def calls_of_people_and_of_tests(at: Desk) -> None:
    """The rest of what the server knows is asked through gspread's raw calls."""
    book = opened(at.server, at.server.key_file(ACCOUNT))
    span = {"sheetId": 0, "dimension": "COLUMNS", "startIndex": 2, "endIndex": 3}
    replies = book.batch_update({"requests": [{"addProtectedRange": {"protectedRange": {"range": {"sheetId": 0}}}}]})
    number = replies["replies"][0]["addProtectedRange"]["protectedRange"]["protectedRangeId"]
    changed = {"protectedRangeId": number, "description": "둘째"}
    book.batch_update(
        {
            "requests": [
                {"updateProtectedRange": {"protectedRange": changed, "fields": "description"}},
                {"moveDimension": {"source": span, "destinationIndex": 0}},
            ]
        }
    )
    filters = {"dataFilters": [{"a1Range": "A1:B2"}, {"gridRange": {"sheetId": 0, "endRowIndex": 1}}]}
    book.client.request("post", f"https://sheets.googleapis.com{SHEETS}/values:batchGetByDataFilter", json=filters)


FLOWS = (
    first_upload,
    late_rows_and_another_model,
    blank_worksheet,
    columns_were_moved,
    refresh,
    reading_in_pages,
    broken_off_writers,
    access_check,
    usual_calls_of_gspread,
    calls_of_people_and_of_tests,
)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
def test_flow_conforms_to_the_discovery_document(at: Desk, discovery: Discovery, flow: Callable[[Desk], None]) -> None:
    """Every path, query and body that is asked and every body that is answered is one that Google describes."""
    flow(at)
    found = {text for exchange in exchanges(at) for text in discovery.deviations(exchange)}
    assert found - OF_GSPREAD == set()


def test_flows_speak_all_that_the_server_knows(at: Desk, discovery: Discovery) -> None:
    """Together the flows use each request of a structural batch and each method that the server answers."""
    for flow in FLOWS:
        fresh = at._replace(file=at.server.spreadsheet())
        fresh.file.writers.add(ACCOUNT)
        flow(fresh)
    methods = [discovery.method(exchange.method, exchange.path) for exchange in exchanges(at)]
    assert {method.id.removeprefix("sheets.spreadsheets.") for method in methods if method} == {
        "batchUpdate",
        "developerMetadata.search",
        "get",
        "values.append",
        "values.batchGet",
        "values.batchGetByDataFilter",
        "values.batchUpdate",
        "values.batchUpdateByDataFilter",
        "values.get",
        "values.update",
    }
    batches = [json.loads(said.sent) for said in exchanges(at) if f"{SHEETS}:batchUpdate" in said.path]
    assert {name for batch in batches for request in batch["requests"] for name in request} == set(HANDLERS)


def asked(verb: str, path: str, body: object = None) -> Exchange:
    """Return a request that Google did not answer."""
    return Exchange(verb, SHEETS + path, b"" if body is None else json.dumps(body).encode(), 500, None)


def batch(request: object) -> Exchange:
    """Return a structural batch of one request."""
    return asked("POST", ":batchUpdate", {"requests": [request]})


@pytest.mark.parametrize(
    ("exchange", "deviation"),
    [
        (batch({"addSheets": {}}), "body.requests[0]: unknown key 'addSheets'"),
        (batch({"deleteSheet": {"sheetId": "7"}}), 'body.requests[0].deleteSheet.sheetId: "7" is no integer'),
        (batch({"deleteSheet": {"sheetId": True}}), "body.requests[0].deleteSheet.sheetId: true is no integer"),
        (batch({"deleteSheet": {"sheetId": 2**31}}), "body.requests[0].deleteSheet.sheetId: 2147483648 is beyond"),
        (batch({"addSheet": []}), "body.requests[0].addSheet: [] is no AddSheetRequest"),
        (
            batch({"insertDimension": {"range": {"dimension": "ROW"}}}),
            "body.requests[0].insertDimension.range.dimension: 'ROW' is none of DIMENSION_UNSPECIFIED, ROWS, COLUMNS",
        ),
        (
            batch({"updateSheetProperties": {"properties": {}, "fields": "name"}}),
            "body.requests[0].updateSheetProperties.fields: unknown field 'name'",
        ),
        (
            batch({"updateCells": {"rows": [], "fields": "values.note"}}),
            "body.requests[0].updateCells.fields: unknown field 'values'",
        ),
        (
            batch({"addSheet": {"properties": {"dataSourceSheetProperties": {}}}}),
            "body.requests[0].addSheet.properties.dataSourceSheetProperties: is read-only",
        ),
        (asked("PUT", "/values/A1", {"values": [[{}]]}), "body.values[0][0]: {} is no any"),
        (asked("PUT", "/values/A1"), "body: is no JSON"),
        (asked("GET", "/values/A1", {}), "body: there must be none"),
        (asked("GET", "?fields=sheets(name)"), "query: fields: unknown field 'name'"),
        (asked("GET", "?fields=sheets("), "query: fields: Request contains an invalid argument"),
        (asked("GET", "?range=A1"), "query: unknown parameter 'range'"),
        (asked("GET", "?includeGridData=1"), "includeGridData: '1' is no boolean"),
        (
            asked("GET", "/values:batchGet?majorDimension=ROWS&majorDimension=ROWS"),
            "query: 'majorDimension' is given 2",
        ),
        (asked("GET", "/values/A1?valueRenderOption=PLAIN"), "valueRenderOption: 'PLAIN' is none of FORMATTED_VALUE"),
        (asked("GET", "/developerMetadata/x"), "metadataId: 'x' is no integer"),
        (asked("GET", "/values"), "GET /v4/spreadsheets/sheet-1/values: no such method"),
        (asked("GET", "/values/a b"), "GET /v4/spreadsheets/sheet-1/values/a b: no such method"),
        (Exchange("GET", SHEETS, b"", 200, {"id": "sheet-1"}), "answer: unknown key 'id'"),
        (Exchange("GET", SHEETS, b"", 200, {"spreadsheetId": 1}), "answer.spreadsheetId: 1 is no string"),
        (Exchange("GET", SHEETS, b"", 200, {"spreadsheetId": None}), "answer.spreadsheetId: null is no string"),
        (
            Exchange("GET", SHEETS, b"", 200, {"sheets": [{"basicFilter": {"criteria": {"1": {"hidden": []}}}}]}),
            "answer.sheets[0].basicFilter.criteria.1: unknown key 'hidden'",
        ),
    ],
)
def test_deviation_is_found(discovery: Discovery, exchange: Exchange, deviation: str) -> None:
    """An unknown name, a wrong type, value, field mask, parameter or path is found, and nothing besides."""
    (found,) = discovery.deviations(exchange)
    method = discovery.method(exchange.method, exchange.path)
    assert found.removeprefix(f"{method.id}: " if method else "").startswith(deviation)
