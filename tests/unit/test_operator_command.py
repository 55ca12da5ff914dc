"""The operator's command line and what it reads before it begins."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from voc_models.exit_codes import ExitCode, UnavailableError
from voc_models.labels import Taxonomy
from voc_models.logs import JsonFormatter
from voc_models.months import Month
from voc_models.plan import Plan
from voc_models.run import Mode
from voc_models.store_file import FileStore
from voc_operator.__main__ import COMMANDS, main
from voc_operator.plan_reader import PlanReader

MONTH = Month(2025, 12)
RUN_ID = "full_20260101_090000_1a2b3"
KEY = f"202512/runs/{RUN_ID}/plan.json"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help of each command says what it does."""
    assert main([name, "--help"]) == ExitCode.OK
    assert " ".join(COMMANDS[name].summary.split()) in " ".join(capsys.readouterr().out.split())


def test_a_wrong_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command ends with 64, as every program of this project does."""
    assert main(["fly"]) == ExitCode.USAGE
    assert "fly" in capsys.readouterr().err


def test_a_missing_configuration_ends_with_64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its configuration file the operator says which one it misses and ends with 64."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONFIG_FILE", str(tmp_path / "none.yaml"))
    assert main(["run"]) == ExitCode.USAGE
    assert "none.yaml" in capsys.readouterr().err


def plan(run_id: str = RUN_ID) -> bytes:
    """Return a plan."""
    created = "2026-01-01T00:00:00Z"
    fields = {"run_id": run_id, "mode": Mode.FULL, "month": MONTH, "created": created, "taxonomy": Taxonomy(entries=())}
    return Plan.model_validate(fields).to_json()


def test_a_plan_is_read_once_and_dropped_when_its_run_is_over(tmp_path: Path) -> None:
    """The store is asked once; after that the plan is in memory until it is forgotten."""
    store = FileStore(tmp_path.as_uri())
    store.put(KEY, plan())
    plans = PlanReader(lambda: store)
    assert plans.read(MONTH, RUN_ID) == ""
    known = plans.known(RUN_ID)
    assert known is not None
    assert known.month == MONTH
    plans.forget(RUN_ID)
    assert plans.known(RUN_ID) is None


@pytest.mark.parametrize("data", [b"", b"{}", plan("full_20260101_090000_other")])
def test_what_is_no_plan_of_this_run_is_a_sentence(tmp_path: Path, data: bytes) -> None:
    """A broken plan, and one of another run, are named by their key and not used."""
    store = FileStore(tmp_path.as_uri())
    store.put(KEY, data)
    plans = PlanReader(lambda: store)
    assert KEY in plans.read(MONTH, RUN_ID)
    assert plans.known(RUN_ID) is None


def test_a_store_that_cannot_be_opened_is_asked_again(tmp_path: Path) -> None:
    """A store that was down at the first reading gives the plan at the next."""
    store = FileStore(tmp_path.as_uri())
    store.put(KEY, plan())
    answers = [UnavailableError("The store is down.")]

    def opened() -> FileStore:
        if answers:
            raise answers.pop()
        return store

    plans = PlanReader(opened)
    assert plans.read(MONTH, RUN_ID) == "The store is down."
    assert plans.read(MONTH, RUN_ID) == ""


def test_a_json_log_line_names_run_building_and_job() -> None:
    """What a record says of its run, building and job are fields of their own; others are left out."""
    record = logging.makeLogRecord({"msg": "started", "run": "full", "building": "", "job": "full-building-1"})
    line = json.loads(JsonFormatter().format(record))
    assert (line["run"], line["job"]) == ("full", "full-building-1")
    assert "building" not in line
