"""A base model in a folder with KoBERT's shape and files, from reviewed rows to a release that answers."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import NamedTuple

import pytest
import sentencepiece
import torch
from transformers import BertConfig, BertModel

from tests.integration.fixtures_training import reviewed_store, sample, taxonomy
from tests.integration.test_training_run import NOW
from voc_models.artifact import GRAPHS
from voc_models.encoding import encode_inputs
from voc_models.labels import HEADS
from voc_models.loader import ModelLoader
from voc_models.model_cache import fetch
from voc_models.months import Month
from voc_models.registry import Registry
from voc_models.session import Graph
from voc_models.text import ModelInput
from voc_models.tokenizer import PAD, SPECIAL_TOKENS, load_tokenizer
from voc_training.fit_encoder import EncoderPlan
from voc_training.pipeline import Job, train
from voc_training.publish import RunDecision

KOBERT = Path(__file__).resolve().parents[3] / "shared" / "data" / "kobert"
MONTH = Month(2025, 9)


def pieces(folder: Path) -> int:
    """Put KoBERT's SentencePiece model and vocabulary into ``folder`` under their own names; return its ids.

    Its own files when they lie beside the checkout, else a small model with a vocabulary in another order than the
    model's, as KoBERT's is.
    """
    if KOBERT.is_dir():
        for name in ("tokenizer_78b3253a26.model", "kobertvocab_f38b8a4d6d.json"):
            (folder / name).write_bytes((KOBERT / name).read_bytes())
        vocabulary = json.loads((folder / "kobertvocab_f38b8a4d6d.json").read_text(encoding="utf-8"))
        return len(vocabulary["idx_to_token"])
    trained = io.BytesIO()
    texts = sample().source(MONTH)["request_contents"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=trained, vocab_size=600, hard_vocab_limit=False, minloglevel=2
    )
    (folder / "tokenizer_small.model").write_bytes(trained.getvalue())
    model = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    learnt = [model.id_to_piece(n) for n in range(model.get_piece_size()) if not model.is_control(n)]
    known = {"idx_to_token": [*SPECIAL_TOKENS, *reversed([piece for piece in learnt if piece != "<unk>"])]}
    (folder / "kobertvocab_small.json").write_text(json.dumps(known), encoding="utf-8")
    return len(known["idx_to_token"])


@pytest.fixture(scope="module")
def kobert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """KoBERT's twelve layers of twelve heads, narrow and with random weights, in the files that the hub carries."""
    folder = tmp_path_factory.mktemp("kobert")
    config = BertConfig(  # type: ignore[no-untyped-call]  # transformers has no types
        vocab_size=pieces(folder),
        hidden_size=48,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=96,
        max_position_embeddings=512,
        pad_token_id=PAD,
        architectures=["BertModel"],
    )
    torch.manual_seed(0)
    (folder / "config.json").write_text(config.to_json_string(), encoding="utf-8")
    torch.save(BertModel(config).state_dict(), folder / "pytorch_model.bin")  # type: ignore[no-untyped-call]  # the same
    return folder


class Trained(NamedTuple):
    """A finished train step."""

    job: Job
    decision: RunDecision


@pytest.fixture(scope="module")
def trained(kobert: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One round on one reviewed month, both heads on one encoder."""
    folder = tmp_path_factory.mktemp("training")
    reviewed = reviewed_store(folder / "store", [MONTH])
    job = Job(
        plan=reviewed.plan,
        store=reviewed.store,
        models=reviewed.store,
        encoder=EncoderPlan(str(kobert), epochs=1, tokens=48),
        joint=True,
        work=folder / "work",
        cache=folder / "cache",
        git_commit="",
        clock=lambda: NOW,
    )
    return Trained(job, train(job))


def test_the_folder_is_trained_exported_and_published(trained: Trained) -> None:
    """Both heads are in the store as releases of that base model, whichever kind was chosen, and open as they do."""
    registry = Registry(trained.job.models)
    release = registry.release(trained.decision.release.release)
    heads = fetch(trained.job.models, release, trained.job.cache, "cpu")
    ModelLoader("cpu").load([(one.directory, one.manifest) for one in heads], taxonomy())
    assert [one.manifest.head for one in heads] == list(HEADS)
    for one in heads:
        assert one.manifest.training.details["layout"] == "joint"
        assert set(one.manifest.metrics["validation_accuracy_by_kind"]) == {"linear", "kobert", "blend"}
        assert one.manifest.metrics["encoder"]["epochs"] == 1.0


def test_its_graphs_answer_kobert_s_own_ids(trained: Trained) -> None:
    """Both precisions of the joint graph take ids of the base model's vocabulary and give both heads' logits."""
    directory = trained.job.work / "artifacts" / "encoder_subject_work"
    tokenizer = load_tokenizer(directory)
    assert tokenizer.size == BertConfig.from_pretrained(directory).vocab_size
    if KOBERT.is_dir():
        assert tokenizer.encode(["한국어 모델을 공유합니다."]) == [[4958, 6855, 2046, 7088, 1050, 7843, 54]]
    rows = encode_inputs(tokenizer, [ModelInput("화장실 물이 새요", "조치하였습니다")], 48)
    for precision in ("fp32", "int8"):
        answers = Graph(directory / GRAPHS[precision], "cpu", workers=1).run(rows)
        assert {head: logits.shape[0] for head, logits in answers.items()} == dict.fromkeys(HEADS, 1)
    manifest = next(iter((trained.job.work / "artifacts").glob("kobert_subject_*/manifest.json")))
    parity = json.loads(manifest.read_text(encoding="utf-8"))["metrics"]["encoder"]["parity"]
    assert parity["fp32"]["label_agreement"] == 1.0
