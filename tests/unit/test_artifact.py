"""What a manifest must say, and that nothing damaged or foreign is ever served."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit import fixtures_infer as fx
from voc_models import artifact
from voc_models.artifact import ArtifactError, Component, Manifest
from voc_models.exit_codes import DataError
from voc_models.labels import Label, TaxonomyEntry, checked_taxonomy
from voc_models.loader import ModelLoader
from voc_models.tokenizer import SPECIAL_TOKENS


def _rewritten(directory: Path, manifest: Manifest, **changes: object) -> Manifest:
    """Describe the files as they are now: a trainer's mistake rather than damage."""
    files = artifact.file_entries(directory)
    facts = manifest.tokenizer
    assert facts is not None
    fields: dict[str, object] = {"files": files, "tokenizer": facts, **changes}
    return Manifest.model_validate({**manifest.model_dump(), **fields})


def _load(directory: Path, manifest: Manifest) -> object:
    return ModelLoader("cpu", workers=1).load([(directory, manifest)], fx.taxonomy())


@pytest.fixture
def head(tmp_path: Path) -> tuple[Path, Manifest]:
    """A subject artifact with an encoder."""
    return fx.write_head(tmp_path, "subject")


@pytest.mark.parametrize(
    "components", [("kobert",), ("linear",), ("linear", "kobert", "keyword"), ("linear", "keyword")]
)
def test_a_manifest_is_read_as_it_was_written(tmp_path: Path, components: tuple[Component, ...]) -> None:
    """Every kind of artifact survives the round trip through its file, hash included."""
    directory, manifest = fx.write_head(tmp_path, "work", components)
    digest = artifact.sha256_file(directory / artifact.MANIFEST)
    assert artifact.read_manifest(directory, sha256=digest) == manifest
    assert manifest.folder == directory.name
    artifact.verify(directory, manifest, "cpu")


def test_label_mapping_keeps_its_form() -> None:
    """Labels are joined by an underscore and numbered; a 중분류 with one is read back whole."""
    data = artifact.label_mapping(fx.LABELS["subject"])
    assert json.loads(data) == {"환경_청결/미화": 0, "시설_조명_LED": 1, "주차_정기권": 2, "냉난방_온도": 3}
    assert artifact.read_label_mapping(data) == fx.LABELS["subject"]


@pytest.mark.parametrize("data", [b"", b"[]", b'{"a_b": "x"}', b'{"a_b": 0, "a_c": 2}', b'{"ab": 0}', b"\xff"])
def test_a_broken_label_mapping_is_a_data_error(data: bytes) -> None:
    """What does not number labels from 0 without gaps is refused."""
    with pytest.raises(DataError):
        artifact.read_label_mapping(data)


def test_only_serving_files_are_needed(tmp_path: Path) -> None:
    """A blend needs its graph, tokenizer, linear files and labels on the CPU; other precisions are left."""
    directory, manifest = fx.write_head(tmp_path, "subject", ("linear", "kobert"))
    (directory / "model_fp16.onnx").write_bytes(b"half")
    both = _rewritten(
        directory, manifest, serve={"cpu": "fp32", "cuda": "fp16"},
        calibration=(*fx.calibrations("fp32"), *fx.calibrations("fp16")),
    )  # fmt: skip
    assert set(both.serving_files("cpu")) == {
        "label_mapping.json", "model.onnx", "spiece.model", "vocab.txt", *artifact.LINEAR_FILES,
    }  # fmt: skip
    assert set(both.serving_files("cuda")) - set(both.serving_files("cpu")) == {"model_fp16.onnx"}
    assert (both.precision("cpu"), both.precision("cuda"), manifest.precision("cuda")) == ("fp32", "fp16", "fp32")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labels": (("환경", "청결"), ("환경", "청결"))}, "twice"),
        ({"labels": (("환_경", "청결"), ("시설", "조명"))}, "with '_'"),
        ({"labels": (("환경", ""), ("시설", "조명"))}, "blank part"),
        ({"labels": (("환경", "청결"),)}, "at least 2"),
        ({"kind": "blend"}, "does not fit the parts"),
        ({"kind": "linear"}, "does not fit the parts"),
        ({"parts": {"keyword": {"weight": 1.0}}, "kind": "kobert"}, "needs a linear or a kobert part"),
        ({"output": None}, "all three or none"),
        ({"serve": {"cuda": "fp32"}}, "no precision for cpu"),
        ({"serve": {"cpu": "exact"}}, "does not fit a kobert model"),
        ({"serve": {"cpu": "int8"}}, "calibration for int8 lacks"),
        ({"serve": {"cpu": "int8"}, "calibration": fx.calibrations("int8")}, "files lacks model_int8.onnx"),
        ({"calibration": fx.calibrations("fp32")[:1]}, "calibration for fp32 lacks"),
        ({"version": "latest"}, "version"),
        ({"schema_version": 2}, "schema_version"),
        ({"unknown": 1}, "unknown"),
        ({"files": {"../model.onnx": {"sha256": "0" * 64, "size": 1}}}, "not a plain one"),
        ({"files": {"manifest.json": {"sha256": "0" * 64, "size": 1}}}, "not a plain one"),
        ({"taxonomy_sha256": "abc"}, "taxonomy_sha256"),
        ({"parts": {"kobert": {"weight": -1.0}}}, "weight"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    head: tuple[Path, Manifest], changes: dict[str, Any], sentence: str
) -> None:
    """A manifest whose parts do not fit is refused when it is made, and with exit 65 when it is read."""
    directory, manifest = head
    with pytest.raises(ValidationError, match=sentence):
        Manifest.model_validate({**manifest.model_dump(), **changes})
    document = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(changes, default=lambda record: record.model_dump(mode="json")))
    (directory / "manifest.json").write_text(json.dumps({**document, **plain}), encoding="utf-8")
    with pytest.raises(DataError, match="is not a valid Manifest"):
        artifact.read_manifest(directory)


def test_a_manifest_of_another_release_is_refused(head: tuple[Path, Manifest]) -> None:
    """A manifest whose hash is not the release's is not read."""
    with pytest.raises(ArtifactError, match="not the one that the release names"):
        artifact.read_manifest(head[0], sha256="0" * 64)


def _cut_graph(directory: Path) -> None:
    path = directory / "model.onnx"
    path.write_bytes(path.read_bytes()[:-10])


def _flip_graph(directory: Path) -> None:
    path = directory / "model.onnx"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def _no_graph(directory: Path) -> None:
    (directory / "model.onnx").unlink()


def _other_vocabulary(directory: Path) -> None:
    path = directory / "vocab.txt"
    path.write_text(path.read_text(encoding="utf-8") + "새말\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_cut_graph, r"model.onnx has \d+ bytes instead of \d+: it is cut off"),
        (_flip_graph, "model.onnx does not have the SHA-256"),
        (_no_graph, "model.onnx cannot be read"),
        (_other_vocabulary, "vocab.txt has"),
    ],
)
def test_damage_after_training_is_a_data_error(
    head: tuple[Path, Manifest], damage: Callable[[Path], None], sentence: str
) -> None:
    """A file that is not what the manifest says is refused by name before anything is loaded."""
    damage(head[0])
    with pytest.raises(ArtifactError, match=sentence) as raised:
        _load(*head)
    assert raised.value.exit_code == 65


def test_a_truncated_graph_with_a_matching_hash_is_a_data_error(head: tuple[Path, Manifest]) -> None:
    """A graph that was already broken when it was published is no readable graph."""
    directory, manifest = head
    _cut_graph(directory)
    with pytest.raises(ArtifactError, match="no readable ONNX graph"):
        _load(directory, _rewritten(directory, manifest))


def test_a_graph_with_another_number_of_classes_is_a_data_error(head: tuple[Path, Manifest]) -> None:
    """Four labels with a graph of five outputs are refused, and both numbers are said."""
    directory, manifest = head
    assert manifest.tokenizer is not None
    fx.write_graph(directory / "model.onnx", {"logits": fx.table(manifest.tokenizer.size, 5, 1)})
    with pytest.raises(ArtifactError, match="has 4 labels, its graph answers 5"):
        _load(directory, _rewritten(directory, manifest))


def test_a_graph_with_a_smaller_vocabulary_is_a_data_error(head: tuple[Path, Manifest]) -> None:
    """A graph that does not know the tokenizer's highest id fails at loading, not in the middle of a month."""
    directory, manifest = head
    fx.write_graph(directory / "model.onnx", {"logits": fx.table(20, 4, 1)})
    with pytest.raises(ArtifactError, match="fails on its input"):
        _load(directory, _rewritten(directory, manifest))


def test_a_tokenizer_of_another_vocabulary_is_a_data_error(head: tuple[Path, Manifest]) -> None:
    """A tokenizer that is not the one of training is refused even when its own hash is in the manifest."""
    directory, manifest = head
    _other_vocabulary(directory)
    with pytest.raises(ArtifactError, match="is not the one that it was trained with"):
        _load(directory, _rewritten(directory, manifest))


def test_a_graph_without_the_heads_output_is_a_data_error(head: tuple[Path, Manifest]) -> None:
    """A manifest that names an output which the graph does not have is refused."""
    directory, manifest = head
    with pytest.raises(ArtifactError, match="has no output 'work_logits'"):
        _load(directory, _rewritten(directory, manifest, output="work_logits"))


def test_another_text_version_is_a_data_error(head: tuple[Path, Manifest]) -> None:
    """A model that was trained on differently cleaned text is refused with both versions."""
    directory, manifest = head
    version = manifest.text_version + 1
    with pytest.raises(ArtifactError, match=f"trained on text version {version}"):
        _load(directory, _rewritten(directory, manifest, text_version=version))


def test_labels_that_disagree_are_a_data_error(head: tuple[Path, Manifest]) -> None:
    """A label mapping in another order than the manifest's labels is refused."""
    directory, manifest = head
    (directory / "label_mapping.json").write_bytes(artifact.label_mapping(fx.LABELS["subject"][::-1]))
    with pytest.raises(ArtifactError, match="name different labels for 주제"):
        _load(directory, _rewritten(directory, manifest))


def test_a_linear_model_with_another_number_of_classes_is_a_data_error(tmp_path: Path) -> None:
    """Three labels with a linear model of four classes are refused."""
    directory, manifest = fx.write_head(tmp_path, "work", ("linear",))
    fx.write_linear(directory, "subject")
    files = artifact.file_entries(directory)
    with pytest.raises(ArtifactError, match="has 3 labels, its linear model 4"):
        _load(directory, manifest.model_copy(update={"files": files}))


def test_a_changed_taxonomy_is_said_once(head: tuple[Path, Manifest], caplog: pytest.LogCaptureFixture) -> None:
    """A retired and a new label are named in the log; the same taxonomy says nothing."""
    new = TaxonomyEntry(kind="subject", major="보안", minor="출입")
    retired = fx.LABELS["subject"][1]
    entries = [*fx.taxonomy((retired,)).entries, new]
    with caplog.at_level(logging.WARNING):
        ModelLoader("cpu", workers=1).load([head], checked_taxonomy(entries))
    (message,) = caplog.messages
    assert message.startswith(f"kobert_subject_{fx.VERSION}: the 주제 taxonomy changed since training")
    assert message.endswith("never answered: 시설_조명_LED, unknown to the model: 기타_기타, 보안_출입.")
    assert head[1].retired(checked_taxonomy(entries)) == (Label("시설", "조명_LED"),)
    caplog.clear()
    _load(*head)
    assert caplog.messages == []


def test_special_tokens_are_the_first_ids(head: tuple[Path, Manifest]) -> None:
    """The published vocabulary begins with KoBERT's special tokens, whose ids the encoder counts on."""
    tokens = (head[0] / "vocab.txt").read_text(encoding="utf-8").split("\n")
    assert tuple(tokens[:5]) == SPECIAL_TOKENS
