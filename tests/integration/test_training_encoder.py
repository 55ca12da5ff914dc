"""Fit and export a real, very small BERT with transformers and ONNX Runtime."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from voc_models.encoding import encode_inputs
from voc_models.exit_codes import ExitCode
from voc_models.session import Graph, device_of
from voc_models.text import ModelInput
from voc_models.tokenizer import SPECIAL_TOKENS, TokenizerError
from voc_training import fit_encoder, trainer
from voc_training.checkpoints import OutOfMemoryError
from voc_training.encoder import (
    BaseModelError,
    BaseModelUnavailableError,
    Encoder,
    HeadedEncoder,
    Shape,
    build_encoder,
    seed_everything,
)
from voc_training.export import (
    DiskFullError,
    convert_fp16,
    export_fp32,
    fused_attentions,
    parity,
    proved_fp32,
    room_on_disk,
    torch_logits,
)
from voc_training.quantise import Scales, quantise
from voc_training.trainer import (
    UNLABELLED,
    DivergedError,
    Example,
    Examples,
    Schedule,
    class_weights,
    fit,
)

SHAPE = Shape(hidden=32, layers=3, heads=2, feed_forward=64, vocabulary=400, positions=64)
THINGS = ("화장실", "엘리베이터", "주차장", "에어컨", "출입문", "형광등", "세면대", "복도")
FAULTS = ("물이 새요", "고장났어요", "너무 더러워요", "소리가 나요", "작동하지 않아요", "냄새가 심해요")
TEXTS = [
    ModelInput(f"{n % 23 + 1}층 {thing} {fault} 확인 부탁드립니다", "조치하였습니다 감사합니다" if n % 3 else "")
    for n, (thing, fault) in enumerate((thing, fault) for thing in THINGS for fault in FAULTS)
] * 4
SCHEDULE = Schedule(epochs=2, learning_rate=3e-3, rows_per_step=16)


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    """An untrained encoder with two heads."""
    seed_everything(1)
    directory = tmp_path / "encoder"
    directory.mkdir()
    return build_encoder("scratch", {"subject": len(THINGS), "work": 3}, TEXTS, directory, SHAPE)


def examples(encoder: Encoder) -> list[Example]:
    """Rows whose subject is the thing, and whose work type only every second row has."""
    full = encode_inputs(encoder.tokenizer, TEXTS, 48)
    bare = encode_inputs(encoder.tokenizer, [row._replace(reply="") for row in TEXTS], 48)
    number = {thing: place for place, thing in enumerate(THINGS)}
    return [
        Example(
            full[n],
            bare[n],
            {"subject": number[row.request.split()[1]], "work": n % 3 if n % 2 else UNLABELLED},
        )
        for n, row in enumerate(TEXTS)
    ]


def test_a_fit_learns(tmp_path: Path) -> None:
    """Eight things are told apart, in nine rows of ten or more."""
    seed_everything(1)
    encoder = build_encoder("scratch", {"subject": 8}, TEXTS, tmp_path, SHAPE._replace(hidden=64, layers=1))
    rows = [row._replace(labels={"subject": row.labels["subject"]}) for row in examples(encoder)]
    schedule = SCHEDULE._replace(epochs=15, patience=15)
    report = fit(encoder.model, rows, rows[::5], tmp_path / "run", schedule, "주제")
    found = torch_logits(encoder.model, [row.full for row in rows])["subject"].argmax(1)
    assert (found == [row.labels["subject"] for row in rows]).mean() > 0.9
    assert report.notes == ()


def test_a_killed_fit_goes_on_from_its_last_whole_checkpoint(
    encoder: Encoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A checkpoint that was cut off is removed, and the one before it is continued."""
    rows, folder = examples(encoder), tmp_path / "run"
    fit(encoder.model, rows, rows[:40], folder, SCHEDULE, "주제")
    whole, cut_off = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    state = (cut_off / "trainer_state.json").read_text()
    (cut_off / "trainer_state.json").write_text(state[: len(state) // 2])
    caplog.set_level(logging.INFO)
    report = fit(encoder.model, rows, rows[:40], folder, SCHEDULE, "주제")
    assert f"goes on from {whole.name}" in caplog.text
    assert report.epochs == 2.0
    assert json.loads((cut_off / "trainer_state.json").read_text())["epoch"] == 2.0


def test_checkpoints_of_other_rows_are_not_continued(
    encoder: Encoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A changed label starts anew."""
    rows, folder = examples(encoder), tmp_path / "run"
    fit(encoder.model, rows, rows[:40], folder, SCHEDULE._replace(epochs=1), "주제")
    caplog.set_level(logging.INFO)
    changed = [rows[0]._replace(labels={"subject": 3, "work": 1}), *rows[1:]]
    fit(encoder.model, changed, rows[:40], folder, SCHEDULE._replace(epochs=1), "주제")
    assert "goes on" not in caplog.text


class Fragile(HeadedEncoder):
    """Runs out of memory above some rows, or answers NaN from some step on."""

    most_rows = 10_000
    nan_from = 10_000

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder.model.bert, encoder.model.classes)
        self.steps = 0

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> dict[str, Tensor]:
        """Answer as the encoder does, until it fails in training."""
        if self.training:
            if len(input_ids) > self.most_rows:
                raise torch.OutOfMemoryError("CUDA out of memory")
            self.steps += 1
        answers = super().forward(input_ids, attention_mask, token_type_ids)
        return {head: a * (float("nan") if self.steps >= self.nan_from else 1.0) for head, a in answers.items()}


def test_rows_at_once_are_halved_until_they_fit_and_the_report_says_so(encoder: Encoder, tmp_path: Path) -> None:
    """Sixteen rows do not fit, four do; then activations are recomputed and the effective batch is the same."""
    model, rows = Fragile(encoder), examples(encoder)
    model.most_rows = 4
    report = fit(model, rows, rows[:40], tmp_path / "run", SCHEDULE._replace(epochs=1), "주제")
    assert report.rows_at_once == 4
    assert report.notes == (
        "Out of memory: 8 rows at once, the effective batch stays 16.",
        "Out of memory: 4 rows at once, the effective batch stays 16.",
    )
    assert model.bert.is_gradient_checkpointing


def test_what_fits_is_remembered_by_the_next_start(encoder: Encoder, tmp_path: Path) -> None:
    """After a kill the rows at once are those that fitted: nothing runs out of memory a second time."""
    model, rows = Fragile(encoder), examples(encoder)
    model.most_rows = 4
    first = fit(model, rows, rows[:40], tmp_path / "run", SCHEDULE._replace(epochs=1), "주제")
    again = fit(model, rows, rows[:40], tmp_path / "run", SCHEDULE._replace(epochs=1), "주제")
    assert (again.rows_at_once, again.notes) == (4, first.notes)


def test_one_of_several_processes_that_runs_out_of_memory_asks_for_a_new_start(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait inside the step: exit code 75, and half the rows at once when started again."""
    monkeypatch.setattr(trainer, "size", lambda: 2)
    model, rows = Fragile(encoder), examples(encoder)
    model.most_rows = 4
    with pytest.raises(trainer.StartAgainError, match=r"4 rows at once.*Start the training again") as caught:
        fit(model, rows, rows[:40], tmp_path / "run", SCHEDULE._replace(epochs=1), "주제")
    assert caught.value.exit_code == ExitCode.TRY_AGAIN
    report = fit(model, rows, rows[:40], tmp_path / "run", SCHEDULE._replace(epochs=1), "주제")
    assert report.rows_at_once == 4


def test_a_fit_that_does_not_improve_stops_early(encoder: Encoder, tmp_path: Path) -> None:
    """Without learning, the accuracy of the first epoch is never beaten: two more, and it ends."""
    rows = examples(encoder)
    schedule = SCHEDULE._replace(epochs=10, learning_rate=0.0, patience=2)
    assert fit(encoder.model, rows, rows[:40], tmp_path / "run", schedule, "주제").epochs == 3.0


def test_replies_are_left_out_at_random_anew_in_each_epoch_and_reproducibly(encoder: Encoder) -> None:
    """Of rows with a reply three in ten are read without it; validation reads all of them."""
    rows = [row for row in examples(encoder) if row.full != row.bare] * 10

    def without(seed: int, epoch: int, share: float) -> list[bool]:
        given = Examples(rows, share, seed)
        given.epoch = epoch
        return [given[number]["row"] == row.bare for number, row in enumerate(rows)]

    assert np.mean(without(1, 0, 0.3)) == pytest.approx(0.3, abs=0.05)
    assert without(1, 0, 0.3) == without(1, 0, 0.3)
    assert without(1, 0, 0.3) != without(1, 1, 0.3)
    assert not any(without(1, 0, 0.0))


@pytest.mark.parametrize(
    ("gpu", "native", "expected"), [(True, True, "bf16"), (True, False, "fp16"), (False, True, "")]
)
def test_mixed_precision_is_what_the_accelerator_computes_itself(
    monkeypatch: pytest.MonkeyPatch, *, gpu: bool, native: bool, expected: str
) -> None:
    """bf16 where it is native, else fp16 on a GPU, and full precision on a CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: native or including_emulation)
    assert [name for name, on in trainer.mixed_precision()._asdict().items() if on] == ([expected] if expected else [])


def test_a_model_that_never_fits_ends_in_a_sentence(encoder: Encoder, tmp_path: Path) -> None:
    """Not even one row at once fits."""
    model, rows = Fragile(encoder), examples(encoder)
    model.most_rows = 0
    with pytest.raises(OutOfMemoryError, match="Not even one row at once fits"):
        fit(model, rows, rows[:40], tmp_path / "run", SCHEDULE, "주제")


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(encoder: Encoder, tmp_path: Path) -> None:
    """NaN in the second epoch leaves the weights of the first, finite and useful."""
    model, rows = Fragile(encoder), examples(encoder)
    model.nan_from = len(rows) // 16 + 3
    report = fit(model, rows, rows[:40], tmp_path / "run", SCHEDULE, "주제")
    assert len(report.notes) == 1
    assert "The loss became nan" in report.notes[0]
    assert f"checkpoint-{len(rows) // 16} is kept" in report.notes[0]
    assert all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())


def test_a_loss_that_is_no_number_from_the_start_is_refused(encoder: Encoder, tmp_path: Path) -> None:
    """Without a checkpoint there is nothing to keep."""
    model, rows = Fragile(encoder), examples(encoder)
    model.nan_from = 1
    with pytest.raises(DivergedError, match="Lower the learning rate"):
        fit(model, rows, rows[:40], tmp_path / "run", SCHEDULE, "주제")


def test_rare_classes_weigh_more_but_not_without_limit() -> None:
    """The weight is 1/sqrt(frequency) up to a factor of ten, and 1 on average over the rows."""
    labels = [0] * 10_000 + [1] * 400 + [2] * 4 + [UNLABELLED] * 7
    weights = class_weights(labels, 3)
    assert float(weights[1] / weights[0]) == pytest.approx(5.0)
    assert float(weights[2] / weights[0]) == pytest.approx(10.0)
    assert float((weights[0] * 10_000 + weights[1] * 400 + weights[2] * 4) / 10_404) == pytest.approx(1.0)


@pytest.fixture
def sharpened(encoder: Encoder) -> Encoder:
    """An encoder whose random logits differ clearly from row to row, as a trained one's do."""
    for classifier in encoder.model.heads.values():
        nn.init.normal_(classifier.get_parameter("weight"), std=1.0)
    return encoder


def test_the_exported_graph_answers_what_torch_answers(sharpened: Encoder, tmp_path: Path) -> None:
    """Both heads' logits and labels are torch's on real text, although the last layer computes one token only."""
    rows = encode_inputs(sharpened.tokenizer, TEXTS, 48)
    expected = torch_logits(sharpened.model, rows)
    path = export_fp32(sharpened.model, tmp_path)
    found = proved_fp32(Graph(path, "cpu", workers=2), expected, rows)
    assert found.largest_difference < 1e-4
    assert found.label_agreement == 1.0
    assert list(expected) == ["subject", "work"]


def test_every_layer_but_the_last_is_fused(sharpened: Encoder, tmp_path: Path) -> None:
    """Three layers give two fused attentions; the last one asks for the first token alone."""
    assert fused_attentions(export_fp32(sharpened.model, tmp_path)) == 2


@pytest.mark.parametrize("scales", ["static", "dynamic"])
def test_the_int8_graph_is_smaller_and_agrees_in_almost_all_labels(
    sharpened: Encoder, tmp_path: Path, scales: Scales
) -> None:
    """Weights take a quarter; labels agree in 95 of 100 rows even of an untrained model, with both kinds of scales."""
    rows = encode_inputs(sharpened.tokenizer, TEXTS, 48)
    expected = torch_logits(sharpened.model, rows)
    fp32 = export_fp32(sharpened.model, tmp_path)
    int8 = quantise(fp32, tmp_path, rows, scales)
    assert int8.stat().st_size < 0.8 * fp32.stat().st_size
    assert parity(Graph(int8, "cpu", workers=1), expected, rows).label_agreement > 0.95


def test_static_int8_answers_a_row_the_same_in_any_company(sharpened: Encoder, tmp_path: Path) -> None:
    """Every row gets bit for bit the same logits alone and among others; with dynamic scales it does not."""
    rows = encode_inputs(sharpened.tokenizer, TEXTS[:60], 48)
    fp32 = export_fp32(sharpened.model, tmp_path)
    alike = {}
    for scales in ("static", "dynamic"):
        path = quantise(fp32, tmp_path, rows, scales)
        alone, together = (Graph(path, "cpu", workers=1, token_budget=budget).run(rows) for budget in (1, 4096))
        alike[scales] = np.array_equal(alone["subject"], together["subject"])
    assert alike == {"static": True, "dynamic": False}


def test_int8_weights_leave_room_for_cpus_without_vnni(sharpened: Encoder, tmp_path: Path) -> None:
    """No quantised weight passes seven bits: a sum of two products cannot overflow sixteen."""
    rows = encode_inputs(sharpened.tokenizer, TEXTS[:60], 48)
    fp32 = export_fp32(sharpened.model, tmp_path)
    graph = onnx.load(str(quantise(fp32, tmp_path, rows))).graph
    weights = [numpy_helper.to_array(one) for one in graph.initializer if one.name.endswith("_quantized")]
    assert max(int(np.abs(values.astype(int)).max()) for values in weights) == 64


def test_the_fp16_graph_is_half_as_large_and_answers_what_torch_answers(sharpened: Encoder, tmp_path: Path) -> None:
    """Logits differ by fp16's rounding, a hundredth of the largest, labels in no more than 1 of 100 real texts."""
    rows = encode_inputs(sharpened.tokenizer, TEXTS, 48)
    expected = torch_logits(sharpened.model, rows)
    fp32 = export_fp32(sharpened.model, tmp_path)
    fp16 = convert_fp16(fp32, tmp_path)
    found = parity(Graph(fp16, device_of("fp16"), workers=1), expected, rows)
    assert found.largest_difference < 0.01 * max(float(np.abs(logits).max()) for logits in expected.values())
    assert found.label_agreement > 0.99
    assert fp16.stat().st_size < 0.6 * fp32.stat().st_size


def test_the_fp16_graph_takes_ids_and_gives_fp32_logits(sharpened: Encoder, tmp_path: Path) -> None:
    """Nobody who runs the graph notices its precision; weights are fp16, and the last softmax is in fp32."""
    model = onnx.load(str(convert_fp16(export_fp32(sharpened.model, tmp_path), tmp_path)))
    assert {output.type.tensor_type.elem_type for output in model.graph.output} == {onnx.TensorProto.FLOAT}
    assert {entry.type.tensor_type.elem_type for entry in model.graph.input} == {onnx.TensorProto.INT64}
    weights = {one.name: one.data_type for one in model.graph.initializer if len(one.dims) > 1}
    assert set(weights.values()) == {onnx.TensorProto.FLOAT16}
    made = {output: node for node in model.graph.node for output in node.output}
    (softmax,) = (node for node in model.graph.node if node.op_type == "Softmax")
    cast = made[softmax.input[0]]
    assert (cast.op_type, cast.attribute[0].i) == ("Cast", onnx.TensorProto.FLOAT)


def test_a_model_that_would_overflow_has_no_fp16_graph(
    sharpened: Encoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A feed-forward that answers more than 65,504 inside is noticed, and the log says what GPUs serve then."""
    rows = encode_inputs(sharpened.tokenizer, TEXTS[:20], 48)
    feed_forward = sharpened.model.bert.encoder.layer[0]
    with torch.no_grad():
        for name, factor in (("intermediate.dense.weight", 1e6), ("output.dense.weight", 1e-6)):
            feed_forward.get_parameter(name).mul_(factor)
    proofs = fit_encoder.export(sharpened.model, tmp_path, rows, rows)
    assert set(proofs) == {"fp32", "int8"}
    assert not (tmp_path / "model_fp16.onnx").exists()
    assert "GPUs will serve fp32" in caplog.text


def test_the_last_layer_has_no_key_and_value_of_every_token(sharpened: Encoder, tmp_path: Path) -> None:
    """Of the last layer only the first token is computed: its projections of keys and values stay one matrix a head."""
    graph = onnx.load(str(export_fp32(sharpened.model, tmp_path))).graph
    stacked = [list(weight.dims) for weight in graph.initializer if len(weight.dims) == 3]
    assert sorted(stacked) == [[2, 16, 32], [2, 32, 16]]


def test_a_full_disk_while_exporting_ends_in_a_sentence(sharpened: Encoder, tmp_path: Path) -> None:
    """A write that finds no room names the folder and what to do."""
    fp32 = export_fp32(sharpened.model, tmp_path)
    steps: dict[str, Callable[[Path], Path]] = {"model.onnx": lambda full: export_fp32(sharpened.model, full)}
    steps |= {"model_fp16.onnx": lambda full: convert_fp16(fp32, full)}
    rows = encode_inputs(sharpened.tokenizer, TEXTS[:20], 48)
    steps |= {"model_int8.onnx": lambda full: quantise(fp32, full, rows)}
    for name, step in steps.items():
        full = tmp_path / f"full {name}"
        full.mkdir()
        (full / name).symlink_to("/dev/full")
        with pytest.raises(DiskFullError, match=r"is full\. Free some space or set OUT_DIR"):
            step(full)


def test_a_full_disk_is_recognised_by_its_words_too(tmp_path: Path) -> None:
    """What torch and safetensors say becomes the same sentence; other errors pass as they are."""
    with pytest.raises(DiskFullError), room_on_disk(tmp_path):
        raise RuntimeError("write failed: No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="shape"), room_on_disk(tmp_path):
        raise RuntimeError("shape mismatch")


@pytest.mark.usefixtures("closed_hub")
def test_the_hub_that_cannot_be_reached_says_how_to_go_on(tmp_path: Path) -> None:
    """The sentence names the model, a local directory and scratch."""
    with pytest.raises(BaseModelUnavailableError, match=r"cannot be fetched.*local directory.*scratch"):
        build_encoder("skt/kobert-base-v1", {"subject": 2}, TEXTS, tmp_path)


@pytest.fixture
def closed_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's client told that it is offline, with an empty cache: as on a machine without a network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ["/no/such/folder", "./neither"])
def test_a_folder_that_does_not_exist_is_refused(name: str, tmp_path: Path) -> None:
    """A path is never looked up on the hub."""
    with pytest.raises(BaseModelError, match="does not exist"):
        build_encoder(name, {"subject": 2}, TEXTS, tmp_path)


def test_a_local_directory_is_a_base_model(encoder: Encoder, tmp_path: Path) -> None:
    """What was saved as BERT with its tokenizer loads, with the same weights and ids."""
    folder, target = tmp_path / "base", tmp_path / "target"
    target.mkdir()
    encoder.model.bert.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((encoder.directory / "tokenizer.json").read_bytes())
    loaded = build_encoder(str(folder), {"subject": 2}, TEXTS, target)
    assert loaded.tokenizer.encode(["화장실 고장"]) == encoder.tokenizer.encode(["화장실 고장"])
    before, after = (one.model.bert.embeddings.word_embeddings.weight for one in (encoder, loaded))
    assert torch.equal(before, after)


def test_a_tokenizer_with_other_special_ids_is_refused(encoder: Encoder, tmp_path: Path) -> None:
    """A BERT whose [PAD] is 0 would be fed wrong ids without a word."""
    folder = tmp_path / "base"
    encoder.model.bert.save_pretrained(folder)
    text = (encoder.directory / "tokenizer.json").read_text(encoding="utf-8")
    swapped = text.replace('"[UNK]"', '"[X]"').replace('"[PAD]"', '"[UNK]"').replace('"[X]"', '"[PAD]"')
    (folder / "tokenizer.json").write_text(swapped, encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"does not give \[UNK\] the id 0"):
        build_encoder(str(folder), {"subject": 2}, TEXTS, tmp_path)


def test_a_vocabulary_of_its_own_has_kobert_s_special_ids(encoder: Encoder) -> None:
    """[UNK] to [MASK] are 0 to 4, and Korean text is known."""
    definition = json.loads((encoder.directory / "tokenizer.json").read_text(encoding="utf-8"))
    assert tuple(token["content"] for token in definition["added_tokens"]) == SPECIAL_TOKENS
    ids = encoder.tokenizer.encode(["화장실 물이 새요"])[0]
    assert ids
    assert 0 not in ids


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    """Two encoders that were built after the same seed are equal."""
    logits = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        seed_everything(7)
        built = build_encoder("scratch", {"subject": 3}, TEXTS, tmp_path / name, SHAPE)
        logits.append(torch_logits(built.model, encode_inputs(built.tokenizer, TEXTS[:5], 48))["subject"])
    assert np.array_equal(logits[0], logits[1])
