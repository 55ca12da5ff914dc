"""Heads whose meaning lies in the order of words: KoBERT-shaped models see it, character n-grams do not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from transformers import BertConfig, BertModel

from voc_models.artifact import TrainingFacts
from voc_models.labels import HEADS, Head, Label, Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_models.loader import ModelLoader
from voc_training.build import Built, Origin, build_head, finished
from voc_training.encoder import HeadedEncoder, seed_everything
from voc_training.export import export_fp32
from voc_training.fit_encoder import EncoderPlan, FittedEncoder, Taught, inputs_of, train_encoder
from voc_training.judge import ChampionSays, judge
from voc_training.split import split

CLASSES = (Label("순서", "앞"), Label("순서", "뒤"))
TAXONOMY: Taxonomy = checked_taxonomy(
    [TaxonomyEntry(kind=head, major=label.major, minor=label.minor) for head in HEADS for label in CLASSES]
)


class Joint(NamedTuple):
    """Both heads from one encoder."""

    built: dict[Head, Built]
    frozen: dict[Head, pd.DataFrame]
    encoder: FittedEncoder


def rows_of(head: Head) -> pd.DataFrame:
    """1,200 rows: which of two words comes first is the subject, which of two others comes first is the work type."""
    generator = np.random.default_rng(3)
    subject, work = generator.integers(0, 2, 1200), generator.integers(0, 2, 1200)
    places, deeds = ("화장실 복도", "복도 화장실"), ("점검 청소", "청소 점검")
    requests = [f"{places[s]} {deeds[w]} {n}" for n, (s, w) in enumerate(zip(subject, work, strict=True))]
    return pd.DataFrame(
        {
            "voc_id": [str(n) for n in range(1200)],
            "building_id": "95",
            "month": "2025-12",
            "request": requests,
            "reply": "",
            "group": requests,
            "is_sample": [n % 3 == 0 for n in range(1200)],
            "label": [str(CLASSES[number]) for number in (subject if head == "subject" else work)],
            **dict.fromkeys((f"keyword_{head}", f"keyword_{head}_bare"), ""),
            **dict.fromkeys((f"keyword_{head}_score", f"keyword_{head}_bare_score"), np.nan),
        }
    )


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> Joint:
    """Train one encoder for both heads, and build both directories."""
    root = tmp_path_factory.mktemp("joint")
    parts = {head: split(rows_of(head), "label") for head in HEADS}
    shared = frozenset(parts["subject"].validation["group"])
    taught = {head: Taught(split(rows_of(head), "label", validates=shared), CLASSES) for head in HEADS}
    directory = root / "encoder"
    directory.mkdir()
    encoder = train_encoder(taught, EncoderPlan("scratch", epochs=40, tokens=32), directory, root / "checkpoints")
    origin = Origin("20260120", TAXONOMY, TrainingFacts(), "")
    drafts = [build_head(head, taught[head], encoder, root / "artifacts", origin) for head in HEADS]
    subject = finished(drafts[0], {})
    work = finished(drafts[1], {}, subject)
    return Joint({"subject": subject, "work": work}, {head: taught[head].parts.frozen for head in HEADS}, encoder)


def test_the_encoder_is_the_candidate_where_the_linear_model_sees_nothing(joint: Joint) -> None:
    """On the order of words n-grams within words are near chance, and KoBERT's shape is right almost always."""
    for head in HEADS:
        found = joint.built[head].choice
        assert "kobert" in found.parts
        assert found.accuracies["kobert"] > 0.95
        assert found.accuracies["linear"] < 0.7


def test_two_heads_share_one_graph_which_lies_in_the_subject_folder(joint: Joint) -> None:
    """The work manifest refers to the graph and the tokenizer by hash, and holds no copy."""
    work, subject = joint.built["work"], joint.built["subject"]
    for name in ("model.onnx", "model_fp16.onnx", "model_int8.onnx", "tokenizer.json"):
        assert work.manifest.files[name].folder == "kobert_subject_20260120"
        assert not (work.directory / name).exists()
        assert (subject.directory / name).exists()
    assert (work.manifest.output, subject.manifest.output) == ("work", "subject")


def test_both_heads_answer_from_the_shared_graph(joint: Joint) -> None:
    """Opened as the worker opens them, each head names its own classes rightly on frozen rows."""
    model = ModelLoader("cpu").load([(one.directory, one.manifest) for one in joint.built.values()], TAXONOMY)
    answers = model.predict(inputs_of(joint.frozen["subject"]))
    for head in HEADS:
        right = [
            str(label) == truth for label, truth in zip(answers[head].labels, joint.frozen[head]["label"], strict=True)
        ]
        assert np.mean(right) > 0.95


def test_torch_and_the_fp32_graph_agree(joint: Joint) -> None:
    """On trained weights and the validation texts no label differs."""
    assert joint.encoder.parity["fp32"].label_agreement == 1.0
    assert joint.encoder.parity["fp32"].largest_difference < 1e-3


def test_cheaper_graphs_serve_only_after_they_passed_the_gate_under_two_batchings(joint: Joint) -> None:
    """Against a champion that is always wrong every look is recorded; int8 serves on CPUs and fp16 on GPUs."""
    frozen = joint.frozen["subject"]
    nobody = ChampionSays("keyword", ["기타_기타"] * len(frozen))
    found = judge(joint.built["subject"], frozen, nobody, TAXONOMY)
    assert found.decision.promote
    assert [look.precision for look in found.looks] == ["int8/512", "int8/4096", "fp16/512", "fp16/4096"]
    assert all(look.promote for look in found.looks)
    assert found.serve == {"cpu": "int8", "cuda": "fp16"}
    assert joint.built["subject"].manifest.serve == {"cpu": "fp32"}


def test_a_cheaper_graph_whose_labels_differ_does_not_serve(joint: Joint, tmp_path: Path) -> None:
    """A graph with random weights in int8's place fails its looks: CPUs get fp32, and a note gives the share."""
    built, frozen = joint.built["subject"], joint.frozen["subject"]
    copied = tmp_path / built.directory.name
    shutil.copytree(built.directory, copied)
    seed_everything(9)
    (tmp_path / "other").mkdir()
    size = BertConfig.from_pretrained(built.directory)
    bert = BertModel(size)  # type: ignore[no-untyped-call]  # transformers has no types
    other = HeadedEncoder(bert, {head: len(CLASSES) for head in HEADS})
    shutil.copyfile(export_fp32(other, tmp_path / "other"), copied / "model_int8.onnx")
    nobody = ChampionSays("keyword", ["기타_기타"] * len(frozen))
    found = judge(built._replace(directory=copied), frozen, nobody, TAXONOMY)
    assert found.decision.promote
    assert found.serve == {"cpu": "fp32", "cuda": "fp16"}
    assert re.match(r"int8 is not served: its labels agree with fp32 in \d+\.\d\d%", found.notes[0])


def test_int8_is_not_looked_at_when_fp32_is_refused(joint: Joint) -> None:
    """A champion that is always right leaves nothing to promote."""
    frozen = joint.frozen["subject"]
    perfect = ChampionSays("20260101", list(frozen["label"]))
    found = judge(joint.built["subject"], frozen, perfect, TAXONOMY)
    assert not found.decision.promote
    assert found.looks == ()
    assert found.serve == {"cpu": "fp32"}
