"""A month, as a person at a terminal runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.e2e.conftest import Person
from voc_models.months import Month
from voc_worker.sample.generate import generate

DECEMBER = Month(2025, 12)


def latest(person: Person, building: str) -> dict[str, object]:
    """Return the pointer to a building's month in force."""
    read: dict[str, object] = json.loads((person.store / "202512" / building / "latest.json").read_text())
    return read


def summaries(person: Person) -> list[dict[str, object]]:
    """Return the run summaries of the month."""
    return [json.loads(file.read_text()) for file in (person.store / "202512" / "runs").glob("*/summary.json")]


@cache
def rows_in_sample(building: str) -> int:
    """Return how many requests a building has in December."""
    voc = generate().voc
    month = voc["created_at"].dt.strftime("%Y-%m") == "2025-12"
    return int((month & (voc["building_id"] == building)).sum())


def edit(file: Path, cells: dict[str, dict[str, str | None]], worksheet: str = "202512") -> None:
    """Write people's cells by voc_id into the workbook, as somebody in Excel does."""
    book = load_workbook(file)
    sheet = book[worksheet]
    columns = {str(cell.value): int(cell.column or 0) for cell in sheet[1]}
    numbers = {str(sheet.cell(row, columns["voc_id"]).value): row for row in range(2, sheet.max_row + 1)}
    for voc_id, written in cells.items():
        for name, value in written.items():
            sheet.cell(numbers[voc_id], columns[name]).value = value
    book.save(file)


def test_a_month_from_tagging_to_reviewed_dashboards(person: Person) -> None:
    """A full run makes dashboards and a workbook; a corrected row comes back through refresh behind the same link."""
    printed = person.types("run", "--mode", "full", "--all-buildings", "--month", "202512")
    assert "5 of 5 buildings" in printed
    assert latest(person, "95")["rows"] == rows_in_sample("95")
    link = person.store / "202512" / "95" / "dashboard.html"
    before = link.read_text(encoding="utf-8")

    workbook = person.home / "review_202512.xlsx"
    person.types("review", "open", "--month", "2025-12", "--no-open")
    ids = [
        str(row[0])
        for row in load_workbook(workbook)["202512"].iter_rows(min_row=2, max_col=2, values_only=True)
        if row[1] == "95"
    ]
    corrected, accepted, mistyped = ids[:3]
    edit(
        workbook,
        {
            corrected: {
                "검수_주제 대분류": "환경",
                "검수_주제 중분류": "소음/진동",
                "검수완료": " y ",
                "검수자": "김검수",
            },
            accepted: {"검수완료": "Ｙ"},
            mistyped: {"검수_주제 대분류": "시설", "검수_주제 중분류": "없는것", "검수완료": "Y"},
        },
    )
    person.types("review", "push", str(workbook))

    printed = person.types("run", "--mode", "refresh", "--month", "2025-12")
    assert f"VOC {mistyped}" in printed
    assert latest(person, "95")["reviewed_rows"] == 3
    (plan,) = person.store.glob("202512/runs/refresh_*/plan.json")
    assert json.loads(plan.read_text())["company_medians"]["reviewed_share"] is not None
    assert link.read_text(encoding="utf-8") != before
    reviewed = person.store / str(latest(person, "95")["reviewed"]["key"])  # type: ignore[index]  # JSON read above
    line = next(line for line in reviewed.read_text(encoding="utf-8-sig").splitlines() if line.startswith(corrected))
    assert "환경,소음/진동" in line
    assert "manual" in line


def test_a_finished_month_is_not_run_again_unless_forced(person: Person) -> None:
    """The same command a second time does nothing and says so; --force makes a new run."""
    command = ("run", "--mode", "tagging-only", "--building-id", "138", "--year", "2025", "--month", "12")
    person.types(*command)
    first = latest(person, "138")["run_id"]
    assert "nothing to do" in person.types(*command)
    assert latest(person, "138")["run_id"] == first
    person.types(*command, "--force")
    assert latest(person, "138")["run_id"] != first


def test_a_dry_run_shows_the_plan_and_writes_nothing(person: Person) -> None:
    """--dry-run lists the buildings with their rows and leaves the store empty."""
    printed = person.types("run", "--mode", "full", "--month", "2025-12", "--dry-run")
    assert "한빛타워" in printed
    assert str(rows_in_sample("95")) in printed
    assert not person.store.exists() or not list(person.store.rglob("*.json"))


def test_a_manifest_is_executed_here(person: Person) -> None:
    """`voc run -f` executes a VocMonthlyRun for the buildings that it names."""
    (person.home / "run.yaml").write_text(
        "apiVersion: vocnlp.io/v1alpha1\nkind: VocMonthlyRun\nmetadata: {name: x}\n"
        'spec: {mode: tagging-only, month: "2025-12", buildings: ["112", "138"], parallelism: 2}\n'
    )
    assert "2 of 2 buildings" in person.types("run", "-f", "run.yaml")
    assert {path.parent.name for path in person.store.glob("202512/*/latest.json")} == {"112", "138"}


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until ``condition()`` is true."""
    for _ in range(600):
        if condition():
            return
        assert process.poll() is None, "the run ended too early"
        time.sleep(0.05)
    raise AssertionError("nothing happened for 30 s")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_run_is_taken_up_again(person: Person, how: signal.Signals) -> None:
    """After Ctrl-C, SIGTERM or kill -9 the same command goes on with the same run and doubles nothing."""
    command = ("run", "--mode", "full", "--month", "2025-12", "--parallelism", "1")
    process = person.start(*command)
    wait_for(lambda: list(person.store.glob("202512/*/latest.json")), process)
    process.send_signal(how)
    printed, _ = process.communicate(timeout=60)
    if how is not signal.SIGKILL:
        assert process.returncode == 75, printed
    assert summaries(person) == []
    printed = person.types(*command)
    assert "was interrupted; going on with it" in printed
    (summary,) = summaries(person)
    assert summary["succeeded"] == summary["total"] == 5
    files = [file.name for file in person.store.glob("202512/*/tagged_*.csv")]
    assert len(files) == 5


def test_two_runs_of_a_month_at_once_are_told_apart(person: Person) -> None:
    """While one run works on a month, a second one of the same month is refused and names the first."""
    first = person.start("run", "--mode", "full", "--month", "2025-12", "--parallelism", "1")
    wait_for(lambda: list(person.store.glob("202512/runs/*/plan.json")), first)
    printed = person.types("run", "--mode", "tagging-only", "--month", "2025-12", code=75)
    assert "is at work on 202512" in printed
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--mode", "full", "--month", "2999-01"), 65, "has not begun"),
        (("--mode", "full", "--month", "2001-01"), 65, "2001-01"),
        (("--mode", "full", "--month", "2025-12", "--building-id", "999"), 65, "999"),
        (("--mode", "refresh", "--month", "2025-12"), 65, "Run mode full"),
        (("--mode", "full", "--month", "2025-13"), 64, "not a month"),
        (("--mode", "full"), 64, "Name the month"),
        (("--month", "2025-12"), 64, "--mode"),
        (("--mode", "full", "--month", "2025-12", "--building-id", "95", "--building-id", "95"), 64, "twice"),
        (("--mode", "full", "--month", "2025-12", "--model-version", "newest"), 64, "model_version"),
        (("-f", "missing.yaml"), 64, "cannot be read"),
        (("--mode", "full", "--month", "2025-12", "--model-version", "20200101"), 65, "20200101"),
        (("--mode", "full", "--month", "2025-12", "--env", "stage"), 64, ".env.stage"),
    ],
)
def test_what_cannot_be_run_is_refused_with_a_sentence(
    person: Person, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """Each mistake ends with its exit code and a sentence that names it, without a traceback."""
    printed = person.types("run", *words, code=code)
    assert sentence in printed
    assert "Traceback" not in printed


def test_an_empty_month_of_a_building_has_a_page_that_says_so(person: Person) -> None:
    """A building without a request in the month gets a dashboard that says so, and the run succeeds."""
    person.types("run", "--mode", "full", "--month", "2025-12", "--building-id", "77")
    page = (person.store / "202512" / "77" / "dashboard.html").read_text(encoding="utf-8")
    assert latest(person, "77")["rows"] == 0
    assert "접수된 VOC가 없습니다" in page


def test_the_doctor_says_what_is_wrong_and_what_to_do(person: Person) -> None:
    """With everything in place each line is ok; with a dead database its line fails and the others stay ok."""
    assert "FAIL" not in person.types("doctor")
    (person.home / ".env.dead").write_text(
        (person.home / ".env").read_text() + "DB_HOST=127.0.0.1\nDB_PORT=1\nDB_PASSWORD=hunter2\n"
    )
    printed = person.types("doctor", "--env", "dead", code=69)
    lines = {line.split()[1]: line for line in printed.splitlines() if line.startswith(("ok", "FAIL"))}
    assert lines["database"].startswith("FAIL")
    assert lines["store"].startswith("ok")
    assert "hunter2" not in printed


def test_another_persons_workbook_is_not_overwritten(person: Person) -> None:
    """Pushing a workbook that somebody else has pushed meanwhile is refused."""
    person.types("run", "--mode", "tagging-only", "--month", "2025-12", "--building-id", "138")
    mine, theirs = (person.home / whose / "review_202512.xlsx" for whose in ("mine", "theirs"))
    person.types("review", "open", "--month", "2025-12", "--to", "mine", "--no-open")
    person.types("review", "open", "--month", "2025-12", "--to", "theirs", "--no-open")
    ids = [str(row[0]) for row in load_workbook(mine)["202512"].iter_rows(min_row=2, max_col=1, values_only=True)]
    edit(theirs, {ids[0]: {"검수완료": "Y"}})
    person.types("review", "push", str(theirs))
    edit(mine, {ids[1]: {"검수완료": "Y"}})
    printed = person.types("review", "push", str(mine), code=75)
    assert "changed" in printed


def test_help_names_every_command(person: Person) -> None:
    """`voc --help` shows each command with a sentence, and each command has its own help."""
    printed = person.types("--help")
    for command in ("run", "train", "review", "models", "classify", "report", "serve", "doctor", "sample", "demo"):
        assert command in printed
        assert person.types(command, "--help").strip()


def test_nothing_is_left_running(person: Person) -> None:
    """After a run no process of it is alive."""
    person.types("run", "--mode", "tagging-only", "--month", "2025-12", "--building-id", "138")
    mine = str(person.home).encode()
    alive = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and entry.name != str(os.getpid()) and mine in _environment_of(entry)
    ]
    assert alive == []


def _environment_of(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_one_building_that_fails_does_not_stop_the_others(person: Person) -> None:
    """A building without tagged rows fails its refresh; the other one is refreshed, and the summary says both."""
    person.types("run", "--mode", "full", "--month", "2025-12", "--building-id", "138")
    both = ("--building-id", "138", "--building-id", "112")
    printed = person.types("run", "--mode", "refresh", "--month", "2025-12", *both, code=65)
    assert "1 of 2 buildings" in printed
    assert "failed: building 112" in printed
    assert "Run mode full" in printed
    assert latest(person, "138")["mode"] == "refresh"
    (summary,) = [one for one in summaries(person) if one["mode"] == "refresh"]
    assert set(summary["failed"]) == {"112"}  # type: ignore[call-overload]  # JSON
    assert summary["succeeded"] == 1


def test_a_closed_building_is_not_named_by_a_run_of_another_one(person: Person) -> None:
    """The fleet report counts a closed building of the month without its name, also when the run is not about it."""
    month = ("run", "--mode", "full", "--month", "2025-06", "--building-id")
    person.types(*month, "77")
    person.types(*month, "138")
    newest = max((person.store / "202506").glob("fleet_*.html"), key=lambda file: file.stat().st_mtime)
    page = newest.read_text(encoding="utf-8")
    assert "솔빛플라자" in page
    assert "옛마루빌딩" not in page
