"""When the stores speak for a promotion, and when against it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import cast

import pytest

from voc_models import keys
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_models.plan import PlannedModel, Summary
from voc_models.registry import Registry
from voc_models.releases import Event, HistoryEntry, Release
from voc_models.run import Mode
from voc_models.store_file import FileStore
from voc_worker.promotion.evidence import (
    LastRun,
    ever_champion,
    gate_problem,
    last_run,
    run_problem,
    store_problem,
)
from voc_worker.promotion.pins import IMAGES, Pins

NOW = datetime(2026, 1, 20, tzinfo=UTC)
OLD, NEW = "full_20260101_020000_1a2b3", "refresh_20260115_020000_00000"
PIN = PlannedModel(release="20260116", digest="a" * 64)
DIGESTS = {name: f"sha256:{number:064x}" for number, name in enumerate(IMAGES)}
USED = {name: f"registry/{name}@{DIGESTS[name]}" for name in ("operator", "worker")}
FOLLOWING, PINNED = Pins(DIGESTS, None), Pins(DIGESTS, PIN)


def summary(
    run_id: str,
    *,
    failed: Mapping[str, str] | None = None,
    model: PlannedModel = PIN,
    images: Mapping[str, str] = MappingProxyType(USED),
) -> Summary:
    """Return the summary of a run of three buildings."""
    failed = dict(failed or {})
    return Summary(
        run_id=run_id,
        mode=Mode(run_id.split("_", maxsplit=1)[0]),
        month=Month(2025, 12),
        model=model,
        images=dict(images),
        total=3,
        succeeded=3 - len(failed),
        failed=failed,
        finished=NOW,
    )


def history(*lines: str) -> list[HistoryEntry]:
    """Return entries from lines such as ``promoted 20260116 person: kim``."""
    entries = []
    for number, line in enumerate(lines):
        event, release, by = line.split(maxsplit=2)
        at = NOW + timedelta(hours=number)
        entries.append(
            HistoryEntry(at=at, event=cast("Event", event), release=release, by=by, reason=f"reason {number}")
        )
    return entries


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """Return an empty store."""
    return FileStore((tmp_path / "store").as_uri())


def test_the_last_run_is_the_one_created_last_whatever_its_month(store: FileStore) -> None:
    """A run of an older month that was created later counts; so does one that has a plan and no summary yet."""
    assert last_run(store, NOW) is None
    december, november = Month(2025, 12), Month(2025, 11)
    store.put(keys.summary(december, OLD), summary(OLD).to_json())
    store.put(keys.summary(november, NEW), summary(NEW).to_json())
    store.put("202512/runs/by-hand/summary.json", b"not ours")
    assert last_run(store, NOW) == LastRun(NEW, summary(NEW))
    later = "full_20260116_020000_fffff"
    store.put(keys.plan(december, later), b"{}")
    assert last_run(store, NOW) == LastRun(later, None)


def test_a_month_of_two_years_ago_is_found_and_an_older_one_is_not(store: FileStore) -> None:
    """The last two years' months are looked through, the current one included."""
    store.put(keys.summary(Month(2023, 12), OLD), summary(OLD).to_json())
    assert last_run(store, NOW) is None
    store.put(keys.summary(Month(2024, 1), OLD), summary(OLD).to_json())
    assert last_run(store, NOW) is not None


def test_a_broken_summary_is_wrong_data(store: FileStore) -> None:
    """What is no summary is not taken for a green one."""
    store.put(keys.summary(Month(2025, 12), OLD), b'{"run_id": "x"}')
    with pytest.raises(DataError, match=r"summary\.json is not a valid Summary"):
        last_run(store, NOW)


def test_only_a_green_run_with_the_pinned_model_proves_an_environment() -> None:
    """No run, no summary, a failed building and another model each have their sentence."""
    assert run_problem("dev", LastRun(OLD, summary(OLD)), FOLLOWING) is None
    assert run_problem("stage", LastRun(OLD, summary(OLD)), PINNED) is None
    assert "has no run" in (run_problem("dev", None, FOLLOWING) or "")
    assert "has no summary" in (run_problem("dev", LastRun(OLD, None), FOLLOWING) or "")
    bad = run_problem("dev", LastRun(OLD, summary(OLD, failed={"95": "Out of memory."})), FOLLOWING)
    assert bad
    assert f"{OLD}, is not green: 2 of 3 buildings succeeded. The first: 95: Out of memory." in bad
    other = LastRun(OLD, summary(OLD, model=PlannedModel(release="20251220", digest="b" * 64)))
    assert "used 20251220, not 20260116" in (run_problem("stage", other, PINNED) or "")
    assert run_problem("dev", other, FOLLOWING) is None


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (USED | {"worker": f"registry/worker@sha256:{9:064x}"}, "used sha256:000000000000 for images.worker, not sha"),
        (USED | {"worker": "registry/worker:1.2"}, "used no digest for images.worker"),
        (USED | {"workerGpu": f"registry/worker-gpu@{DIGESTS['worker']}"}, "for images.workerGpu"),
        (USED | {"sidecar": f"registry/sidecar@sha256:{9:064x}"}, "for images.sidecar, which is not pinned."),
        ({}, "does not say which images it used"),
    ],
)
def test_only_the_pinned_images_prove_an_environment(images: Mapping[str, str], said: str) -> None:
    """A digest that was committed after the last run, a tag, and a run on a laptop prove nothing."""
    problem = run_problem("dev", LastRun(OLD, summary(OLD, images=images)), FOLLOWING) or ""
    assert said in problem
    assert problem.endswith("Let dev run once with its pins.")


def test_a_training_run_says_nothing_about_the_pinned_model() -> None:
    """Its summary names the new candidate, which the environment does not run."""
    run = "train_20260120_040000_abcde"
    trained = summary(run, model=PlannedModel(release="20260120", digest="b" * 64))
    assert run_problem("dev", LastRun(run, trained), PINNED) is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["promoted 20260116 train_1"], None),
        (["evaluated 20260116 train_1", "promoted 20260116 person: kim"], None),
        ([], "was never promoted"),
        (["evaluated 20260116 train_1", "promoted 20260115 train_0"], "was never promoted"),
        (["refused 20260116 train_1"], "The gate refused release 20260116: reason 0"),
        (["refused 20260116 train_1", "promoted 20260116 person: kim"], "The gate refused release 20260116: reason 0"),
        (["promoted 20260115 t", "promoted 20260116 t", "rolled_back 20260115 kim"], "was rolled back from: reason 2"),
        (["promoted 20260116 t", "rolled_back keyword person: kim"], "was rolled back from: reason 1"),
        (["promoted 20260116 t", "rolled_back keyword person: kim", "promoted 20260116 person: kim"], None),
        (["promoted 20260116 t", "promoted 20260117 t", "rolled_back 20260116 person: kim"], None),
        (["promoted 20260116 t", "refused 20260116 t"], None),
    ],
)  # fmt: skip
def test_the_gate_is_green_for_what_it_promoted_and_nobody_took_back(lines: list[str], said: str | None) -> None:
    """A gate's refusal is not overridden by a person's promotion, and a roll-back counts until a new promotion."""
    found = gate_problem(history(*lines), "20260116")
    assert (found is None) if said is None else (said in (found or ""))


def test_the_keyword_tagger_needs_no_gate() -> None:
    """It is the bar that models must clear."""
    assert gate_problem([], "keyword") is None


def test_the_release_must_be_in_the_store_with_that_hash(store: FileStore) -> None:
    """A release that is missing, or whose record has another hash, is named together with the store."""
    assert "There is no release 20260116" in (store_problem(store, PIN) or "")
    published = Registry(store).publish_release(Release(version="20260116", created=NOW, by="trainer"))
    assert store_problem(store, published) is None
    assert "pinned with aaaaaaaaaaaa…" in (store_problem(store, PIN) or "")
    assert store_problem(store, PlannedModel()) is None


def test_whatever_was_promoted_was_once_champion() -> None:
    """A release that was rolled back from was champion, one that was only measured was not."""
    lines = ["promoted 20260115 t", "evaluated 20260116 t", "promoted 20260117 t", "rolled_back 20260115 person: kim"]
    assert ever_champion(history(*lines)) == {"keyword", "20260115", "20260117"}
