"""`voc backfill` starts the operator's command as a process and passes its answer on."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voc_models.exit_codes import UsageError
from voc_operator.settings import Settings
from voc_worker.cli.app import app


def types(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Type `voc backfill words` where no cluster is known."""
    own = {name.upper() for name in Settings.model_fields} | {"VOC_ENV", "KUBERNETES_SERVICE_HOST"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment["KUBECONFIG"] = str(home / "no-such-kubeconfig")
    command = [sys.executable, "-m", "voc_worker.cli", "backfill", *words]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--months", "2025-12", "--namespace", "voc"], "There are no credentials for a cluster"),
        (["--months", "December", "--namespace", "voc"], "'December' is not a month"),
    ],
)
def test_the_operators_sentence_and_exit_code_reach_the_person(tmp_path: Path, words: list[str], said: str) -> None:
    """What the operator's command refuses ends `voc backfill` with the same sentence and 64."""
    done = types(tmp_path, *words)
    assert done.returncode == 64, done.stdout + done.stderr
    assert said in done.stderr


def test_without_the_operators_packages_a_sentence_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the client for Kubernetes is told what to install."""
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "kubernetes" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    result = CliRunner().invoke(app, ["backfill", "--months", "2025-12"])
    assert isinstance(result.exception, UsageError)
    assert "pip install 'voc-nlp[operator]'" in str(result.exception)
