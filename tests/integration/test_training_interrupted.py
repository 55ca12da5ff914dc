"""Training that is killed, and training with hardly any rows: started as a container starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.fixtures_training import reviewed_store
from voc_models.exit_codes import ExitCode
from voc_models.months import Month
from voc_models.registry import Registry
from voc_training.publish import stored_decision

MONTH = Month(2025, 9)


def started(folder: Path, plan_key: str) -> subprocess.Popen[str]:
    """Start the train step."""
    folders = {"STORE": (folder / "store").as_uri(), "OUT_DIR": str(folder / "out"), "MODEL_DIR": str(folder / "m")}
    return subprocess.Popen(
        [sys.executable, "-m", "voc_training", "train", "--plan", plan_key],
        env={**os.environ, **folders, "TRAIN_EPOCHS": "6", "TRAIN_MAX_LENGTH": "48"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip


def wait_for_a_checkpoint(folder: Path, process: subprocess.Popen[str]) -> None:
    """Return as soon as one checkpoint is there to its last file."""
    while not list(folder.glob("out/train/*/checkpoints/subject/checkpoint-*/trainer_state.json")):
        assert process.poll() is None, "it ended before its first checkpoint"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill-9", "asked"])
def test_a_training_that_was_ended_goes_on_from_its_checkpoint(tmp_path: Path, how: signal.Signals) -> None:
    """The second start says where it goes on, decides, and there is one release; asked to stop, it answers 75."""
    reviewed = reviewed_store(tmp_path / "store", [MONTH], most_rows=250)
    first = started(tmp_path, reviewed.plan_key)
    wait_for_a_checkpoint(tmp_path, first)
    first.send_signal(how)
    first.communicate()
    assert first.returncode == (-signal.SIGKILL if how is signal.SIGKILL else ExitCode.TRY_AGAIN)
    assert stored_decision(reviewed.store, reviewed.plan) is None
    second = started(tmp_path, reviewed.plan_key)
    _, said = second.communicate()
    assert second.returncode == 0, said[-2000:]
    assert "goes on from checkpoint-" in said
    decision = stored_decision(reviewed.store, reviewed.plan)
    assert decision is not None
    assert len(Registry(reviewed.store).list_releases()) == 1


def test_a_first_month_of_some_forty_rows_gives_a_model_and_a_decision(tmp_path: Path) -> None:
    """Rare classes are named, both heads are published, and no numbers of so few frozen rows are called certain."""
    reviewed = reviewed_store(tmp_path / "store", [MONTH], most_rows=80)
    process = started(tmp_path, reviewed.plan_key)
    _, said = process.communicate()
    assert process.returncode == 0, said[-2000:]
    decision = stored_decision(reviewed.store, reviewed.plan)
    assert decision is not None
    assert decision.rows < 200
    assert any("fewer than 3 different texts" in note for note in decision.notes)
    assert all(one.threshold == 0.0 for one in decision.decisions)
    release = Registry(reviewed.store).release(decision.release.release)
    assert release.subject is not None
    assert release.work is not None
