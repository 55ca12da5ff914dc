"""The month against servers: S3 as the store, the customer's database written, and what happens when they fail."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from openpyxl import load_workbook

from tests.e2e.conftest import Person
from tests.e2e.test_month import edit
from tests.integration.fixtures_s3 import S3Server, running_s3
from voc_models.stores import open_store
from voc_worker.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run an S3 server for this module."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


def classification(loaded: Path) -> dict[str, tuple[str, bool]]:
    """Return source and reviewed flag of every row of voc_classification by voc_id."""
    with EmbeddedPostgres(loaded / "var" / "postgres") as address, psycopg.connect(address.conninfo()) as connection:
        rows = connection.execute("select voc_id, classify_source, subject_reviewed from voc_classification").fetchall()
    return {voc_id: (source, reviewed) for voc_id, source, reviewed in rows}


def test_a_month_in_s3_reaches_the_database_and_a_withdrawn_review_leaves_it(
    person: Person, loaded: Path, s3: S3Server
) -> None:
    """With S3 and WRITE_CLASSIFICATION, reviews are written as manual and go back down when they are withdrawn."""
    assert s3.access.access_key is not None
    assert s3.access.secret_key is not None
    address = f"s3://{s3.bucket}/stat/voc"
    lines = [
        f"OUT_DIR={loaded / 'var'}",
        f"S3_BUCKET={s3.bucket}",
        "S3_PREFIX=stat/voc",
        f"S3_ENDPOINT_URL={s3.access.endpoint_url}",
        "S3_PATH_STYLE=true",
        f"AWS_ACCESS_KEY_ID={s3.access.access_key}",
        f"AWS_SECRET_ACCESS_KEY={s3.access.secret_key.get_secret_value()}",
        f"AWS_DEFAULT_REGION={s3.access.region or 'us-east-1'}",
        f"LOG_DIR={person.home / 'logs'}",
        "WRITE_CLASSIFICATION=true",
    ]
    (person.home / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "FAIL" not in person.types("doctor")
    person.types("run", "--mode", "full", "--month", "2025-11", "--building-id", "138")
    store = open_store(
        address,
        endpoint_url=s3.access.endpoint_url,
        path_style=True,
        region=s3.access.region,
        access_key=s3.access.access_key,
        secret_key=s3.access.secret_key,
    )
    latest = json.loads(store.get("202511/138/latest.json").data)
    assert store.get("202511/138/dashboard.html").data == store.get(latest["dashboard"]["key"]).data

    workbook = person.home / "review_202511.xlsx"
    person.types("review", "open", "--month", "2025-11", "--no-open")
    sheet = load_workbook(workbook)["202511"]
    voc_id = str(sheet.cell(2, 1).value)
    assert classification(loaded)[voc_id] == ("batch", False)
    edit(workbook, {voc_id: {"검수완료": "Y"}}, "202511")
    person.types("review", "push", str(workbook))
    person.types("run", "--mode", "refresh", "--month", "2025-11")
    assert classification(loaded)[voc_id] == ("manual", True)

    person.types("review", "open", "--month", "2025-11", "--no-open", "--discard")
    edit(workbook, {voc_id: {"검수완료": None}}, "202511")
    person.types("review", "push", str(workbook))
    person.types("run", "--mode", "refresh", "--month", "2025-11")
    assert classification(loaded)[voc_id] == ("refresh", False)


@pytest.mark.parametrize(
    ("lines", "code", "sentence"),
    [
        (["DB_HOST=127.0.0.1", "DB_PORT=1"], 69, "127.0.0.1:1"),
        (["STORE=s3://nobody/there", "S3_ENDPOINT_URL=http://127.0.0.1:1", "S3_PATH_STYLE=true"], 69, "nobody"),
        (["STORE=ftp://here"], 64, "ftp://here"),
        (["SOURCE_CONFIG=none.yaml"], 64, "none.yaml"),
        (["DB_PORT=many"], 64, "DB_PORT"),
        (["REVIEW_BACKEND=paper"], 64, "REVIEW_BACKEND"),
    ],
)
def test_a_server_that_fails_is_named_with_its_exit_code(
    person: Person, lines: list[str], code: int, sentence: str
) -> None:
    """A dead database or store, and a wrong setting, each end with their code and a sentence that names them."""
    lines = [*lines, "AWS_ACCESS_KEY_ID=somebody", "AWS_SECRET_ACCESS_KEY=hunter2"]
    with (person.home / ".env").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    printed = person.types("run", "--mode", "tagging-only", "--month", "2025-12", "--building-id", "138", code=code)
    assert sentence in printed
    assert "Traceback" not in printed
    assert "hunter2" not in printed


def test_a_wrong_password_is_told_without_showing_it(person: Person, loaded: Path) -> None:
    """The database's refusal says whom it refused and what to check, and never the password."""
    with EmbeddedPostgres(loaded / "var" / "postgres") as address:
        wrong = [f"DB_HOST={address.host}", f"DB_PORT={address.port}", f"DB_NAME={address.dbname}"]
        wrong += [f"DB_USER={address.user}", "DB_PASSWORD=hunter2"]
        with (person.home / ".env").open("a", encoding="utf-8") as file:
            file.write("\n".join(wrong) + "\n")
        printed = person.types("run", "--mode", "tagging-only", "--month", "2025-12", code=64)
    assert address.user in printed
    assert "hunter2" not in printed


def test_a_store_that_cannot_be_written_is_named(person: Person) -> None:
    """A store whose folder cannot be made ends the run with the folder's name."""
    blocked = person.home / "blocked"
    blocked.write_text("a file where the store's folder should be")
    with (person.home / ".env").open("a", encoding="utf-8") as file:
        file.write(f"STORE={(blocked / 'store').as_uri()}\n")
    process = person.start("run", "--mode", "tagging-only", "--month", "2025-12", "--building-id", "138")
    printed, _ = process.communicate(timeout=120)
    assert process.returncode in {64, 69}
    assert "blocked" in printed
    assert "Traceback" not in printed


def test_the_steps_answer_by_exit_code_and_one_json_line(person: Person, loaded: Path, tmp_path: Path) -> None:
    """`python -m voc_worker` writes its one line to the termination file, whether it did its work or not."""
    log = tmp_path / "termination-log"
    log.touch()
    environment = person.environment() | {"OUT_DIR": str(loaded / "var"), "STORE": (tmp_path / "s").as_uri()}
    command = [sys.executable, "-m", "voc_worker", "--answer-file", str(log)]
    run_id = "tagging-only_20260101_000000_aaaaa"
    prepare = ["prepare", "--mode", "tagging-only", "--month", "2025-12", "--run-id", run_id]
    prepare += ["--created", "2026-01-01T00:00:00+09:00", "--building", "138"]
    done = subprocess.run([*command, *prepare], env=environment, cwd=tmp_path, check=False)
    plan = json.loads(log.read_text())["keys"]["plan"]
    assert done.returncode == 0
    done = subprocess.run(
        [*command, "building", "--plan", plan, "--building", "138"], env=environment, cwd=tmp_path, check=False
    )
    answer = json.loads(log.read_text())
    assert done.returncode == 0
    assert answer["rows"] > 0
    assert set(answer["digests"]) == {"tagged"}
    done = subprocess.run(
        [*command, "building", "--plan", plan, "--building", "999"], env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 65
    assert "999" in json.loads(log.read_text())["message"]
