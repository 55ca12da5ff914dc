"""torchrun on this machine's processors: two processes fit one model, and one of them does the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.integration.fixtures_training import Reviewed, reviewed_store
from voc_models import keys
from voc_models.months import Month
from voc_models.registry import Registry
from voc_training.publish import stored_decision

MONTH = Month(2025, 10)


def torchrun(reviewed: Reviewed, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the train step in two processes, as `torchrun --nproc-per-node 2` does."""
    folders = {"STORE": (folder / "store").as_uri(), "OUT_DIR": str(folder / "out"), "MODEL_DIR": str(folder / "m")}
    command = ["--standalone", "--nproc-per-node", "2", "-m", "voc_training", "--answer-file", str(folder / "answer")]
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *command, "train", "--plan", reviewed.plan_key],
        capture_output=True, text=True, check=False, cwd=folder, timeout=280,
        env={**os.environ, **folders, "TRAIN_EPOCHS": "1", "TRAIN_MAX_LENGTH": "48", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_two_processes_fit_together_and_the_first_alone_publishes(tmp_path: Path) -> None:
    """Both leave their random state in every checkpoint; there is one release, one decision and one line a head."""
    reviewed = reviewed_store(tmp_path / "store", [MONTH])
    (tmp_path / "answer").touch()
    found = torchrun(reviewed, tmp_path)
    assert found.returncode == 0, found.stderr[-3000:]
    decision = stored_decision(reviewed.store, reviewed.plan)
    assert decision is not None
    registry = Registry(reviewed.store)
    assert [one.release.version for one in registry.list_releases()] == [decision.release.release]
    assert [(entry.event, entry.head) for entry in registry.history()] == [
        ("evaluated", "subject"),
        ("evaluated", "work"),
    ]
    assert [one.key for one in reviewed.store.list("models/claims/")] == [keys.claim(decision.release.release)]
    checkpoints = sorted((tmp_path / "out" / "train").glob("*/checkpoints/*/checkpoint-*"))
    assert [path.parent.name for path in checkpoints] == ["subject", "work"]
    for path in checkpoints:
        assert {state.name for state in path.glob("rng_state*")} == {"rng_state_0.pth", "rng_state_1.pth"}
    assert found.stdout.count(decision.reason) == 1
    assert json.loads((tmp_path / "answer").read_text(encoding="utf-8"))["model"] == decision.release.release


def test_a_loss_that_is_no_number_in_one_process_ends_the_fit_of_both(tmp_path: Path) -> None:
    """Both stop at the same step and keep the last good checkpoint; nobody waits for the other."""
    script = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    found = subprocess.run(
        [*script, "-m", "tests.integration.one_poisoned_process", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=280, cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-3000:]
    endings = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("process-*")}
    assert sorted(endings) == ["process-0", "process-1"]
    for ending in endings.values():
        assert "Training stopped; checkpoint-" in ending
        assert ending.endswith("finite: True")


def test_a_leader_that_refuses_ends_the_other_process_too(tmp_path: Path) -> None:
    """Too few rows end both with the sentence, said once, and without waiting for anybody."""
    found = torchrun(reviewed_store(tmp_path / "store", [MONTH], most_rows=20), tmp_path)
    assert found.returncode != 0
    assert found.stderr.count("are too few to learn from") == 1
