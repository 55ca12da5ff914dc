"""What goes wrong between us and Google, and the sentence that a person reads then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.fixtures_sheets import ACCOUNT, MONTH, TITLE, Desk, desk, saved_key
from tests.sheets_server import Fault
from tests.unit.fixtures_review import tagged_frame, taxonomy
from voc_models.exit_codes import ExitCode
from voc_worker.review.book import ReviewBookChangedError, ReviewBookError, ReviewBookUnavailableError
from voc_worker.review.rows import sheet_rows
from voc_worker.review.sheets import Places
from voc_worker.review.sheets_client import Budget, load_credentials
from voc_worker.review.sheets_errors import SheetsAccessError


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a shared, empty spreadsheet."""
    with desk(tmp_path) as made:
        yield made


def test_check_names_the_spreadsheet_and_leaves_nothing(at: Desk) -> None:
    """A check that passes says which file can be read and written by whom, and leaves no trace in it."""
    said = at.book().check()
    assert said == f"Google Sheets 'VOC 검수' (sheet-1) can be read and written by {ACCOUNT}."
    assert not at.file.metadata


def test_unshared_spreadsheet_says_whom_to_share_with(at: Desk) -> None:
    """Without a share, and with a share for reading only, the exact address to add as an editor is said."""
    at.file.writers.clear()
    with pytest.raises(SheetsAccessError, match=f"Share, and add {ACCOUNT} as an editor") as caught:
        at.book().check()
    assert caught.value.exit_code is ExitCode.USAGE
    at.file.readers.add(ACCOUNT)
    with pytest.raises(SheetsAccessError, match=f"add {ACCOUNT} as an editor"):
        at.book().check()


def test_wrong_id_says_where_the_right_one_is(at: Desk) -> None:
    """An id that names nothing is an error that says which part of the address it is."""
    with pytest.raises(SheetsAccessError, match=r"no spreadsheet nowhere.*between /d/ and /edit"):
        at.book(places=Places("nowhere", {})).check()


def test_disabled_api_says_where_to_enable_it(at: Desk) -> None:
    """A project without the Sheets API is told where to enable it."""
    at.server.fail(Fault(code=403, message="Google Sheets API is disabled", reason="SERVICE_DISABLED"))
    with pytest.raises(SheetsAccessError, match=r"console\.cloud\.google\.com/apis/library/sheets"):
        at.book().check()


def test_replaced_key_and_wrong_clock_are_told_apart(at: Desk, tmp_path: Path) -> None:
    """A key that Google no longer knows asks for a new key, a wrong clock asks to set the clock."""
    (tmp_path / "new").mkdir()
    fresh = load_credentials(saved_key(at.server, tmp_path / "new"))
    with pytest.raises(SheetsAccessError, match="Create a new key"):
        at.book().check()
    at.server.state.accounts.skew_s = 86_400
    with pytest.raises(SheetsAccessError, match="clock is wrong"):
        at._replace(credentials=fresh).book().check()


@pytest.mark.parametrize("text", ["", "{}", "kein JSON", json.dumps({"type": "authorized_user"})])
def test_wrong_key_file_is_an_error(tmp_path: Path, text: str) -> None:
    """A file that is no service-account key is refused with where to get one."""
    path = tmp_path / "key.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SheetsAccessError, match="is not a service-account key file"):
        load_credentials(path)
    with pytest.raises(SheetsAccessError, match="cannot be read"):
        load_credentials(tmp_path / "missing.json")


def test_identity_comes_from_the_surroundings(at: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key file Google's default identity is used, and having none is an error that names both ways."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(saved_key(at.server, tmp_path)))
    at._replace(credentials=load_credentials(None)).book().check()
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(SheetsAccessError, match="no Google identity here"):
        load_credentials(None)


def test_expired_token_is_renewed_unnoticed(at: Desk) -> None:
    """A token that expires between two requests costs one more and is nobody's business."""
    book = at.book()
    book.upload(MONTH, sheet_rows(tagged_frame(2)), taxonomy())
    at.server.state.accounts.tokens.clear()
    assert len(book.read(MONTH)) == 2


def test_refused_token_is_an_error(at: Desk) -> None:
    """Credentials that Google goes on refusing ask for a new key."""
    at.server.fail(Fault(code=401, times=9, message="invalid authentication credentials"))
    with pytest.raises(SheetsAccessError, match="refuses the credentials"):
        at.book().check()


def test_quota_is_waited_for_as_long_as_google_asks(at: Desk) -> None:
    """429 with Retry-After waits that long and a little more; one that asks for an hour ends with a sentence."""
    at.server.fail(Fault(code=429, retry_after="30"))
    at.book().check()
    assert len(at.clock.slept) == 1
    assert 30 <= at.clock.slept[0] < 31
    at.server.fail(Fault(code=429, retry_after="3600"))
    with pytest.raises(ReviewBookUnavailableError, match="asks to wait 3600 seconds"):
        at.book().check()


def test_retries_end(at: Desk) -> None:
    """An upstream that stays away is asked six times with growing pauses, then there is a sentence."""
    at.server.fail(Fault(code=503, times=99, message="The service is currently unavailable."))
    with pytest.raises(ReviewBookUnavailableError, match=r"in 6 attempts.*Try again later") as caught:
        at.book().read(MONTH)
    assert caught.value.exit_code is ExitCode.UNAVAILABLE
    assert len(at.server.asked) == 6
    assert at.clock.slept == sorted(at.clock.slept)
    assert 31 <= sum(at.clock.slept) < 36


def test_dropped_connections_are_retried(at: Desk) -> None:
    """A reading whose connection breaks is asked again."""
    at.server.fail(Fault(drop=True, times=2))
    assert at.book().read(MONTH).empty
    assert len(at.clock.slept) == 2


def test_slow_answer_is_waited_for(at: Desk) -> None:
    """An answer that takes its time is no error."""
    at.server.fail(Fault(delay_s=0.3))
    assert at.book().read(MONTH).empty
    assert not at.clock.slept


def test_sign_in_that_is_down_is_not_a_wrong_key(at: Desk) -> None:
    """A sign-in that answers with a gateway's error is unavailable; nobody is told to make a new key."""
    at.server.fail(Fault(code=502, times=99, path="/token", message="Bad Gateway"))
    with pytest.raises(ReviewBookUnavailableError, match="sign-in is unavailable"):
        at.book().check()


def test_worksheet_deleted_in_mid_run_is_made_anew_by_the_next(at: Desk) -> None:
    """When the worksheet goes away under a run, the run says so, and the next one makes it again."""
    at.book().upload(MONTH, sheet_rows(tagged_frame(2)), taxonomy())

    def before(_: str, path: str) -> None:
        if "values:batchGet" in path:
            at.server.state.before = None
            at.file.drop_sheet(at.file.titled(TITLE))

    at.server.state.before = before
    with pytest.raises(ReviewBookChangedError, match="deleted or renamed the month's worksheet"):
        at.book().upload(MONTH, sheet_rows(tagged_frame(3)), taxonomy())
    assert at.book().upload(MONTH, sheet_rows(tagged_frame(3)), taxonomy()).added == 3


def test_full_spreadsheet_says_how_to_go_on(at: Desk) -> None:
    """Ten million cells end the spreadsheet's life: the error says how to start another, and nothing is half done."""
    at.file.sheets[0].columns = 10_000
    with pytest.raises(ReviewBookError, match=r"10,000,000 cells. Start a new one.*set SHEETS_ID") as caught:
        at.book().upload(MONTH, sheet_rows(tagged_frame(2)), taxonomy())
    assert ACCOUNT in str(caught.value)
    assert [sheet.title for sheet in at.file.sheets] == ["시트1"]


def test_foreign_protection_is_named(at: Desk) -> None:
    """Cells that somebody protected against the machine are an error that says what to remove."""
    at.book().upload(MONTH, sheet_rows(tagged_frame(2)), taxonomy())
    sheet = at.file.titled(TITLE)
    for item in sheet.protections:
        item.editors = (at.file.owner,)
    with pytest.raises(SheetsAccessError, match="protected cells of spreadsheet sheet-1"):
        at.book().upload(MONTH, sheet_rows(tagged_frame(3)), taxonomy())


def test_sixty_requests_a_minute_are_not_exceeded(at: Desk) -> None:
    """The sixty-first request of a minute waits until the first is a minute old."""
    budget = Budget(60, clock=at.clock.time, sleep=at.clock.sleep)
    for _ in range(60):
        at.clock.seconds += 0.1
        budget.take()
    assert not at.clock.slept
    budget.take()
    assert at.clock.slept == [pytest.approx(60 - 5.9)]
    for _ in range(300):
        budget.take()
    assert at.clock.seconds >= 5 * 60
