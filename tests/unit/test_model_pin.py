"""What `champion` means where a model is pinned, and what `voc models` says of it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from voc_models.exit_codes import ExitCode
from voc_models.plan import PlannedModel
from voc_models.registry import Registry, RegistryError
from voc_models.releases import Release
from voc_models.settings import isolated
from voc_models.store import ObjectStore
from voc_models.store_file import FileStore
from voc_worker.checks import Check, examine, worst
from voc_worker.cli.models import release_table, service_sentence, switch_sentence
from voc_worker.settings import Settings
from voc_worker.wiring import Parts

NOW = datetime(2026, 1, 16, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """Return a model store whose champion is the newer of two releases."""
    store = FileStore((tmp_path / "store").as_uri())
    registry = Registry(store)
    for version in ("20260116", "20260117"):
        registry.publish_release(Release(version=version, created=NOW, by="trainer"))
    registry.promote("20260117", by="trainer", reason="better", at=NOW)
    return store


def pinned(store: ObjectStore, release: str) -> PlannedModel:
    """Return the pin of a release as it lies in the store."""
    return Registry(store).resolve(release)


def test_a_pin_is_what_champion_means(store: ObjectStore) -> None:
    """With a pin, champion is that release and its digest; a named release and keyword stay what they are."""
    pin = pinned(store, "20260116")
    registry = Registry(store, pin)
    assert registry.resolve("champion") == pin
    assert registry.resolve("20260117").release == "20260117"
    assert registry.resolve("keyword") == PlannedModel()
    assert Registry(store).resolve("champion").release == "20260117"


def test_the_keyword_tagger_can_be_pinned(store: ObjectStore) -> None:
    """MODEL_RELEASE=keyword keeps every model out, whoever is champion."""
    assert Registry(store, PlannedModel()).resolve("champion") == PlannedModel()


def test_training_compares_with_champion_json(store: ObjectStore) -> None:
    """A pin leaves the champion alone: what a candidate is compared with, and what a promotion replaces."""
    assert Registry(store, pinned(store, "20260116")).champion().champion.release == "20260117"


def test_a_pin_that_the_store_does_not_hold_is_wrong_data(store: ObjectStore) -> None:
    """A release with another digest, or none of that name, is exit code 65 with both digests' beginnings."""
    wrong = PlannedModel(release="20260116", digest="ab" * 32)
    said = r"pinned with the digest abab.*20260116\.json in file:.*Correct the pin"
    with pytest.raises(RegistryError, match=said) as caught:
        Registry(store, wrong).resolve("champion")
    assert caught.value.exit_code is ExitCode.DATA
    with pytest.raises(RegistryError, match="There is no release 20250101"):
        Registry(store, PlannedModel(release="20250101", digest="ab" * 32)).resolve("champion")


def test_the_parts_of_a_process_follow_the_settings(store: ObjectStore) -> None:
    """MODEL_RELEASE and MODEL_DIGEST reach the registry that prepare, classify and doctor ask."""
    pin = pinned(store, "20260116")
    settings = isolated(Settings, store=store.address, model_release=pin.release, model_digest=pin.digest)
    assert Parts(settings).registry.resolve("champion") == pin


def test_the_listing_tells_pinned_from_champion(store: ObjectStore) -> None:
    """`voc models` marks the pinned release and the champion, and says which of them tags."""
    pin = pinned(store, "20260116")
    registry = Registry(store, pin)
    text = io.StringIO()
    Console(file=text, width=200).print(release_table(registry.list_releases(), pin))
    lines = text.getvalue().splitlines()
    assert "champion" in next(line for line in lines if "20260117" in line)
    assert "pinned" in next(line for line in lines if "20260116" in line)
    champion = registry.champion().champion
    assert service_sentence(champion, pin).startswith("In service: 20260116, pinned by MODEL_RELEASE.")
    assert service_sentence(champion).startswith("In service: 20260117 since 2026-01-16")
    assert "MODEL_RELEASE pins 20260116 here" in switch_sentence(champion, pin)
    assert switch_sentence(champion, None) == "Release 20260117 is in service. The next run tags with it."


def test_one_failed_check_hides_no_other(store: ObjectStore) -> None:
    """Every check is made, and the one exit code for all is the one that waiting does not cure."""
    parts = Parts(isolated(Settings, store=store.address))

    def refuse(_: Parts) -> str:
        raise RegistryError("Broken. Mend it.")

    checks = [Check("first", refuse), Check("second", lambda _: "Works.")]
    findings = list(examine(parts, checks))
    assert [finding.line for finding in findings] == ["FAIL  first       Broken. Mend it.", "ok    second      Works."]
    assert worst([finding.code for finding in findings]) is ExitCode.DATA
    assert worst([ExitCode.OK, ExitCode.UNAVAILABLE, ExitCode.DATA]) is ExitCode.DATA
    assert worst([ExitCode.OK]) is ExitCode.OK
