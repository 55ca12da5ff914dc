"""`python -m voc_worker check` and a pinned `prepare` as their containers run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit import fixtures_infer as fx
from voc_models.labels import Head
from voc_models.plan import Plan, PlannedModel
from voc_models.registry import Registry
from voc_models.releases import Release, ReleaseHead, release_of
from voc_models.settings import NO_FILE
from voc_models.store import ObjectStore
from voc_models.store_file import FileStore
from voc_worker.embedded import ServerAddress
from voc_worker.settings import Settings

Step = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """Return an empty store."""
    return FileStore((tmp_path / "store").as_uri())


@pytest.fixture
def step(tmp_path: Path, store: ObjectStore, sample_database: ServerAddress) -> Step:
    """Run a step of the worker over the sample, with further settings."""
    own = {name.upper() for name in Settings.model_fields}
    where = sample_database
    environment = {name: value for name, value in os.environ.items() if name not in own} | {
        "VOC_ENV": NO_FILE,
        "STORE": store.address,
        "MODEL_DIR": str(tmp_path / "models"),
        "DB_HOST": str(where.host),
        "DB_PORT": str(where.port),
        "DB_NAME": where.dbname,
        "DB_USER": where.user,
        "DB_PASSWORD": where.password,
    }

    def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        answer = tmp_path / "termination-log"
        answer.write_text("")
        command = [sys.executable, "-m", "voc_worker", "--answer-file", str(answer), *words]
        return subprocess.run(
            command, env=environment | settings, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    return run


def said(tmp_path: Path) -> str:
    """Return the message of the step's one JSON line."""
    message = json.loads((tmp_path / "termination-log").read_text())["message"]
    assert isinstance(message, str)
    return message


def test_a_container_that_reaches_everything_passes(step: Step, store: ObjectStore, tmp_path: Path) -> None:
    """One line each for database, store, review and a sentence, by the keyword tagger while there is no model."""
    done = step("check")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", name] for name in ("database", "store", "review", "sentence")
    ]
    assert lines[-1].endswith("says the keyword tagger.")
    assert list(store.list("")) == []
    assert said(tmp_path) == "All 4 checks passed."


def test_the_sentence_is_classified_by_the_pinned_model(step: Step, store: ObjectStore, tmp_path: Path) -> None:
    """With a pin the check fetches that release and runs it, although champion.json names none."""
    registry = Registry(store)
    heads: dict[Head, ReleaseHead | None] = {
        "subject": registry.publish_artifact(fx.write_head(tmp_path / "trained", "subject")[0])
    }
    now = datetime(2026, 1, 16, tzinfo=UTC)
    pin = registry.publish_release(release_of(fx.VERSION, heads, by="trainer", created=now, champion=None))
    done = step("check", MODEL_RELEASE=pin.release, MODEL_DIGEST=pin.digest)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].endswith(f"says release {fx.VERSION}.")


def test_each_failure_has_its_line_and_the_contracts_exit_code(step: Step, tmp_path: Path) -> None:
    """A database that does not answer is 69; a wrong pin beside it, which no waiting cures, makes it 65."""
    done = step("check", DB_PORT="1")
    assert done.returncode == 69
    starts = [line.split()[:2] for line in done.stdout.splitlines()]
    assert starts == [["FAIL", "database"], ["ok", "store"], ["ok", "review"], ["FAIL", "sentence"]]
    assert said(tmp_path).startswith("2 of 4 checks failed. database: ")
    done = step("check", DB_PORT="1", MODEL_RELEASE="20260116", MODEL_DIGEST="a" * 64)
    assert done.returncode == 65
    assert "There is no release 20260116" in said(tmp_path)


def prepare(step: Step, tmp_path: Path, **pin: str) -> subprocess.CompletedProcess[str]:
    """Plan a month without writing into the store."""
    words = ("--mode", "full", "--month", "2025-11", "--run-id", "full_20260101_020000_1a2b3", "--building", "138")
    created = ("--created", "2026-01-01T02:00:00+09:00", "--plan-file", str(tmp_path / "plan.json"))
    return step("prepare", *words, *created, **pin)


def test_a_plan_follows_the_pin_and_not_the_champion(step: Step, store: ObjectStore, tmp_path: Path) -> None:
    """The plan of a pinned environment names the pinned release and digest while another release is champion."""
    registry = Registry(store)
    now = datetime(2026, 1, 16, tzinfo=UTC)
    pin = registry.publish_release(Release(version="20260116", created=now, by="trainer"))
    registry.publish_release(Release(version="20260117", created=now, by="trainer"))
    registry.promote("20260117", by="trainer", reason="better", at=now)
    assert prepare(step, tmp_path, MODEL_RELEASE=pin.release, MODEL_DIGEST=pin.digest).returncode == 0
    assert Plan.model_validate_json((tmp_path / "plan.json").read_bytes()).model == pin
    assert prepare(step, tmp_path).returncode == 0
    assert Plan.model_validate_json((tmp_path / "plan.json").read_bytes()).model.release == "20260117"


def test_a_pin_with_another_digest_stops_the_run(step: Step, store: ObjectStore, tmp_path: Path) -> None:
    """Prepare answers 65 and the sentence says which object disagrees with the pin."""
    Registry(store).publish_release(Release(version="20260116", created=datetime(2026, 1, 16, tzinfo=UTC), by="t"))
    wrong = PlannedModel(release="20260116", digest="0" * 64)
    done = prepare(step, tmp_path, MODEL_RELEASE=wrong.release, MODEL_DIGEST=wrong.digest)
    assert done.returncode == 65
    assert "models/releases/20260116.json" in said(tmp_path)


def test_half_a_pin_is_a_usage_error(step: Step, tmp_path: Path) -> None:
    """A release without its digest is exit code 64, before anything is asked."""
    assert step("check", MODEL_RELEASE="20260116").returncode == 64
    assert "set both or neither" in said(tmp_path)
