"""`voc promote` as it is typed: values files in a Git repository, stores with runs and releases, no cluster."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.integration.fixtures_s3 import S3Server
from voc_models import keys
from voc_models.exit_codes import VocError
from voc_models.months import month_before
from voc_models.plan import PlannedModel, Summary
from voc_models.registry import Registry
from voc_models.releases import HistoryEntry, Release
from voc_models.run import Mode, run_id
from voc_models.store import ObjectStore
from voc_models.store_file import FileStore
from voc_models.store_s3 import S3Store
from voc_worker.cli.app import app
from voc_worker.settings import Settings

NOW = datetime.now(UTC).replace(microsecond=0)
NAMES = ("dev", "stage", "prod")
VALUES = """\
# {name}: pins are written by `voc promote`.
environment: {name}

images:
  operator:
    digest: sha256:{seed:064x}
  worker: {{digest: "sha256:{seed:064x}"}}
  workerGpu:
    digest: sha256:{seed:064x}   # the one with CUDA
  trainer:
    digest: sha256:{seed:064x}

model:
  release: "{release}"
  sha256: "{digest}"

store:
  address: {store}
  modelAddress: {models}
{more}"""


@dataclass
class Repository:
    """A Git repository with the three environments, whose stores lie beside it."""

    home: Path

    @property
    def models(self) -> FileStore:
        """The shared model store."""
        return FileStore((self.home / "models").as_uri())

    def store(self, name: str) -> FileStore:
        """Return the store of an environment's months."""
        return FileStore((self.home / "stores" / name).as_uri())

    def file(self, name: str) -> Path:
        """Return an environment's values file."""
        return self.home / "charts" / "voc-nlp" / "environments" / name / "values.yaml"

    def write(self, name: str, seed: int, model: PlannedModel | None, **places: str) -> None:
        """Write an environment whose image digests are all made of ``seed``."""
        file = self.file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        where = {"store": self.store(name).address, "models": self.models.address, "more": ""} | places
        release, digest = (model.release, model.digest) if model else ("", "")
        file.write_text(VALUES.format(name=name, seed=seed, release=release, digest=digest, **where), encoding="utf-8")

    def commit(self, message: str) -> None:
        """Commit everything."""
        who = ["-c", "user.name=kim", "-c", "user.email=kim@example.com"]
        self.git("add", "-A", "charts")
        self.git(*who, "commit", "-q", "-m", message)

    def git(self, *words: str) -> str:
        """Run git and return what it prints."""
        return subprocess.run(
            ["git", *words], cwd=self.home, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def types(self, *words: str, code: int = 0) -> str:
        """Type `voc promote words` in the repository, and return what is printed."""
        with contextlib.chdir(self.home):
            done = CliRunner().invoke(app, ["promote", *words])
        error = done.exception if isinstance(done.exception, VocError) else None
        assert (error.exit_code if error else done.exit_code) == code, (done.output, done.exception)
        return done.output + (str(error) if error else "")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this machine's settings out, and lines whole."""
    for name in {name.upper() for name in Settings.model_fields} | {"VOC_ENV"}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "300")


def release(models: ObjectStore, version: str, *, promote: bool = True) -> PlannedModel:
    """Publish a release and let the gate promote it."""
    planned = Registry(models).publish_release(Release(version=version, created=NOW, by="train"))
    if promote:
        Registry(models).promote(version, by="train", reason="better", at=NOW)
    return planned


def run(store: ObjectStore, model: PlannedModel, *, hours: int = 0, failed: int = 0, seed: int = 3) -> str:
    """Write the summary of a full run of two buildings, created that many hours after now; return its id.

    Its images have the digests of an environment that was written with ``seed``.
    """
    created = NOW + timedelta(hours=hours)
    name, month = run_id(Mode.FULL, created, "1a2b3c"), month_before(created)
    summary = Summary(
        run_id=name,
        mode=Mode.FULL,
        month=month,
        model=model,
        images={name: f"registry.example.com/{name}@sha256:{seed:064x}" for name in ("operator", "worker")},
        total=2,
        succeeded=2 - failed,
        failed={str(number): "It broke." for number in range(failed)},
        finished=created,
    )
    store.put(keys.summary(month, name), summary.to_json())
    return name


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository in which dev (seed 3) is ahead of stage (seed 2) and prod (seed 1), by one model each."""
    made = Repository(tmp_path)
    first, second = release(made.models, "20251120"), release(made.models, "20251220")
    newest = release(made.models, "20260120")
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True, timeout=60)
    # The way that the pins came: each environment had what the one before had earlier.
    for seed in (1, 2, 3):
        made.write("dev", seed, None)
        made.write("stage", min(seed, 2), first if seed == 1 else second)
        made.write("prod", 1, first)
        made.commit(f"Images {seed}")
    run(made.store("dev"), newest)
    run(made.store("stage"), second, seed=2)
    return made


def test_the_pins_of_dev_and_its_champion_go_to_stage(repository: Repository) -> None:
    """Exactly the six pins change in stage's file, the diff is printed, and no other file is touched."""
    printed = repository.types("--from", "dev", "--to", "stage")
    assert repository.git("status", "--porcelain", "charts").split() == [
        "M",
        str(repository.file("stage").relative_to(repository.home)),
    ]
    changed = [
        line for line in repository.git("diff", "-U0").splitlines() if line.startswith("+") and "+++" not in line
    ]
    digest = Registry(repository.models).resolve("20260120").digest
    image = f"sha256:{3:064x}"
    assert changed == [
        f"+    digest: {image}",
        f'+  worker: {{digest: "{image}"}}',
        f"+    digest: {image}   # the one with CUDA",
        f"+    digest: {image}",
        '+  release: "20260120"',
        f'+  sha256: "{digest}"',
    ]
    assert all(line in printed for line in changed)
    assert "--- a/charts/voc-nlp/environments/stage/values.yaml" in printed
    assert "pins the images of dev and release 20260120" in printed
    assert "Nothing to do" in repository.types("--from", "dev", "--to", "stage")
    assert "FAIL" not in repository.types("--check")


def test_a_pinned_source_gives_its_pin_and_not_the_champion(repository: Repository) -> None:
    """Stage gives prod what it pins itself, although another release is champion by now."""
    repository.types("--from", "stage", "--to", "prod")
    text = repository.file("prod").read_text()
    assert 'release: "20251220"' in text
    assert f"sha256:{2:064x}" in text
    assert "FAIL" not in repository.types("--check")


def test_a_dry_run_prints_the_diff_and_writes_nothing(repository: Repository) -> None:
    """--dry-run shows what would change and leaves the files as they are."""
    printed = repository.types("--from", "dev", "--to", "stage", "--dry-run")
    assert '+  release: "20260120"' in printed
    assert repository.git("status", "--porcelain", "charts") == ""


def test_a_red_run_stops_the_promotion(repository: Repository) -> None:
    """The newest run decides: after a failed one dev is not promoted, after a green one it is."""
    model = Registry(repository.models).resolve("champion")
    name = run(repository.store("dev"), model, hours=1, failed=1)
    printed = repository.types("--from", "dev", "--to", "stage", code=65)
    assert f"The last run of dev, {name}, is not green: 1 of 2 buildings succeeded." in printed
    assert repository.git("status", "--porcelain", "charts") == ""
    run(repository.store("dev"), model, hours=2)
    repository.types("--from", "dev", "--to", "stage")


def test_images_that_never_ran_stop_the_promotion(repository: Repository) -> None:
    """Digests that CI committed since dev's last run are not promoted before dev has run them."""
    repository.write("dev", 4, None)
    printed = repository.types("--from", "dev", "--to", "stage", code=65)
    assert "for images.operator, not sha256:000000000000 as it is pinned. Let dev run once with its pins." in printed
    run(repository.store("dev"), Registry(repository.models).resolve("champion"), hours=1, seed=4)
    repository.types("--from", "dev", "--to", "stage")


def test_a_refused_model_stops_the_promotion(repository: Repository) -> None:
    """What the gate refused stays in dev, also when a person promoted it there."""
    release(repository.models, "20260121", promote=False)
    registry = Registry(repository.models)
    registry.append(HistoryEntry(at=NOW, event="refused", release="20260121", by="train", reason="Two points worse."))
    registry.promote("20260121", by="person: kim", reason="I know better", at=NOW)
    printed = repository.types("--from", "dev", "--to", "stage", code=65)
    assert "The gate refused release 20260121: Two points worse." in printed


def test_a_pin_that_the_model_store_does_not_hold_is_not_promoted(repository: Repository) -> None:
    """A release whose record has another hash than the pin's is refused, and so is one that is gone."""
    repository.write("stage", 2, PlannedModel(release="20251220", digest="0" * 64))
    printed = repository.types("--from", "stage", "--to", "prod", code=65)
    assert "Release 20251220 is pinned with 000000000000…" in printed
    repository.models.delete(keys.release("20260120"))
    assert "There is no release 20260120" in repository.types("--from", "dev", "--to", "stage", code=65)


def test_a_step_is_not_skipped_and_wrong_words_are_usage_errors(repository: Repository) -> None:
    """From dev to prod, backwards, to nowhere, and --check beside --from each end with 64 and a sentence."""
    assert "the way is dev → stage → prod" in repository.types("--from", "dev", "--to", "prod", code=64)
    assert "right after" in repository.types("--from", "stage", "--to", "dev", code=64)
    assert "has no environment qa" in repository.types("--from", "dev", "--to", "qa", code=64)
    assert "Say --from and --to" in repository.types("--from", "dev", code=64)
    assert "leave --from" in repository.types("--check", "--from", "dev", code=64)
    assert "Set --environments" in repository.types("--check", "--environments", "nowhere", code=64)
    assert "Set --order" in repository.types("--check", "--order", "dev,prod", code=64)


def test_the_check_says_where_each_pin_comes_from(repository: Repository) -> None:
    """Each environment has its line; the one that trains is followed to champion.json."""
    lines = repository.types("--check").splitlines()
    assert lines == [
        "ok    dev     4 images and release 20260120 (champion.json).",
        "ok    stage   4 images and release 20251220, both from dev.",
        "ok    prod    4 images and release 20251120, both from stage.",
    ]


def test_a_revert_passes_the_check(repository: Repository) -> None:
    """Going back by Git restores pins that the environment before once had."""
    repository.types("--from", "dev", "--to", "stage")
    repository.commit("Promote dev to stage")
    repository.git("-c", "user.name=kim", "-c", "user.email=kim@example.com", "revert", "--no-edit", "HEAD")
    assert "FAIL" not in repository.types("--check")


def test_pins_by_hand_fail_the_check(repository: Repository) -> None:
    """Digests or a model that the environment before never had are told from promoted ones."""
    second = Registry(repository.models).resolve("20251220")
    repository.write("prod", 7, second)
    assert "The image digests of prod were never those of stage" in repository.types("--check", code=65)
    newest = Registry(repository.models).resolve("20260120")
    repository.write("prod", 1, newest)
    assert "Release 20260120, which prod pins, was never in service in stage" in repository.types("--check", code=65)
    repository.write("prod", 1, None)
    assert "pins no model" in repository.types("--check", code=65)
    repository.write("stage", 2, release(repository.models, "20260122", promote=False))
    assert "Release 20260122, which stage pins, was never in service in dev" in repository.types("--check", code=65)


def test_a_shallow_clone_says_so(repository: Repository, tmp_path: Path) -> None:
    """CI that fetched one commit alone is told to fetch the history, in which the pins of before are."""
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", f"file://{repository.home}", str(clone)], check=True, timeout=60
    )
    assert "This clone is shallow" in Repository(clone).types("--check", code=65)


def test_store_and_endpoint_come_from_the_values_and_keys_from_the_env_file(
    repository: Repository, s3_server: S3Server
) -> None:
    """With S3 the address, endpoint, path style and region are the environment's, and .env has the keys alone."""
    access = s3_server.access
    assert access.access_key
    assert access.secret_key
    months, models = (S3Store(s3_server.new_store().address, access) for _ in range(2))
    first, second = release(models, "20251220"), release(models, "20260120")
    run(months, second, seed=9)
    endpoint = f"  endpointUrl: {access.endpoint_url}\n  pathStyle: true\n  region: us-east-1\n"
    places = {"store": months.address, "models": models.address, "more": endpoint}
    repository.write("dev", 9, None, **places)
    repository.write("stage", 2, first, **places)
    keys_only = f"AWS_ACCESS_KEY_ID={access.access_key}\nAWS_SECRET_ACCESS_KEY={access.secret_key.get_secret_value()}\n"
    (repository.home / ".env").write_text(keys_only, encoding="utf-8")
    # As a process, whose exit code and sentences a person and a CI see.
    command = [sys.executable, "-m", "voc_worker.cli", "promote", "--from", "dev", "--to", "stage"]
    done = subprocess.run(command, cwd=repository.home, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    skipping = subprocess.run(
        [*command[:-1], "prod"], cwd=repository.home, capture_output=True, timeout=120, check=False
    )
    assert skipping.returncode == 64
    assert f'sha256: "{second.digest}"' in repository.file("stage").read_text()
