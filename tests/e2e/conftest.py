"""A person's folder with the sample loaded, and `voc` typed in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from voc_models.settings import CommonSettings
from voc_worker.embedded import EmbeddedPostgres
from voc_worker.settings import Settings

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Person:
    """Somebody with a folder, who types commands in it."""

    home: Path

    def environment(self) -> dict[str, str]:
        """Return an environment without this machine's own settings."""
        names = {name.upper() for name in (*Settings.model_fields, *CommonSettings.model_fields)} | {"VOC_ENV"}
        return {name: value for name, value in os.environ.items() if name not in names} | {"COLUMNS": "200"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `voc words` and return the process."""
        # A shell that runs the tests in the background has Ctrl-C ignored, and its children inherit that.
        return subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, "-m", "voc_worker.cli", *words],
            cwd=self.home,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def types(self, *words: str, code: int = 0) -> str:
        """Type `voc words`, check the exit code, and return what is printed."""
        process = self.start(*words)
        printed, _ = process.communicate(timeout=240)
        assert process.returncode == code, f"voc {' '.join(words)} ended with {process.returncode}:\n{printed}"
        return printed

    @property
    def store(self) -> Path:
        """The folder of the embedded store."""
        return self.home / "var" / "store"


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder whose embedded PostgreSQL holds the sample and stays up for the session."""
    home = tmp_path_factory.mktemp("person")
    Person(home).types("sample", "load")
    with EmbeddedPostgres(home / "var" / "postgres"):
        yield home


@pytest.fixture
def person(loaded: Path, tmp_path: Path) -> Person:
    """Return a person with an empty store of their own over the shared sample."""
    lines = [
        f"OUT_DIR={loaded / 'var'}",
        f"STORE={(tmp_path / 'var' / 'store').as_uri()}",
        f"LOG_DIR={tmp_path / 'var' / 'logs'}",
        f"MODEL_DIR={tmp_path / 'var' / 'models'}",
    ]
    (tmp_path / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Person(tmp_path)
