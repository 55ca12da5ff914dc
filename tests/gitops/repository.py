"""A team's Git repository: this working tree, with the addresses of the test's servers in the environments' values."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from tests.cluster.cache import ROOT
from tests.cluster.shell import run
from voc_worker.promotion.pins import Pins, read_pins, with_pins

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHO: Final = ("-c", "user.name=kim", "-c", "user.email=kim@example.com")


class Repository:
    """A bare repository, which Argo CD reads, and a person's clone of it."""

    def __init__(self, folder: Path) -> None:
        self._bare, self.clone = folder / "voc-nlp.git", folder / "voc-nlp"
        run("git", "init", "--quiet", "--bare", "--initial-branch=main", self._bare)
        run("git", "clone", "--quiet", self._bare, self.clone)
        listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():  # not one that was removed since the last commit
                (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                (self.clone / name).write_bytes((ROOT / name).read_bytes())

    @property
    def url(self) -> str:
        """The address that takes the place of https://git.example.com/voc-nlp.git."""
        return self._bare.as_uri()

    def values(self, environment: str) -> Path:
        """Return an environment's values file in the clone."""
        return self.clone / "charts" / "voc-nlp" / "environments" / environment / "values.yaml"

    def pins(self, environment: str) -> Pins:
        """Return what an environment pins."""
        text = self.values(environment).read_text(encoding="utf-8")
        return read_pins(yaml.safe_load(text), environment)

    def pin(self, environment: str, pins: Pins) -> None:
        """Write an environment's pins, as CI or a person does."""
        file = self.values(environment)
        file.write_text(with_pins(file.read_text(encoding="utf-8"), pins, environment), encoding="utf-8")

    def replace(self, file: Path, words: Mapping[str, str]) -> None:
        """Replace each of ``words`` in a file, which must hold it."""
        text = file.read_text(encoding="utf-8")
        for before, after in words.items():
            assert before in text, f"{file} does not hold {before}"
            text = text.replace(before, after)
        file.write_text(text, encoding="utf-8")

    def commit(self, message: str) -> str:
        """Commit everything, push it and return the commit."""
        self.git("add", "--all")
        return self._pushed("commit", "--quiet", "--message", message)

    def revert(self) -> str:
        """Revert the last commit, push that and return the new one."""
        return self._pushed("revert", "--no-edit", "HEAD")

    def _pushed(self, *words: str) -> str:
        self.git(*words)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *words: str) -> str:
        """Run git in the clone and return what it printed."""
        return run("git", *_WHO, *words, folder=self.clone)

    def voc(self, *words: str, environment: Mapping[str, str], code: int = 0) -> str:
        """Type `voc words` in the clone, check the exit code, and return what was printed."""
        done = subprocess.run(
            [sys.executable, "-m", "voc_worker.cli", *words],
            cwd=self.clone,
            env={**environment, "COLUMNS": "300"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr
