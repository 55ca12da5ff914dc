"""A training run over months that the worker's own code wrote, from reviewed rows to a champion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from tests.integration.fixtures_training import Reviewed, reviewed_store, taxonomy
from tests.unit import fixtures_infer as fx
from voc_models import keys
from voc_models.exit_codes import ExitCode
from voc_models.inference import KeywordAnswer
from voc_models.labels import HEADS, OTHER, Head, Label
from voc_models.loader import ModelLoader
from voc_models.model_cache import fetch
from voc_models.months import Month
from voc_models.registry import Registry
from voc_models.releases import ReleaseHead, release_of
from voc_models.run import TrainSpec
from voc_models.store_file import FileStore
from voc_models.text import TEXT_VERSION, model_input
from voc_training.data import NoReviewsError, StoredRowsError, load_reviewed, snapshot_key
from voc_training.fit_encoder import EncoderPlan
from voc_training.judge import champion_says
from voc_training.pipeline import Job, train
from voc_training.publish import RunDecision, apply, stored_decision
from voc_training.rows import cleaned, head_rows
from voc_worker.columns import CONFIDENCES, LABELS
from voc_worker.tables import read_csv

MONTHS = (Month(2025, 9), Month(2025, 10), Month(2025, 11))
NOW = datetime(2026, 1, 20, 4, tzinfo=UTC)


class Trained(NamedTuple):
    """A finished train step."""

    job: Job
    decision: RunDecision


def job_of(reviewed: Reviewed, folder: Path, *, joint: bool = False) -> Job:
    """Return a job that trains a scratch encoder for one round: what comes out is tested, not how good it is."""
    return Job(
        plan=reviewed.plan,
        store=reviewed.store,
        models=reviewed.store,
        encoder=EncoderPlan("scratch", epochs=1, tokens=48),
        joint=joint,
        work=folder / "work",
        cache=folder / "cache",
        git_commit="abc",
        clock=lambda: NOW,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One run over three reviewed months with a fifth of the texts kept as 표본."""
    folder = tmp_path_factory.mktemp("training")
    job = job_of(reviewed_store(folder / "store", MONTHS), folder)
    return Trained(job, train(job))


def test_both_heads_beat_the_keyword_tagger_on_the_sample(trained: Trained) -> None:
    """Twelve hundred reviewed rows are enough for a release that is better on the frozen rows, in both heads."""
    assert trained.decision.verdict == "promote"
    assert [one.head for one in trained.decision.decisions] == list(HEADS)
    assert all(one.champion == "keyword" for one in trained.decision.decisions)
    assert trained.decision.compared_with == "keyword"


def test_no_frozen_row_trains(trained: Trained) -> None:
    """The manifest's counts add up to the reviewed rows, and the frozen ones are those the gate judged."""
    registry = Registry(trained.job.models)
    release = registry.release(trained.decision.release.release)
    for decision in trained.decision.decisions:
        entry = release.head(decision.head)
        assert entry is not None
        manifest = registry.manifest(decision.head, entry)
        assert manifest.training.rows["frozen"] == decision.rows
        assert manifest.training.rows["train"] > 3 * manifest.training.rows["validation"]


def test_the_published_release_answers_through_inference(trained: Trained) -> None:
    """Fetched from the store and opened with every check, it labels a request with a confidence."""
    registry = Registry(trained.job.models)
    release = registry.release(trained.decision.release.release)
    heads = fetch(trained.job.models, release, trained.job.cache, "cpu")
    model = ModelLoader("cpu").load([(one.directory, one.manifest) for one in heads], taxonomy())
    rows = [model_input("", "화장실 변기가 막혀서 물이 넘쳐요", "")]
    silent = KeywordAnswer([OTHER], np.zeros(1))
    found = model.predict(rows, dict.fromkeys(HEADS, silent))
    assert found["subject"].labels == [Label("시설", "위생기구")]
    assert 0 < found["subject"].confidences[0] <= 1


def test_the_manifest_says_how_good_the_model_is(trained: Trained) -> None:
    """Metrics with and without reply, calibration, learning curve and time hold-out are all there."""
    registry = Registry(trained.job.models)
    release = registry.release(trained.decision.release.release)
    assert release.subject is not None
    manifest = registry.manifest("subject", release.subject)
    metrics = manifest.metrics
    frozen = metrics["frozen"]
    assert frozen["with_reply"]["accuracy"] == pytest.approx(trained.decision.decisions[0].candidate_accuracy)
    assert 0 < frozen["without_reply"]["macro_f1"] < 1
    assert set(metrics["validation_accuracy_by_kind"]) == {"linear", "kobert", "blend"}
    assert metrics["ece"]["after"] < 0.2
    assert 0 < metrics["ece"]["after_without_reply"] < 0.2
    assert [point["until"] for point in metrics["learning_curve"]][-1] == "2025-11"
    assert all(0 < point["without_reply"] < 1 for point in metrics["learning_curve"])
    assert metrics["time_hold_out"]["month"] == "2025-11"
    assert metrics["time_hold_out"]["with_reply"]["rows"] > 200
    assert manifest.training.months == ("2025-09", "2025-10", "2025-11")
    assert manifest.git_commit == "abc"


def test_the_model_card_lies_beside_the_model(trained: Trained) -> None:
    """Markdown and HTML with plots, in the store, named in the manifest."""
    folder = keys.artifact("subject", trained.decision.release.release)
    markdown = trained.job.models.get(f"{folder}model_card.md").data.decode()
    page = trained.job.models.get(f"{folder}model_card.html").data.decode()
    assert trained.decision.decisions[0].reason in markdown
    assert "시설_승강기" in markdown
    for part in (
        "보정 전",
        "최신 월(2025-11)",
        "| 마지막 달 | 학습 행 |",
        "| 신뢰도 | 처리 비율 |",
        "후보별 검증 정확도",
    ):
        assert part in markdown
    assert page.count("<svg") == 3
    assert json.loads(trained.job.models.get(f"{folder}manifest.json").data)["files"]["model_card.html"]["size"] > 0


def test_a_second_attempt_of_a_run_that_decided_trains_nothing(trained: Trained) -> None:
    """It returns the same decision, and there is still one release."""
    assert train(trained.job) == trained.decision
    assert len(Registry(trained.job.models).list_releases()) == 1


def test_the_decision_is_applied_once_and_recorded(trained: Trained) -> None:
    """The release becomes champion; applied again, nothing changes and nothing is recorded twice."""
    champion, sentence = apply(trained.job.models, trained.decision, NOW)
    again, _ = apply(trained.job.models, trained.decision, NOW)
    assert champion == again == trained.decision.release.release
    assert "is champion now" in sentence
    events = [entry.event for entry in Registry(trained.job.models).history()]
    assert events.count("promoted") == 1
    assert events.count("evaluated") == 2


def test_two_trainers_that_compared_with_the_same_champion_cannot_both_win(trained: Trained) -> None:
    """The later one is refused with the reason, and the first stays champion."""
    apply(trained.job.models, trained.decision, NOW)
    other = trained.decision.release.model_copy(update={"release": "20260120-9"})
    late = trained.decision.model_copy(update={"run_id": "train_20260120_050000_ddddd", "release": other})
    champion, sentence = apply(trained.job.models, late, NOW)
    assert champion == trained.decision.release.release
    assert "Compare again" in sentence
    assert Registry(trained.job.models).history()[-1].event == "refused"


@pytest.mark.parametrize("mode", ["manual", "never"])
def test_a_release_that_passed_waits_for_a_person_unless_promotion_is_automatic(
    trained: Trained, tmp_path: Path, mode: str
) -> None:
    """The champion stays, and the sentence holds the command."""
    store = reviewed_store(tmp_path, MONTHS[:1], most_rows=5).store
    waiting = trained.decision.model_copy(update={"mode": mode})
    champion, sentence = apply(store, waiting, NOW)
    assert champion == "keyword"
    assert f"voc models promote {waiting.release.release}" in sentence


def test_the_run_s_own_snapshot_is_read_before_a_newer_one(tmp_path: Path) -> None:
    """A second attempt reads what the first one read; other runs read the newest."""
    reviewed = reviewed_store(tmp_path, MONTHS[:1], most_rows=5)
    month = MONTHS[0]
    for run in ("train_20250120_040000_bbbbb", "refresh_20270101_020000_eeeee"):
        reviewed.store.put(keys.review_snapshot(month, run), b"x")
    assert snapshot_key(reviewed.store, month, "train_20250120_040000_bbbbb") == keys.review_snapshot(
        month, "train_20250120_040000_bbbbb"
    )
    newest = keys.review_snapshot(month, "refresh_20270101_020000_eeeee")
    assert snapshot_key(reviewed.store, month, "train_20260120_040000_fffff") == newest


def test_text_and_labels_are_read_back_as_the_worker_wrote_them(tmp_path: Path) -> None:
    """Line breaks, quotes and what looks like a formula survive the CSV."""
    reviewed = reviewed_store(tmp_path, MONTHS[:1], most_rows=60)
    rows = load_reviewed(reviewed.store, reviewed.plan)
    assert len(rows) == 60
    assert rows["is_sample"].dtype == bool
    assert 0 < rows["is_sample"].sum() < 30
    assert not rows["title"].str.startswith("'").any()


def test_the_keyword_tagger_says_in_training_what_it_said_in_the_worker(tmp_path: Path) -> None:
    """Asked about the text of the tagged files, it gives the labels and scores that the worker wrote into them."""
    reviewed = reviewed_store(tmp_path, MONTHS[:1])
    table = cleaned(load_reviewed(reviewed.store, reviewed.plan), taxonomy()).set_index("voc_id")
    objects = [one.key for one in reviewed.store.list(MONTHS[0].compact) if "/tagged_" in one.key]
    written = pd.concat([read_csv(reviewed.store.get(key).data, key) for key in objects]).set_index("voc_id")
    assert len(written) == len(table) > 300
    for head in HEADS:
        joined = written[f"{head}_major"] + "_" + written[f"{head}_minor"]
        assert table[f"keyword_{head}"].to_dict() == joined.to_dict()
        scores = written.loc[table.index, f"{head}_confidence"].to_numpy()
        assert table[f"keyword_{head}_score"].to_numpy() == pytest.approx(scores, abs=1e-4)


class Stubborn:
    """A release that calls everything 기타/기타."""

    name = "20250101"

    def tag(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Label ``rows``."""
        cells = [(*OTHER, *OTHER, 0.5, 0.5)] * len(rows)
        return pd.DataFrame(cells, index=rows.index, columns=[*LABELS, *CONFIDENCES])


def test_rows_that_a_model_tagged_are_compared_with_the_keyword_tagger_too(tmp_path: Path) -> None:
    """The champion of no release answers every frozen row itself, whatever the tagged file says."""
    reviewed = reviewed_store(tmp_path, MONTHS[:1], tagger=Stubborn())
    table = head_rows(cleaned(load_reviewed(reviewed.store, reviewed.plan), taxonomy()), "subject", taxonomy()).rows
    frozen = table[table["is_sample"]]
    says = champion_says("subject", frozen, None, reviewed.store, tmp_path / "cache", taxonomy())
    assert says.name == "keyword"
    assert len(says.labels) == len(frozen) > 40
    assert 0.4 < np.mean(np.asarray(says.labels) == frozen["label"].to_numpy()) < 0.9


def test_a_champion_of_an_older_text_gives_way_to_the_keyword_tagger(tmp_path: Path) -> None:
    """It can serve no month any more, so it does not stop its successors either, and a note says so."""
    store = FileStore((tmp_path / "store").as_uri())
    registry = Registry(store)
    written = fx.write_head(tmp_path, "subject", changes={"text_version": TEXT_VERSION + 1})[0]
    heads: dict[Head, ReleaseHead | None] = {"subject": registry.publish_artifact(written)}
    release = release_of(fx.VERSION, heads, by="trainer", created=NOW, champion=None)
    frozen = pd.DataFrame({"keyword_subject": ["시설_누수"]})
    says = champion_says("subject", frozen, release, store, tmp_path / "cache", fx.taxonomy())
    assert (says.name, says.labels) == ("keyword", ["시설_누수"])
    assert f"Release {fx.VERSION} reads text that this program no longer makes" in says.note


def test_unreviewed_months_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """Without a snapshot there is nothing to learn."""
    reviewed = reviewed_store(tmp_path, MONTHS[:1], most_rows=5)
    other = reviewed.plan.model_copy(update={"train_months": (Month(2024, 1),)})
    with pytest.raises(NoReviewsError, match=r"no reviewed row in 2024-01.*Set 검수완료 to Y"):
        load_reviewed(reviewed.store, other)


def test_a_tagged_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    """Its bytes are not those that latest.json names."""
    reviewed = reviewed_store(tmp_path, MONTHS[:1], most_rows=5)
    key = next(one.key for one in reviewed.store.list(MONTHS[0].compact) if "/tagged_" in one.key)
    reviewed.store.put(key, reviewed.store.get(key).data + b"\r\n")
    with pytest.raises(StoredRowsError, match="is not the file that"):
        load_reviewed(reviewed.store, reviewed.plan)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start a step as a container does."""
    folders = {"STORE": (folder / "store").as_uri(), "OUT_DIR": str(folder / "out"), "MODEL_DIR": str(folder / "m")}
    environment = {**os.environ, **folders, "TRAIN_EPOCHS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "voc_training", *arguments],
        capture_output=True, text=True, check=False, env=environment, cwd=folder,
    )  # fmt: skip


def test_too_few_rows_end_with_exit_code_65_and_a_sentence(tmp_path: Path) -> None:
    """Twenty reviewed rows are refused; nothing is published."""
    reviewed = reviewed_store(tmp_path / "store", MONTHS[:1], most_rows=20)
    found = command(tmp_path, "train", "--plan", reviewed.plan_key)
    assert found.returncode == ExitCode.DATA
    assert "are too few to learn from" in found.stderr.splitlines()[-1]
    assert stored_decision(reviewed.store, reviewed.plan) is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("fly",), ExitCode.USAGE, "invalid choice"),
        (("train",), ExitCode.USAGE, "--plan"),
        (("promote", "--plan", "202511/runs/none/plan.json"), ExitCode.DATA, "plan.json"),
    ],
)
def test_a_wrong_command_ends_with_the_contract_s_code(
    tmp_path: Path, arguments: tuple[str, ...], code: ExitCode, words: str
) -> None:
    """Usage is 64, a plan that is not there is 65; no traceback either way."""
    found = command(tmp_path, *arguments)
    assert found.returncode == code
    assert words in found.stderr
    assert "Traceback" not in found.stderr


def test_promotion_before_training_is_refused(tmp_path: Path) -> None:
    """Without a decision there is nothing to apply."""
    reviewed = reviewed_store(tmp_path / "store", MONTHS[:1], most_rows=5, spec=TrainSpec(base_model="scratch"))
    found = command(tmp_path, "promote", "--plan", reviewed.plan_key)
    assert found.returncode == ExitCode.USAGE
    assert "Run its train step first" in found.stderr
