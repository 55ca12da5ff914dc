"""`voc models` and `voc train` as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import Person
from tests.unit import fixtures_infer as fx
from voc_models.labels import HEADS
from voc_models.registry import Registry
from voc_models.releases import HistoryEntry, Release, release_of
from voc_models.store_file import FileStore

NOW = datetime(2026, 1, 16, 4, 30, tzinfo=UTC)


@pytest.fixture
def registry(person: Person, tmp_path: Path) -> Registry:
    """The person's store with one trained release, and an older one that keeps the keyword tagger."""
    registry = Registry(FileStore(person.store.as_uri()))
    registry.publish_release(Release(version="20251220", created=NOW, by="train_1"))
    heads = {head: registry.publish_artifact(fx.write_head(tmp_path / "built", head)[0]) for head in HEADS}
    registry.publish_release(release_of(fx.VERSION, heads, by="train_2", created=NOW, champion=None))
    for head, accuracy in zip(HEADS, (0.93, 0.5), strict=True):
        scores = {"accuracy": accuracy, "champion_accuracy": 0.4}
        entry = HistoryEntry(at=NOW, event="evaluated", release=fx.VERSION, by="train_2", head=head, scores=scores)
        registry.append(entry)
    return registry


def test_a_person_promotes_a_release_and_takes_it_back(person: Person, registry: Registry) -> None:
    """Each switch is in the history as a person's, with the reason; the plot shows each accuracy as a bar."""
    listed = person.types("models")
    assert "In service: the keyword tagger." in listed
    assert f"{'█' * 37}···" in listed
    assert "93.0%" in listed
    person.types("models", "promote", "20251220")
    person.types("models", "promote", fx.VERSION, "--reason", "the gate was too careful")
    listed = person.types("models")
    assert f"In service: {fx.VERSION}" in listed
    assert "the gate was too careful" in listed
    assert "20251220 is in service again" in person.types("models", "rollback")
    assert "keyword is in service again" in person.types("models", "rollback")
    assert "nothing" in person.types("models", "rollback", code=65).lower()
    switches = [(one.event, one.release) for one in registry.history() if one.event != "evaluated"]
    assert switches == [
        ("promoted", "20251220"),
        ("promoted", fx.VERSION),
        ("rolled_back", "20251220"),
        ("rolled_back", "keyword"),
    ]
    assert all(one.by.startswith("person: ") for one in registry.history() if one.event != "evaluated")


def test_a_release_that_does_not_exist_is_not_promoted(person: Person) -> None:
    """The sentence says how to find one that does, and the exit code is that of wrong data."""
    assert "`voc models` lists those that exist" in person.types("models", "promote", "20300101", code=65)


def test_training_without_a_review_ends_in_a_sentence(person: Person) -> None:
    """All rows unreviewed: nothing is trained, and the person learns what to do first."""
    person.types("run", "--mode", "tagging-only", "--month", "2025-12", "--building-id", "138")
    assert "No month has reviews yet. Review a month" in person.types("train", "--base-model", "scratch", code=65)
    named = person.types("train", "--base-model", "scratch", "--months", "2025-12", code=65)
    assert "no reviewed row in 2025-12. Set 검수완료 to Y" in named
    assert not list(person.store.glob("models/releases/*"))


def test_every_option_of_training_is_explained(person: Person) -> None:
    """`voc train --help` names each."""
    printed = person.types("train", "--help")
    for option in ("--months", "--base-model", "--promote", "--joint", "--dry-run"):
        assert option in printed
