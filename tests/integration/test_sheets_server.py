"""The Sheets server of the tests, asked by gspread and google-auth as they ship."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import gspread
import pytest
from google.auth.exceptions import RefreshError
from google.oauth2.service_account import Credentials
from gspread.exceptions import APIError

from tests.integration.fixtures_sheets import SCOPES, opened
from tests.sheets_server import Fault, Person, SheetsServer, running
from tests.sheets_server.a1 import Box, parse


@pytest.fixture
def server() -> Iterator[SheetsServer]:
    """A running server with one spreadsheet, shared with the default service account."""
    with running() as server:
        server.spreadsheet().writers.add("voc@voc-test.iam.gserviceaccount.com")
        yield server


def test_gspread_round_trips_a_worksheet(server: SheetsServer) -> None:
    """A worksheet with a quote and a slash in its title is added, written, appended to and read back by gspread."""
    book = opened(server)
    sheet = book.add_worksheet("12월 '표'/1", rows=10, cols=5)
    sheet.update([["a", "b", "c"], ["1", "007", "=1+1"]], "A1", raw=True)
    sheet.append_rows([["x", "", "z"]])
    assert sheet.get_all_values() == [["a", "b", "c"], ["1", "007", "=1+1"], ["x", "", "z"]]
    assert [found.title for found in book.worksheets()] == ["시트1", "12월 '표'/1"]


def test_raw_keeps_text_and_user_entered_reads_it(server: SheetsServer) -> None:
    """RAW stores what was sent, USER_ENTERED what a person's keystrokes would become."""
    sheet = opened(server).sheet1
    sheet.update([["007", "=A1", "true"]], "A1", raw=True)
    sheet.update([["007", "=A1", "true"]], "A2", raw=False)
    assert sheet.get_values("A1:C2") == [["007", "=A1", "true"], ["7", "#NAME?", "TRUE"]]
    formula = gspread.utils.ValueRenderOption.formula
    unformatted = gspread.utils.ValueRenderOption.unformatted
    assert sheet.get_values("A2:C2", value_render_option=formula) == [[7.0, "=A1", True]]
    assert sheet.get_values("A2:A2", value_render_option=unformatted) == [[7.0]]


def test_reads_are_trimmed_and_null_skips_a_cell(server: SheetsServer) -> None:
    """Empty cells at the end of a row and empty rows at the end are not sent; null leaves a cell, "" empties it."""
    sheet = opened(server).sheet1
    sheet.update([["a", "b"], ["", ""], ["c", ""]], "B2", raw=True)
    assert sheet.spreadsheet.values_get("A1:Z1000")["values"] == [[], ["", "a", "b"], [], ["", "c"]]
    body = {"valueInputOption": "RAW", "data": [{"range": "B2:C2", "values": [[None, ""]]}]}
    sheet.spreadsheet.values_batch_update(body)
    assert sheet.spreadsheet.values_get("A1:Z1000")["values"][1] == ["", "a"]


def test_append_ends_at_the_first_empty_row(server: SheetsServer) -> None:
    """values.append takes an empty row for the end of the table, which is why the product does not use it."""
    sheet = opened(server).sheet1
    sheet.update([["a"], [""], ["b"]], "A1", raw=True)
    sheet.append_row(["new"], insert_data_option=gspread.utils.InsertDataOption.insert_rows, table_range="A1")
    assert sheet.get_values("A1:A5") == [["a"], ["new"], [""], ["b"]]


def test_batch_is_all_or_nothing(server: SheetsServer) -> None:
    """A batch with one refused request changes nothing and names that request."""
    book = opened(server)
    bad = {"deleteSheet": {"sheetId": 77}}
    with pytest.raises(APIError, match=r"Invalid requests\[1\].deleteSheet: No grid with id: 77") as caught:
        book.batch_update({"requests": [{"addSheet": {"properties": {"title": "x"}}}, bad]})
    assert caught.value.error["status"] == "INVALID_ARGUMENT"
    assert [sheet.title for sheet in book.worksheets()] == ["시트1"]


def test_structure_is_kept_and_shown(server: SheetsServer) -> None:
    """Gspread's structural calls are accepted and can be read back under a field mask."""
    book = opened(server)
    sheet = book.sheet1
    sheet.freeze(rows=1)
    sheet.set_basic_filter("A1:C10")
    sheet.add_validation("A2:A10", gspread.utils.ValidationConditionType.one_of_list, ["Y"], strict=True)
    sheet.add_protected_range("C1:C10", editor_users_emails=["voc@voc-test.iam.gserviceaccount.com"])
    sheet.merge_cells("A3:A4")
    mask = "sheets(properties(title,gridProperties.frozenRowCount),basicFilter.range,merges,protectedRanges.editors)"
    shown = book.fetch_sheet_metadata({"fields": mask})["sheets"][0]
    assert shown["properties"] == {"title": "시트1", "gridProperties": {"frozenRowCount": 1}}
    assert shown["basicFilter"]["range"]["endRowIndex"] == 10
    assert len(shown["merges"]) == 1
    assert shown["protectedRanges"] == [{"editors": {"users": ["voc@voc-test.iam.gserviceaccount.com"]}}]
    assert server.state.books["sheet-1"].sheets[0].validations[0].body["strict"] is True


def test_metadata_follows_its_column(server: SheetsServer) -> None:
    """Column metadata moves with its column, where a data filter finds it; its id cannot be used twice."""
    book = opened(server)
    span = {"sheetId": 0, "dimension": "COLUMNS", "startIndex": 1, "endIndex": 2}
    body = {"metadataId": 5, "metadataKey": "k", "visibility": "DOCUMENT", "location": {"dimensionRange": span}}
    create = {"createDeveloperMetadata": {"developerMetadata": body}}
    book.batch_update({"requests": [create]})
    with pytest.raises(APIError, match="already exists"):
        book.batch_update({"requests": [create]})
    book.sheet1.insert_cols([["new"]], col=1)
    data = [
        {
            "dataFilter": {"developerMetadataLookup": {"metadataKey": "k"}},
            "majorDimension": "COLUMNS",
            "values": [[None, "v"]],
        }
    ]
    url = f"https://sheets.googleapis.com/v4/spreadsheets/{book.id}/values:batchUpdateByDataFilter"
    book.client.request("post", url, json={"valueInputOption": "RAW", "data": data})
    assert book.sheet1.get_values("A1:C2") == [["new", "", ""], ["", "", "v"]]


def test_protection_binds_people_but_not_the_owner(server: SheetsServer) -> None:
    """A protected range refuses those who are not its editors, sorting across it included, and never the owner."""
    book = opened(server)
    book.sheet1.update([["h", "voc_id"], ["b", "1"], ["a", "2"]], "A1", raw=True)
    book.sheet1.add_protected_range("B:B")
    known = server.state.books["sheet-1"]
    reviewer = Person(known, "reviewer@example.com", "시트1")
    assert reviewer.type_at(1, 0, "c")
    assert not reviewer.type_at(1, 1, "9")
    assert not reviewer.sort("h")
    owner = Person(known, known.owner, "시트1")
    assert owner.sort("voc_id", descending=True)
    assert book.sheet1.col_values(1) == ["h", "a", "c"]


@pytest.mark.parametrize(
    ("code", "status"), [(403, "PERMISSION_DENIED"), (429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE")]
)
def test_errors_have_googles_shape(server: SheetsServer, code: int, status: str) -> None:
    """A fault on demand arrives as Google's JSON error, once."""
    book = opened(server)
    server.fail(Fault(code=code, message="as told"))
    with pytest.raises(APIError, match="as told") as caught:
        book.sheet1.get_values()
    assert (caught.value.code, caught.value.error["status"]) == (code, status)
    assert book.sheet1.get_values() == [[]]


def test_access_is_by_account_and_sharing(server: SheetsServer) -> None:
    """An account without a share is refused with 403, an unknown id is 404, a reader may read and not write."""
    stranger = server.key_file("stranger@voc-test.iam.gserviceaccount.com")
    with pytest.raises(PermissionError):
        opened(server, stranger)
    server.state.books["sheet-1"].readers.add("stranger@voc-test.iam.gserviceaccount.com")
    with pytest.raises(APIError, match="permission"):
        opened(server, stranger).sheet1.update([["x"]], "A1")
    server.state.books.clear()
    with pytest.raises(gspread.SpreadsheetNotFound):
        opened(server)


def test_tokens_need_a_right_signature_and_clock(server: SheetsServer) -> None:
    """A replaced key and a wrong clock are refused a token; an expired access token is renewed unnoticed."""
    old = server.key_file()
    book = opened(server)
    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        opened(server, old)
    server.state.accounts.tokens.clear()
    assert book.sheet1.get_values() == [[]]
    server.state.accounts.skew_s = 7200
    with pytest.raises(RefreshError, match="reasonable timeframe"):
        opened(server)


def test_limits_are_googles(server: SheetsServer) -> None:
    """Ten million cells and fifty thousand characters are the end."""
    book = opened(server)
    with pytest.raises(APIError, match="10000000 cells"):
        book.add_worksheet("big", rows=400_000, cols=25)
    with pytest.raises(APIError, match="50000 characters"):
        book.sheet1.update([["x" * 50_001]], "A1")


def test_edits_come_between_requests(server: SheetsServer) -> None:
    """The hook runs before every request and can change the spreadsheet under the client's feet."""
    book = opened(server)
    known = server.state.books["sheet-1"]
    server.state.before = lambda *_: known.write(known.sheets[0], 0, 0, f"seen {len(server.asked)}")
    seen = len(server.asked)
    assert book.sheet1.acell("A1").value == f"seen {seen + 1}"


def test_key_file_is_one_that_google_writes(server: SheetsServer, tmp_path: Path) -> None:
    """The key file works from disk, as an installation uses it."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(server.key_file()), encoding="utf-8")
    credentials = Credentials.from_service_account_file(  # type: ignore[no-untyped-call]  # google-auth is partly typed
        str(path), scopes=SCOPES
    )
    assert credentials.service_account_email == "voc@voc-test.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'표 1'!B2:C", ("표 1", Box(1, None, 1, 3))),
        ("'표 1'", ("표 1", Box())),
        ("A:B", ("x", Box(0, None, 0, 2))),
        ("x!3:4", ("x", Box(2, 4, 0, None))),
        ("x!AA10", ("x", Box(9, 10, 26, 27))),
    ],
)
def test_a1_ranges_are_read(text: str, expected: tuple[str, Box]) -> None:
    """Quoted titles, open ranges and single cells are understood."""
    assert parse(text, ["x", "표 1"]) == expected
