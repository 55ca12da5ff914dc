"""Tiny but real artifacts: an ONNX graph whose logits are easy to compute by hand, a tokenizer, a linear model."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import sentencepiece
from onnx import TensorProto, helper, numpy_helper

from voc_models import artifact, linear
from voc_models.artifact import Component, FinalCalibration, Manifest, Part, TokenizerFacts
from voc_models.calibration import Calibration, Floats
from voc_models.encoding import Encoded
from voc_models.labels import OTHER, Head, Label, Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_models.text import TEXT_VERSION, ModelInput
from voc_models.tokenizer import SENTENCEPIECE_FILE, SPECIAL_TOKENS, VOCABULARY_FILE

LABELS: Mapping[Head, tuple[Label, ...]] = {
    "subject": (
        Label("환경", "청결/미화"),
        Label("시설", "조명_LED"),
        Label("주차", "정기권"),
        Label("냉난방", "온도"),
    ),
    "work": (Label("수리", "교체"), Label("안내", "문의"), Label("청소", "일반")),
}
ROWS = (
    ModelInput("화장실 변기가 막혔어요", "배관 뚫음 처리 완료했습니다"),
    ModelInput("3층 복도 전등이 나갔어요", "전등 교체 완료"),
    ModelInput("복도 조명이 깜빡여요", ""),
    ModelInput("주차 정기권 문의드립니다", "안내 드렸습니다"),
    ModelInput("에어컨이 너무 추워요 온도를 올려 주세요", ""),
    ModelInput("화장실 변기가 막혔어요", "배관 뚫음 처리 완료했습니다"),
    ModelInput("", "확인했습니다"),
)
VERSION = "20260116"
Table = npt.NDArray[np.float32]


def taxonomy(without: Sequence[Label] = ()) -> Taxonomy:
    """Return the taxonomy of LABELS, in which ``without`` are retired."""
    return checked_taxonomy(
        [
            TaxonomyEntry(kind=head, major=label.major, minor=label.minor, active=label not in without)
            for head, labels in LABELS.items()
            for label in (*labels, OTHER)
        ]
    )


def write_tokenizer(directory: Path) -> int:
    """Write a small SentencePiece model with its vocabulary; return the number of ids."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text for row in ROWS for text in row if text] * 20),
        model_writer=model, vocab_size=120, hard_vocab_limit=False, minloglevel=2, num_threads=1,
    )  # fmt: skip
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = sorted(processor.id_to_piece(number) for number in range(3, processor.get_piece_size()))
    vocabulary = [*SPECIAL_TOKENS, *pieces]
    (directory / SENTENCEPIECE_FILE).write_bytes(model.getvalue())
    (directory / VOCABULARY_FILE).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    return len(vocabulary)


def table(ids: int, classes: int, seed: int) -> Table:
    """Return an (ids, classes) table of token scores; the last row is the second segment's."""
    return np.random.default_rng(seed).normal(0, 0.7, (ids + 1, classes)).astype(np.float32)


def write_graph(path: Path, tables: Mapping[str, Table]) -> None:
    """Write a graph with one output a table: the tokens' rows summed, plus its last row per token of segment 1."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    nodes = [
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["token_type_ids"], ["second"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
        helper.make_node("Unsqueeze", ["second", "last"], ["second3"]),
    ]
    weights = [numpy_helper.from_array(np.array([axis]), name) for name, axis in (("last", -1), ("tokens_axis", 1))]
    for name, values in tables.items():
        weights += [numpy_helper.from_array(values[:-1], f"{name}_e"), numpy_helper.from_array(values[-1], f"{name}_s")]
        nodes += [
            helper.make_node("Gather", [f"{name}_e", "input_ids"], [f"{name}_1"]),
            helper.make_node("Mul", ["second3", f"{name}_s"], [f"{name}_2"]),
            helper.make_node("Add", [f"{name}_1", f"{name}_2"], [f"{name}_3"]),
            helper.make_node("Mul", [f"{name}_3", "mask3"], [f"{name}_4"]),
            helper.make_node("ReduceSum", [f"{name}_4", "tokens_axis"], [name], keepdims=0),
        ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", None]) for name in tables]
    save_graph(path, helper.make_graph(nodes, "tiny", inputs, outputs, weights))


def save_graph(path: Path, graph: onnx.GraphProto) -> None:
    """Write a graph at opset 17."""
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def by_hand(row: Encoded, values: Table) -> Floats:
    """Compute the graph's logits of one row without ONNX."""
    second = len(row.ids) - row.first
    exact = values.astype(np.float64)
    total: Floats = exact[list(row.ids)].sum(axis=0) + second * exact[-1]
    return total


def write_linear(directory: Path, head: Head) -> None:
    """Write a linear model with made-up weights over the words of ROWS."""
    block = linear.Block(field="both", ngram_min=2, ngram_max=3)
    grams = {
        gram for row in ROWS for word in linear.segment(row, "both").split() for gram in linear.word_ngrams(word, 2, 3)
    }
    generator, classes = np.random.default_rng(5), len(LABELS[head])
    arrays = linear.LinearArrays(
        generator.uniform(1, 3, len(grams)), generator.normal(0, 2, (len(grams), classes)), np.zeros(classes)
    )
    linear.save_linear(directory, linear.LinearSettings(blocks=(block,)), [sorted(grams)], arrays)


def calibrations(precision: artifact.Precision, **given: Calibration) -> tuple[FinalCalibration, ...]:
    """Return both final calibrations of a precision; ``with_reply`` and ``without_reply`` may be given."""
    return tuple(
        FinalCalibration(precision=precision, with_reply=flag, calibration=given.get(name, Calibration()))
        for flag, name in ((True, "with_reply"), (False, "without_reply"))
    )


def write_head(
    root: Path,
    head: Head,
    components: Sequence[Component] = ("kobert",),
    *,
    joint: bool = False,
    changes: Mapping[str, object] | None = None,
) -> tuple[Path, Manifest]:
    """Write one head's artifact below ``root`` and return (directory, manifest).

    With ``joint`` the subject's graph has both outputs and the work head refers to it; write the subject first.
    ``changes`` replace fields of the manifest.
    """
    directory = root / artifact.folder_name(head, VERSION)
    directory.mkdir(parents=True)
    shared = root / artifact.folder_name("subject", VERSION) if joint and head == "work" else None
    (directory / artifact.LABEL_MAPPING).write_bytes(artifact.label_mapping(LABELS[head]))
    facts: dict[str, Any] = {}
    if "linear" in components:
        write_linear(directory, head)
    if "kobert" in components:
        where = shared or directory
        if shared is None:
            _write_encoder(directory, head, joint=joint)
        size = len((where / VOCABULARY_FILE).read_text(encoding="utf-8").removesuffix("\n").split("\n"))
        facts = {"max_length": 32, "output": f"{head}_logits" if joint else "logits", "opset": 17}
        encoder = artifact.file_entries(where, folder=shared.name if shared else None)
        files = {
            **{k: v for k, v in encoder.items() if k != artifact.LABEL_MAPPING},
            **artifact.file_entries(directory),
        }
        digest = artifact.tokenizer_digest(files)
        facts["tokenizer"] = TokenizerFacts(kind="sentencepiece", size=size, sha256=digest)
    else:
        files = artifact.file_entries(directory)
    precision: artifact.Precision = "fp32" if "kobert" in components else "exact"
    fields: dict[str, Any] = {
        "head": head,
        "version": VERSION,
        "kind": "blend" if len(components) > 1 else components[0],
        "labels": tuple(tuple(label) for label in LABELS[head]),
        "text_version": TEXT_VERSION,
        "serve": {"cpu": precision},
        "parts": {component: Part(weight=1.0) for component in components},
        "calibration": calibrations(precision),
        "taxonomy_sha256": taxonomy().digest(head),
        "files": files,
        **facts,
        **(changes or {}),
    }
    manifest = Manifest.model_validate(fields)
    artifact.write_manifest(directory, manifest)
    return directory, manifest


def _write_encoder(directory: Path, head: Head, *, joint: bool) -> None:
    ids = write_tokenizer(directory)
    heads: tuple[Head, ...] = ("subject", "work") if joint else (head,)
    names = {f"{each}_logits" if joint else "logits": each for each in heads}
    write_graph(directory / "model.onnx", {name: head_table(each, ids) for name, each in names.items()})


def head_table(head: Head, ids: int) -> Table:
    """Return the token scores that a head's graph holds."""
    return table(ids, len(LABELS[head]), seed=len(head))
