"""The worksheet's structure, what is read of a spreadsheet, and where buildings' rows belong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gspread.exceptions import APIError
from requests import Response

from tests.unit.fixtures_review import taxonomy
from voc_models.labels import TaxonomyEntry, checked_taxonomy
from voc_models.months import Month
from voc_worker.columns import SHEET, SHEET_MACHINE
from voc_worker.review.book import ReviewBookError, ReviewBookUnavailableError
from voc_worker.review.layout import Layout
from voc_worker.review.sheets import Places, SheetsMapError, read_places
from voc_worker.review.sheets_errors import SheetsAccessError, explained
from voc_worker.review.sheets_looks import MOST_BUILDINGS, colours, filter_views
from voc_worker.review.sheets_requests import LISTS_ROWS, drop_downs, fill_lists, letters, protections, runs
from voc_worker.review.sheets_seen import LEASE, is_busy, lock, read_seen, writer_of

LAYOUT = Layout(1, {name: number for number, name in enumerate(SHEET, start=1)})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_columns_have_googles_letters() -> None:
    """Columns count A to Z, then AA."""
    assert [letters(column) for column in (1, 22, 26, 27, 702, 703)] == ["A", "V", "Z", "AA", "ZZ", "AAA"]


def test_machine_columns_are_protected_and_peoples_are_not() -> None:
    """The header and two runs of columns are protected, for the account as their editor, moved columns included."""
    asked = [request["addProtectedRange"]["protectedRange"] for request in protections(7, LAYOUT, "a@b")]
    spans = [(item["range"].get("startColumnIndex"), item["range"].get("endColumnIndex")) for item in asked]
    assert spans == [(None, None), (0, 14), (21, 22)]
    assert all(item["editors"] == {"users": ["a@b"]} for item in asked)
    moved = Layout(1, {**LAYOUT.columns, "title": 30})
    assert [len(run) for run in runs(moved, SHEET_MACHINE)] == [4, 9, 1, 1]


def test_choices_come_from_the_active_taxonomy() -> None:
    """중분류 choices are ordered by 대분류, cover exactly the active ones, and warn rather than refuse."""
    rules = [request["setDataValidation"]["rule"] for request in drop_downs(7, LAYOUT, taxonomy())]
    assert [rule["condition"]["type"] for rule in rules] == ["ONE_OF_RANGE"] * 4 + ["ONE_OF_LIST"]
    assert rules[1]["condition"]["values"] == [{"userEnteredValue": "='_목록'!$B$1:$B$5"}]
    rows = fill_lists(9, taxonomy())["updateCells"]["rows"]
    minors = [cell.get("userEnteredValue", {}).get("stringValue") for cell in (row["values"][1] for row in rows)]
    assert minors[:6] == ["냉난방/공조", "전기/조명", "청결/미화", "안내/민원", "기타", None]
    assert len(rows) == LISTS_ROWS


def test_too_large_taxonomy_is_refused() -> None:
    """More pairs than the hidden worksheet has rows are an error, not a list cut short."""
    entries = [TaxonomyEntry(kind="subject", major="가", minor=f"나{number}") for number in range(LISTS_ROWS + 1)]
    many = checked_taxonomy([*entries, TaxonomyEntry(kind="work", major="가", minor="나")])
    with pytest.raises(ReviewBookError, match="over 1000 active pairs"):
        fill_lists(9, many)


def test_wrong_pair_turns_red_against_the_label_that_counts() -> None:
    """The formula for a wrong pair falls back on the machine's cell where the person's is empty."""
    formulas = [
        rule["booleanRule"]["condition"]["values"][0]["userEnteredValue"]
        for rule in (request["addConditionalFormatRule"]["rule"] for request in colours(7, LAYOUT))
        if "booleanRule" in rule
    ]
    subject = next(formula for formula in formulas if '$O2&$P2<>""' in formula)
    assert 'IF($O2="",$H2,$O2)' in subject
    assert "INDIRECT(\"'_목록'!C:C\")" in subject


def test_buildings_have_views_while_they_are_few() -> None:
    """Each building has a filter view once; with very many there are the three common ones."""
    few = filter_views(7, LAYOUT, {"95": "가산타워"}, ["표본"])
    titles = [view["addFilterView"]["filter"]["title"] for view in few]
    assert titles == [
        "미검수",
        "신뢰도 낮은 순",
        "건물 95 가산타워",
    ]
    many = filter_views(7, LAYOUT, {str(number): "" for number in range(MOST_BUILDINGS + 1)}, [])
    assert len(many) == 3


def test_busy_worksheet_is_somebody_elses_and_fresh() -> None:
    """Another writer holds a worksheet until the lease runs out; one's own, dead and unreadable locks do not count."""

    def seen(writer: str) -> bool:
        metadata = [{"metadataKey": "voc-nlp.writing", "metadataValue": writer}] if writer else []
        properties = {"sheetId": 7, "title": " 202512 "}
        answer = {"sheets": [{"properties": properties, "developerMetadata": metadata}]}
        worksheet = read_seen(answer, Month(2025, 12)).month
        assert worksheet is not None
        return is_busy(worksheet, "me", NOW)

    assert seen(writer_of("other", NOW))
    assert not seen(writer_of("me", NOW))
    assert not seen(writer_of("other", NOW - LEASE - timedelta(seconds=1)))
    assert not seen("other|yesterday")
    assert not seen("")


def test_lock_clears_what_a_dead_writer_left() -> None:
    """Taking the lock removes an old claim and old protections in the same batch, and takes the new ones last."""
    sheet = {
        "properties": {"sheetId": 7, "title": "202512"},
        "developerMetadata": [{"metadataKey": "voc-nlp.writing", "metadataValue": "old|x"}],
        "protectedRanges": [
            {"protectedRangeId": 1, "description": "voc-nlp: 결과를 기록하고 있습니다. 몇 초 뒤에 풀립니다."},
            {"protectedRangeId": 2, "description": "우리 팀"},
        ],
    }
    worksheet = read_seen({"sheets": [sheet]}, Month(2025, 12)).month
    assert worksheet is not None
    names = [next(iter(request)) for request in lock(worksheet, "me|now", "")]
    assert names == ["deleteDeveloperMetadata", "deleteProtectedRange", "createDeveloperMetadata", "addProtectedRange"]


def answered(code: int, text: str) -> APIError:
    """Return gspread's error for an answer."""
    response = Response()
    response.status_code = code
    response._content = text.encode()
    return APIError(response)


def test_answers_that_are_no_json_are_sentences() -> None:
    """A proxy's page is told by its HTTP status, for gspread then knows no code."""
    assert isinstance(explained(answered(502, "<html>"), "s", "a@b"), ReviewBookUnavailableError)
    assert isinstance(explained(answered(404, "<html>"), "s", ""), SheetsAccessError)


def test_unknown_refusal_repeats_googles_words() -> None:
    """A 400 that has no sentence of ours is Google's own, with the spreadsheet's id."""
    error = explained(answered(400, json.dumps({"error": {"code": 400, "message": "odd"}})), "abc", "")
    assert isinstance(error, ReviewBookError)
    assert str(error) == "Google Sheets refuses a request for spreadsheet abc: odd"


def test_places_are_read_from_ids_addresses_and_a_map(tmp_path: Path) -> None:
    """An id may be the whole address; the map wins for its buildings, and every spreadsheet is listed once."""
    path = tmp_path / "map.yaml"
    path.write_text('"95": idA\n101: https://docs.google.com/spreadsheets/d/idB/edit#gid=0\n', encoding="utf-8")
    places = read_places("https://docs.google.com/spreadsheets/d/idD/edit", path)
    assert [places.of(building) for building in ("95", "101", "7")] == ["idA", "idB", "idD"]
    assert places.all() == ("idD", "idA", "idB")
    assert Places(None, {"1": "x", "2": "x"}).all() == ("x",)


@pytest.mark.parametrize("text", ["- a", "95:", "95: 7", "{", "\x00"])
def test_wrong_map_is_an_error(tmp_path: Path, text: str) -> None:
    """A file that is no map from building to id is refused, a missing one and no place at all likewise."""
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SheetsMapError, match="SHEETS_MAP"):
        read_places(None, path)
    with pytest.raises(SheetsMapError, match="cannot be read"):
        read_places(None, tmp_path / "missing.yaml")
    with pytest.raises(SheetsMapError, match="No spreadsheet is set"):
        read_places(None, None)
