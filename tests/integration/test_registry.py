"""The registry over both stores, with processes that meet."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tests.integration.fixtures_s3 import S3Server
from tests.unit import fixtures_infer as fx
from voc_models import artifact, keys, model_cache
from voc_models.artifact import ArtifactError
from voc_models.exit_codes import DataError, VocError
from voc_models.labels import HEADS, Head
from voc_models.loader import ModelLoader
from voc_models.plan import PlannedModel
from voc_models.registry import ChampionChangedError, Registry, RegistryError
from voc_models.releases import HistoryEntry, Release, ReleaseHead, release_of
from voc_models.store import ObjectStore
from voc_models.store_file import FileStore
from voc_models.store_s3 import S3Store

NOW = datetime(2026, 1, 16, 4, 30, tzinfo=UTC)
StoreMaker = Callable[[], ObjectStore]
Competition = Callable[[Callable[[int], object]], list[object]]


@pytest.fixture(params=["file", "s3"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> StoreMaker:
    """Opens an empty store of either kind, in any process."""
    if request.param == "file":
        return functools.partial(FileStore, (tmp_path / "store").as_uri())
    server: S3Server = request.getfixturevalue("s3_server")
    return functools.partial(S3Store, server.new_store().address, server.access)


@pytest.fixture
def registry(open_store: StoreMaker) -> Registry:
    """A registry without any release."""
    return Registry(open_store())


def _publish(registry: Registry, version: str) -> PlannedModel:
    """Publish a release whose heads are both the keyword tagger's: enough for the champion's rules."""
    return registry.publish_release(Release(version=version, created=NOW, by="trainer"))


def _publish_models(registry: Registry, directory: Path, *, joint: bool = False) -> PlannedModel:
    heads = {head: registry.publish_artifact(fx.write_head(directory, head, joint=joint)[0]) for head in HEADS}
    return registry.publish_release(release_of(fx.VERSION, heads, by="trainer", created=NOW, champion=None))


@pytest.fixture(scope="module")
def compete() -> Iterator[Competition]:
    """Runs ``call(0) … call(3)`` in four processes at once; a VocError is its class."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        yield lambda call: list(pool.map(functools.partial(_outcome, call), range(4)))


def _outcome(call: Callable[[int], object], number: int) -> object:
    try:
        return call(number)
    except VocError as error:
        return type(error)


def _promote(open_store: StoreMaker, number: int) -> str:
    registry, version = Registry(open_store()), f"2026011{number}"
    return registry.promote(version, by=f"trainer {number}", reason="", at=NOW, compared_with="keyword").release


def _append(open_store: StoreMaker, number: int) -> None:
    registry = Registry(open_store())
    registry.append(HistoryEntry(at=NOW, event="evaluated", release="20260116", by=f"trainer {number}"))


def _claim(open_store: StoreMaker, number: int) -> str:
    return Registry(open_store()).claim_version(date(2026, 1, 16), f"trainer {number}")


def _fetch(open_store: StoreMaker, cache: Path, release: Release, _number: int) -> list[str]:
    return [head.directory.name for head in model_cache.fetch(open_store(), release, cache, "cpu")]


def test_without_a_champion_the_keyword_tagger_serves(registry: Registry) -> None:
    """An empty store resolves to the keyword tagger, lists nothing and has no history."""
    assert registry.resolve("champion") == registry.resolve("keyword") == PlannedModel()
    assert registry.list_releases() == []
    assert registry.history() == []
    assert registry.planned(PlannedModel()) is None


def test_a_release_is_resolved_to_its_digest(registry: Registry) -> None:
    """A pinned version and the champion give the same release and digest, which a plan's reader checks."""
    planned = _publish(registry, "20260116")
    registry.promote("20260116", by="a person", reason="better", at=NOW)
    assert registry.resolve("20260116") == registry.resolve("champion") == planned
    release = registry.planned(planned)
    assert release is not None
    assert release.version == "20260116"


def test_a_plan_of_other_bytes_is_refused(registry: Registry) -> None:
    """A release that is not what the run was planned with stops the run with exit 65."""
    _publish(registry, "20260116")
    with pytest.raises(RegistryError, match="changed since this run was planned") as raised:
        registry.planned(PlannedModel(release="20260116", digest="0" * 64))
    assert raised.value.exit_code == 65


def test_an_unknown_release_is_refused_everywhere(registry: Registry) -> None:
    """A version that does not exist can neither be resolved nor promoted, and the sentence says where to look."""
    with pytest.raises(RegistryError, match="no release 20260116"):
        registry.resolve("20260116")
    with pytest.raises(RegistryError, match="voc models"):
        registry.promote("20260116", by="a person", reason="", at=NOW)


def test_a_release_never_changes(registry: Registry) -> None:
    """The same version cannot be published twice."""
    _publish(registry, "20260116")
    with pytest.raises(RegistryError, match="exists already"):
        _publish(registry, "20260116")


def test_releases_are_listed_by_age(registry: Registry) -> None:
    """The tenth release of a day comes after the second, and the champion is marked."""
    for version in ("20260116-10", "20260116", "20260201", "20260116-2"):
        _publish(registry, version)
    registry.promote("20260116-2", by="a person", reason="", at=NOW)
    listed = registry.list_releases()
    assert [entry.release.version for entry in listed] == ["20260116", "20260116-2", "20260116-10", "20260201"]
    assert [entry.champion for entry in listed] == [False, True, False, False]


def test_of_two_trainers_only_one_wins(open_store: StoreMaker, registry: Registry, compete: Competition) -> None:
    """Four trainers that compared with the same champion promote at once: one wins, the others compare again."""
    for number in range(4):
        _publish(registry, f"2026011{number}")
    outcomes = compete(functools.partial(_promote, open_store))
    winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(winners) == 1
    assert outcomes.count(ChampionChangedError) == 3
    assert registry.champion().champion.release == winners[0]
    assert [entry.release for entry in registry.history()] == winners


def test_a_candidate_compared_with_an_older_champion_is_refused(registry: Registry) -> None:
    """A decision against the keyword tagger does not replace the model that came since."""
    _publish(registry, "20260116")
    _publish(registry, "20260117")
    registry.promote("20260116", by="first", reason="", at=NOW, compared_with="keyword")
    with pytest.raises(ChampionChangedError, match="compared with keyword, but 20260116 is champion") as raised:
        registry.promote("20260117", by="second", reason="", at=NOW, compared_with="keyword")
    assert raised.value.exit_code == 75


def test_rollback_goes_back_step_by_step(registry: Registry) -> None:
    """Each rollback restores the champion before, at last the keyword tagger, and then there is nothing left."""
    for version in ("20260116", "20260117"):
        _publish(registry, version)
        registry.promote(version, by="trainer", reason="better", at=NOW)
    assert registry.rollback(by="a person", reason="complaints", at=NOW).release == "20260116"
    assert registry.rollback(by="a person", reason="complaints", at=NOW.replace(hour=5)).release == "keyword"
    assert registry.resolve("champion") == PlannedModel()
    with pytest.raises(RegistryError, match="no champion to go back to"):
        registry.rollback(by="a person", reason="", at=NOW)
    events = [(entry.event, entry.release, entry.by) for entry in registry.history()]
    assert events == [
        ("promoted", "20260116", "trainer"),
        ("promoted", "20260117", "trainer"),
        ("rolled_back", "20260116", "a person"),
        ("rolled_back", "keyword", "a person"),
    ]


def test_a_promotion_killed_before_its_history_is_completed_by_the_next(
    registry: Registry, open_store: StoreMaker
) -> None:
    """When only the champion was written, promoting again adds the missing line once, and changes nothing else."""
    _publish(registry, "20260116")
    champion = registry.promote("20260116", by="trainer", reason="better", at=NOW)
    open_store().delete(keys.HISTORY)
    for _ in range(2):
        assert registry.promote("20260116", by="trainer", reason="better", at=NOW) == champion
    assert [(entry.release, entry.reason) for entry in registry.history()] == [("20260116", "better")]


def test_every_writer_of_the_history_gets_its_line(
    open_store: StoreMaker, registry: Registry, compete: Competition
) -> None:
    """Four processes append at once and no line is lost."""
    assert compete(functools.partial(_append, open_store)) == [None] * 4
    assert sorted(entry.by for entry in registry.history()) == [f"trainer {number}" for number in range(4)]


def test_every_trainer_claims_a_version_of_its_own(open_store: StoreMaker, compete: Competition) -> None:
    """Four trainers of one day get four versions, the first without a number."""
    versions = compete(functools.partial(_claim, open_store))
    assert sorted(map(str, versions)) == ["20260116", *(f"20260116-{number}" for number in range(2, 5))]


def test_a_published_version_is_not_claimed_again(registry: Registry) -> None:
    """A release from before claims existed keeps its version."""
    _publish(registry, "20260116")
    assert registry.claim_version(date(2026, 1, 16), "trainer") == "20260116-2"


@pytest.mark.parametrize("joint", [False, True])
def test_a_published_model_answers_after_download(
    registry: Registry, open_store: StoreMaker, tmp_path: Path, joint: bool
) -> None:
    """Published, resolved, downloaded and loaded, a release answers as it does from the trainer's own directory."""
    planned = _publish_models(registry, tmp_path / "trained", joint=joint)
    release = registry.planned(planned)
    assert release is not None
    cached = model_cache.fetch(open_store(), release, tmp_path / "cache", "cpu")
    answers = ModelLoader("cpu", workers=1).load(cached, fx.taxonomy()).predict(fx.ROWS)
    trained = [(tmp_path / "trained" / head.directory.name, head.manifest) for head in cached]
    expected = ModelLoader("cpu", workers=1).load(trained, fx.taxonomy()).predict(fx.ROWS)
    for head in HEADS:
        np.testing.assert_array_equal(answers[head].probabilities, expected[head].probabilities)


def test_only_what_inference_needs_is_downloaded(registry: Registry, open_store: StoreMaker, tmp_path: Path) -> None:
    """Torch weights and the model card are published and stay in the store."""
    directory, manifest = fx.write_head(tmp_path / "trained", "subject")
    (directory / "model.safetensors").write_bytes(b"weights")
    files = {**manifest.files, **artifact.file_entries(directory)}
    manifest = manifest.model_copy(update={"files": files})
    artifact.write_manifest(directory, manifest)
    heads: dict[Head, ReleaseHead | None] = {"subject": registry.publish_artifact(directory)}
    release = release_of(fx.VERSION, heads, by="trainer", created=NOW, champion=None)
    model_cache.fetch(open_store(), release, tmp_path / "cache", "cpu")
    kept = {path.name for path in (tmp_path / "cache" / directory.name).iterdir()}
    assert kept == {"model.onnx", "spiece.model", "vocab.txt", "label_mapping.json"}
    assert open_store().exists(f"models/{directory.name}/model.safetensors")


def test_promoting_one_head_keeps_the_other(registry: Registry, tmp_path: Path) -> None:
    """A release of a new subject head keeps the champion's work head."""
    first = registry.planned(_publish_models(registry, tmp_path))
    assert first is not None
    newer = release_of("20260201", {"subject": None}, by="trainer", created=NOW, champion=first)
    assert newer.subject is None
    assert newer.work == first.work


def test_processes_that_start_together_share_one_cache(
    registry: Registry, open_store: StoreMaker, tmp_path: Path, compete: Competition
) -> None:
    """Four processes fetch the same release into one directory and each finds it whole."""
    release = registry.planned(_publish_models(registry, tmp_path / "trained"))
    assert release is not None
    outcomes = compete(functools.partial(_fetch, open_store, tmp_path / "cache", release))
    assert outcomes == [[f"kobert_subject_{fx.VERSION}", f"kobert_work_{fx.VERSION}"]] * 4


def test_a_damaged_cache_heals_itself(registry: Registry, open_store: StoreMaker, tmp_path: Path) -> None:
    """A cached file that was cut off is downloaded again; an intact one is not touched."""
    release = registry.planned(_publish_models(registry, tmp_path / "trained"))
    assert release is not None
    directory = model_cache.fetch(open_store(), release, tmp_path / "cache", "cpu")[0].directory
    whole = (directory / "model.onnx").read_bytes()
    intact = (directory / "vocab.txt").stat().st_mtime_ns
    (directory / "model.onnx").write_bytes(whole[:50])
    model_cache.fetch(open_store(), release, tmp_path / "cache", "cpu")
    assert (directory / "model.onnx").read_bytes() == whole
    assert (directory / "vocab.txt").stat().st_mtime_ns == intact


def test_an_intact_cache_needs_no_store_of_files(registry: Registry, open_store: StoreMaker, tmp_path: Path) -> None:
    """With every file in the cache, only the manifests are read from the store."""
    release = registry.planned(_publish_models(registry, tmp_path / "trained"))
    assert release is not None
    model_cache.fetch(open_store(), release, tmp_path / "cache", "cpu")
    open_store().delete(f"models/kobert_subject_{fx.VERSION}/model.onnx")
    assert len(model_cache.fetch(open_store(), release, tmp_path / "cache", "cpu")) == 2


def _cut_graph(store: ObjectStore, prefix: str) -> None:
    store.put(f"{prefix}model.onnx", store.get(f"{prefix}model.onnx").data[:100])


def _swap_graph(store: ObjectStore, prefix: str) -> None:
    data = bytearray(store.get(f"{prefix}model.onnx").data)
    data[len(data) // 2] ^= 1
    store.put(f"{prefix}model.onnx", bytes(data))


def _other_manifest(store: ObjectStore, prefix: str) -> None:
    store.put(f"{prefix}manifest.json", store.get(f"{prefix}manifest.json").data + b"\n")


def _no_manifest(store: ObjectStore, prefix: str) -> None:
    store.delete(f"{prefix}manifest.json")


def _no_graph(store: ObjectStore, prefix: str) -> None:
    store.delete(f"{prefix}model.onnx")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_cut_graph, "cut off"),
        (_swap_graph, "does not have the SHA-256"),
        (_other_manifest, "not the one that the release names"),
        (_no_manifest, "is missing"),
        (_no_graph, "model.onnx"),
    ],
)
def test_a_damaged_store_is_a_data_error(
    registry: Registry,
    open_store: StoreMaker,
    tmp_path: Path,
    damage: Callable[[ObjectStore, str], None],
    sentence: str,
) -> None:
    """What is not what the release's hashes say never reaches a session: exit 65 with the file's name."""
    release = registry.planned(_publish_models(registry, tmp_path / "trained"))
    assert release is not None
    damage(open_store(), f"models/kobert_subject_{fx.VERSION}/")
    with pytest.raises(VocError, match=sentence) as raised:
        model_cache.fetch(open_store(), release, tmp_path / "cache", "cpu")
    assert raised.value.exit_code == 65


def test_an_artifact_is_published_once(registry: Registry, tmp_path: Path) -> None:
    """A second upload of the same version is refused before it writes anything."""
    directory, _ = fx.write_head(tmp_path / "trained", "work", ("linear",))
    registry.publish_artifact(directory)
    with pytest.raises(RegistryError, match="published already"):
        registry.publish_artifact(directory)


def test_a_joint_work_head_needs_its_subject(registry: Registry, tmp_path: Path) -> None:
    """A head whose graph lies in the other head's folder cannot be published before it."""
    subject, work = (fx.write_head(tmp_path, head, joint=True)[0] for head in HEADS)
    with pytest.raises(RegistryError, match="Publish that head first"):
        registry.publish_artifact(work)
    registry.publish_artifact(subject)
    assert registry.publish_artifact(work).version == fx.VERSION


def test_a_score_that_is_no_number_is_never_written(registry: Registry) -> None:
    """NaN enters neither a release nor the history, which JSON would make unreadable."""
    release = Release(version="20260116", created=NOW, by="trainer")
    with pytest.raises(DataError, match="scores"):
        registry.publish_release(release.model_copy(update={"scores": {"accuracy": float("nan")}}))
    assert registry.list_releases() == []
    with pytest.raises(ValidationError, match="finite"):
        HistoryEntry(at=NOW, event="evaluated", release="20260116", by="trainer", scores={"accuracy": float("nan")})


def test_a_directory_without_manifest_is_not_published(registry: Registry, tmp_path: Path) -> None:
    """An artifact whose trainer was killed before the manifest cannot be published."""
    directory, _ = fx.write_head(tmp_path / "trained", "work", ("linear",))
    shutil.move(directory / "manifest.json", tmp_path / "elsewhere.json")
    with pytest.raises(ArtifactError, match="no readable manifest"):
        registry.publish_artifact(directory)


def test_a_cache_that_cannot_be_written_is_named(registry: Registry, open_store: StoreMaker, tmp_path: Path) -> None:
    """A model directory that is a file gives a sentence with its path and the setting, exit 69."""
    release = registry.planned(_publish_models(registry, tmp_path / "trained"))
    assert release is not None
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    with pytest.raises(model_cache.ModelCacheError, match="set MODEL_DIR") as raised:
        model_cache.fetch(open_store(), release, tmp_path / "cache", "cpu")
    assert raised.value.exit_code == 69
