"""The door to ONNX Runtime: damaged and strange graphs, memory, shapes, the device."""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.unit import fixtures_infer as fx
from voc_models import session
from voc_models.calibration import NotFiniteError, softmax
from voc_models.encoding import Encoded

ROWS = [Encoded(tuple(range(2, 2 + length)), length) for length in (5, 3, 9, 3, 7)]


def _graph(
    path: Path, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], input_name: str = "input_ids"
) -> Path:
    """Write a graph from (rows, tokens) ids to ``logits``."""
    inputs = [helper.make_tensor_value_info(input_name, TensorProto.INT64, ["rows", "tokens"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    fx.save_graph(path, helper.make_graph(nodes, "odd", inputs, outputs, tensors))
    return path


def test_an_unreadable_graph_is_a_data_error(tmp_path: Path) -> None:
    """A cut, an empty, a foreign and a missing file all end in exit 65."""
    whole = tmp_path / "whole.onnx"
    fx.write_graph(whole, {"logits": fx.table(50, 4, 1)})
    content = whole.read_bytes()
    for number, damaged in enumerate((content[: len(content) // 2], b"", b"PK\x03\x04 not a graph", None)):
        path = tmp_path / f"damaged{number}.onnx"
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(session.GraphError, match="no readable ONNX graph") as raised:
            session.Graph(path, "cpu", workers=1)
        assert raised.value.exit_code == 65
        assert raised.value.__cause__ is not None


def test_an_input_that_no_tokenizer_gives_is_refused(tmp_path: Path) -> None:
    """A graph that wants other inputs than ids, mask and segments is refused when it is opened."""
    nodes = [helper.make_node("Cast", ["pixels"], ["logits"], to=TensorProto.FLOAT)]
    with pytest.raises(session.GraphError, match="wants the input 'pixels'"):
        session.Graph(_graph(tmp_path / "g.onnx", nodes, {}, "pixels"), "cpu", workers=1)


def test_an_id_outside_the_graphs_vocabulary_is_a_data_error(tmp_path: Path) -> None:
    """A graph whose vocabulary is smaller than the tokenizer's fails with a sentence."""
    fx.write_graph(tmp_path / "g.onnx", {"logits": fx.table(6, 4, 1)})
    with pytest.raises(session.GraphError, match="fails on its input"):
        session.Graph(tmp_path / "g.onnx", "cpu", workers=1).run(ROWS)


def test_a_c_library_without_the_switch_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no mallopt a graph is opened all the same."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    fx.write_graph(tmp_path / "g.onnx", {"logits": fx.table(50, 4, 1)})
    assert session.Graph(tmp_path / "g.onnx", "cpu", workers=1).outputs == ("logits",)


@pytest.mark.parametrize("budget", [1, 9, 18, 10_000])
def test_batches_change_neither_order_nor_numbers(tmp_path: Path, budget: int) -> None:
    """Every token budget gives each row the logits that it has alone."""
    values = fx.table(50, 4, 1)
    fx.write_graph(tmp_path / "g.onnx", {"logits": values})
    answer = session.Graph(tmp_path / "g.onnx", "cpu", workers=2, token_budget=budget).run(ROWS)
    np.testing.assert_allclose(answer["logits"], [fx.by_hand(row, values) for row in ROWS], atol=1e-4)


def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """When memory is short for three rows, one by one they still get their answers, and the log says so."""
    # A side branch of (rows - 1) × 2^46 floats: nothing for one row; for two more than a process can address, so that
    # no kernel promises it, however freely it overcommits.
    nodes = [
        helper.make_node("Shape", ["input_ids"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["rows"]),
        helper.make_node("Sub", ["rows", "one"], ["others"]),
        helper.make_node("Mul", ["others", "huge"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["side"]),
        helper.make_node("ReduceSum", ["side"], ["nothing"], keepdims=0),
        helper.make_node("Cast", ["input_ids"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "one"], ["sums"], keepdims=1),
        helper.make_node("Add", ["sums", "nothing"], ["logits"]),
    ]
    weights = {"zero": np.array([0]), "one": np.array([1]), "huge": np.array([2**46])}
    rows = [Encoded((5, 6), 2), Encoded((7, 8), 2), Encoded((1, 1), 2)]
    with caplog.at_level(logging.WARNING):
        answer = session.Graph(_graph(tmp_path / "g.onnx", nodes, weights), "cpu", workers=1).run(rows)
    assert answer["logits"].tolist() == [[11.0], [15.0], [2.0]]
    assert "3 rows do not fit into memory; the batch is halved" in caplog.text


@pytest.mark.parametrize("operation", ["ReduceSum", "Flatten"])
def test_another_shape_is_a_data_error(tmp_path: Path, operation: str) -> None:
    """A graph that answers fewer dimensions, or one row for all, is refused."""
    nodes = [helper.make_node("Cast", ["input_ids"], ["floats"], to=TensorProto.FLOAT)]
    if operation == "ReduceSum":
        nodes.append(helper.make_node("ReduceSum", ["floats", "axis"], ["logits"], keepdims=0))
    else:
        nodes.append(helper.make_node("Flatten", ["floats"], ["logits"], axis=0))
    path = _graph(tmp_path / "g.onnx", nodes, {"axis": np.array([1])} if operation == "ReduceSum" else {})
    with pytest.raises(session.GraphError, match="of shape"):
        session.Graph(path, "cpu", workers=1).run(ROWS)


def test_a_number_of_classes_that_varies_is_a_data_error(tmp_path: Path) -> None:
    """A graph whose answer is as wide as its input is no classifier."""
    nodes = [helper.make_node("Cast", ["input_ids"], ["logits"], to=TensorProto.FLOAT)]
    with pytest.raises(session.GraphError, match="different number of classes"):
        session.Graph(_graph(tmp_path / "g.onnx", nodes, {}), "cpu", workers=1, token_budget=9).run(ROWS)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_never_become_probabilities(tmp_path: Path, bad: float) -> None:
    """NaN or infinity in a graph's weights ends in exit 65, not in a table."""
    values = fx.table(50, 4, 1)
    values[5, 2] = bad
    fx.write_graph(tmp_path / "g.onnx", {"logits": values})
    logits = session.Graph(tmp_path / "g.onnx", "cpu", workers=1).run(ROWS)["logits"]
    with pytest.raises(NotFiniteError) as raised:
        softmax(logits)
    assert raised.value.exit_code == 65


def test_the_probe_is_a_graph_of_one_identity() -> None:
    """The bytes that ask for the device are a valid graph that gives back its input."""
    model = onnx.load_from_string(session._PROBE)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Identity"]
    answer = ort.InferenceSession(session._PROBE, providers=[session.CPU]).run(None, {"x": np.array([3.0], np.float32)})
    assert answer[0].tolist() == [3.0]


@pytest.mark.parametrize(
    ("really", "device", "said"),
    [
        ([session.CUDA, session.CPU], "cuda", "runs on cuda"),
        ([session.CPU], "cpu", "found no usable CUDA and cuDNN: tagging runs on the CPU"),
    ],
)
def test_cuda_counts_only_when_a_session_really_has_it(
    really: list[str], device: str, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The GPU build names CUDA among its providers with and without a card; what a real session got decides."""
    monkeypatch.setattr(ort, "get_available_providers", lambda: [session.CUDA, session.CPU])
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(session, "_providers", lambda _model, _device: really)
    session.detect_device.cache_clear()
    with caplog.at_level(logging.INFO):
        found = session.detect_device()
    session.detect_device.cache_clear()
    assert found == device
    assert said in caplog.text


def test_fp16_is_asked_on_the_detected_device_and_the_others_on_the_cpu() -> None:
    """A graph for GPUs is judged on one when there is one."""
    assert session.device_of("fp16") == session.detect_device()
    assert session.device_of("int8") == session.device_of("fp32") == "cpu"


def test_the_device_is_what_a_session_really_has(caplog: pytest.LogCaptureFixture) -> None:
    """The device names the provider of a real session, and is logged once."""
    session.detect_device.cache_clear()
    with caplog.at_level(logging.INFO):
        found = {session.detect_device() for _ in range(3)}
    (device,) = found
    assert session._providers(session._PROBE, device)[0] == {"cpu": session.CPU, "cuda": session.CUDA}[device]
    assert caplog.text.count("runs on") == 1
