"""The review in Google Sheets, from `voc` on one side and a person in the sheet on the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Person
from tests.integration.fixtures_sheets import ACCOUNT, MONTH, Desk, desk
from tests.sheets_server import Person as Reviewer


@pytest.fixture
def sheet(tmp_path: Path) -> Iterator[Desk]:
    """Run a Sheets server with a spreadsheet that is shared with the service account."""
    folder = tmp_path / "google"
    folder.mkdir()
    with desk(folder) as found:
        yield found


def use(person: Person, sheet: Desk, spreadsheet: str) -> None:
    """Put the sheet into the person's settings."""
    lines = [
        "REVIEW_BACKEND=sheets",
        f"SHEETS_ID={spreadsheet}",
        f"SHEETS_ENDPOINT={sheet.server.endpoint}",
        f"GOOGLE_APPLICATION_CREDENTIALS={person.home / 'google' / 'key.json'}",
    ]
    with (person.home / ".env").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def test_what_a_reviewer_types_into_the_sheet_reaches_the_month(person: Person, sheet: Desk) -> None:
    """A full run fills the sheet; what a person sorts, corrects and mistypes there is merged or answered row by row."""
    use(person, sheet, sheet.file.id)
    person.types("run", "--mode", "full", "--month", "2025-12", "--building-id", "138")
    assert sheet.file.id in person.types("review", "url", "--month", "2025-12")

    reviewer = Reviewer(sheet.file, "reviewer@example.com", "202512")
    ids = [str(voc_id) for voc_id in sheet.book().read(MONTH)["voc_id"][:3]]
    corrected, accepted, mistyped = ids
    assert reviewer.type(corrected, "검수_주제 대분류", "환경")
    assert reviewer.type(corrected, "검수_주제 중분류", "소음/진동")
    for voc_id in ids:
        assert reviewer.type(voc_id, "검수완료", "y")
    assert reviewer.type(mistyped, "검수_주제 중분류", "없는것")
    assert not reviewer.type(accepted, "주제 대분류", "내 마음대로")

    printed = person.types("review", "status", "--month", "2025-12")
    assert "138" in printed
    assert mistyped in person.types("review", "conflicts", "--month", "2025-12")
    person.types("run", "--mode", "refresh", "--month", "2025-12")
    assert "반영됨" in reviewer.see(corrected, "처리결과")
    assert "반영하지 못함" in reviewer.see(mistyped, "처리결과")
    assert "표본" in person.types("review", "report", "--month", "2025-12")


def test_the_doctor_says_with_whom_to_share_the_sheet(person: Person, sheet: Desk) -> None:
    """A spreadsheet that is not shared is told with the exact address to share it with."""
    sheet.file.writers.clear()
    use(person, sheet, sheet.file.id)
    printed = person.types("doctor", code=69)
    (line,) = [line for line in printed.splitlines() if line.startswith("FAIL")]
    assert ACCOUNT in line


def test_a_wrong_spreadsheet_stops_the_run_with_a_sentence(person: Person, sheet: Desk) -> None:
    """A wrong id ends publish with a sentence; the dashboards that were made stay."""
    use(person, sheet, "no-such-sheet")
    process = person.start("run", "--mode", "full", "--month", "2025-12", "--building-id", "138")
    printed, _ = process.communicate(timeout=240)
    assert process.returncode in {64, 65}, printed
    assert "no-such-sheet" in printed
    assert "Traceback" not in printed
    assert (person.store / "202512" / "138" / "dashboard.html").exists()
