"""Settings: names, documentation, secrets."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from voc_models.exit_codes import UsageError
from voc_models.plan import PlannedModel
from voc_models.settings import isolated, isolated_environment, load
from voc_operator.settings import Settings as OperatorSettings
from voc_operator.settings import own_namespace, read_text
from voc_training.settings import Settings as TrainingSettings
from voc_worker.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
FIELDS = Settings.model_fields | TrainingSettings.model_fields | OperatorSettings.model_fields
NAMES = {name.upper() for name in FIELDS}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {*NAMES, "VOC_ENV"}:
        monkeypatch.delenv(name, raising=False)


def documented() -> set[str]:
    """Return the names that .env.example explains."""
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else() -> None:
    """.env.example names exactly the settings that exist."""
    assert documented() == NAMES


def test_every_setting_says_what_it_is() -> None:
    """Each field has a description."""
    assert [name for name, field in FIELDS.items() if not field.description] == []


def test_a_named_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--env dev reads .env.dev, and a variable of the environment wins over its line."""
    (tmp_path / ".env.dev").write_text("DB_HOST=db\nDB_PORT=6000\n", encoding="utf-8")
    monkeypatch.setenv("DB_PORT", "6001")
    settings = load(Settings, "dev", tmp_path)
    assert (settings.db_host, settings.db_port) == ("db", 6001)


def test_a_named_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    """--env with a name that has no file says which file to make."""
    with pytest.raises(UsageError, match=r"\.env\.stage"):
        load(Settings, "stage", tmp_path)


def test_a_process_reads_the_file_that_its_parent_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VOC_ENV names the file when the call does not."""
    (tmp_path / ".env.dev").write_text("DB_NAME=other\n", encoding="utf-8")
    monkeypatch.setenv("VOC_ENV", "dev")
    assert load(Settings, folder=tmp_path).db_name == "other"


def test_a_wrong_value_is_named_but_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence about a wrong setting names the variable and never its value."""
    monkeypatch.setenv("DB_PORT", "hunter2")
    with pytest.raises(UsageError, match="DB_PORT") as caught:
        load(Settings, folder=tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_password_never_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr nor str nor a dump of the settings holds the password."""
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    settings = load(Settings, folder=tmp_path)
    assert settings.db_password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + str(settings) + str(settings.model_dump())


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({"MODEL_RELEASE": "20260116"}, "MODEL_RELEASE is 20260116, but its digest is missing; set both or neither"),
        ({"MODEL_DIGEST": "a" * 64}, "MODEL_RELEASE is not; set both or neither"),
        ({"MODEL_RELEASE": "keyword", "MODEL_DIGEST": "a" * 64}, "keyword tagger has no digest"),
        ({"MODEL_RELEASE": "20260116", "MODEL_DIGEST": "sha256:aa"}, "MODEL_DIGEST"),
        ({"MODEL_RELEASE": "champion", "MODEL_DIGEST": "a" * 64}, "MODEL_RELEASE"),
    ],
)
def test_half_a_pin_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: dict[str, str], said: str
) -> None:
    """A model is pinned by release and digest together; the sentence says what is missing or wrong."""
    for name, value in lines.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said):
        load(Settings, folder=tmp_path)


def test_a_whole_pin_is_taken_and_empty_lines_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Release and digest are the pin, keyword needs no digest, and an empty variable counts as not set."""
    monkeypatch.setenv("MODEL_RELEASE", "20260116-2")
    monkeypatch.setenv("MODEL_DIGEST", "a" * 64)
    assert load(Settings, folder=tmp_path).model_pin == PlannedModel(release="20260116-2", digest="a" * 64)
    monkeypatch.setenv("MODEL_RELEASE", "keyword")
    monkeypatch.setenv("MODEL_DIGEST", "")
    assert load(Settings, folder=tmp_path).model_pin == PlannedModel()
    monkeypatch.setenv("MODEL_RELEASE", "")
    assert load(Settings, folder=tmp_path).model_pin is None


def test_the_store_is_one_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STORE wins; else bucket and prefix make an s3 address; else the embedded folder is it, and models follow."""
    monkeypatch.setenv("BASE_DIR", str(tmp_path))
    assert load(Settings, folder=tmp_path).store_address == (tmp_path / "var" / "store").as_uri()
    monkeypatch.setenv("S3_BUCKET", "b")
    monkeypatch.setenv("S3_PREFIX", "/stat/voc/")
    assert load(Settings, folder=tmp_path).store_address == "s3://b/stat/voc"
    monkeypatch.setenv("STORE", "file:///elsewhere")
    settings = load(Settings, folder=tmp_path)
    assert (settings.store_address, settings.model_store_address) == ("file:///elsewhere", "file:///elsewhere")


def test_isolated_settings_know_neither_environment_nor_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's settings are the defaults and what it changes, whatever this machine's environment and .env say."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("S3_BUCKET=customer\n", encoding="utf-8")
    monkeypatch.setenv("DB_HOST", "customer")
    settings = isolated(Settings, out_dir=Path("demo"))
    assert (settings.db_host, settings.s3_bucket, settings.out_dir) == (None, None, Path("demo"))


def test_a_child_of_isolated_settings_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment made for a step's process leads it to the same settings as its parent's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("S3_BUCKET=customer\n", encoding="utf-8")
    monkeypatch.setenv("DB_HOST", "customer")
    changes = {"out_dir": Path("demo"), "write_classification": True}
    environment = isolated_environment(Settings, **changes)
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load(Settings) == isolated(Settings, **changes)


def test_the_operator_works_in_the_namespace_of_its_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NAMESPACE wins; else the service account's file tells; else a sentence says what to set."""
    file = tmp_path / "namespace"
    with pytest.raises(UsageError, match="NAMESPACE"):
        own_namespace(isolated(OperatorSettings), file)
    file.write_text("voc\n", encoding="utf-8")
    assert own_namespace(isolated(OperatorSettings), file) == "voc"
    monkeypatch.setenv("NAMESPACE", "other")
    assert own_namespace(load(OperatorSettings, folder=tmp_path), file) == "other"


def test_a_missing_configuration_file_is_named(tmp_path: Path) -> None:
    """The operator says which file it cannot read, and which setting names it."""
    with pytest.raises(UsageError, match=r"CONFIG_FILE .*config\.yaml"):
        read_text(tmp_path / "config.yaml")
