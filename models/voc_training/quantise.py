"""The int8 graph of the CPUs: static scales where they hold, dynamic ones elsewhere (docs/decisions/int8.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from voc_models.artifact import GRAPHS
from voc_models.encoding import Encoded, Padded, pad, token_batches
from voc_training.export import quiet, room_on_disk

Scales = Literal["static", "dynamic"]
#: Share of labels that a cheaper graph must have in common with fp32 to serve.
LEAST_AGREEMENT: Final = 0.995
#: Rows that the static scales are measured on, and tokens of a batch meanwhile.
CALIBRATION_ROWS: Final = 256
_BUDGET: Final = 2048
#: Weights use seven of their eight bits: on CPUs without VNNI two products of eight would overflow their sum unseen,
#: and a graph that passed the gate on the trainer's CPU would answer something else on the worker's.
_COMMON: Final[dict[str, Any]] = {"per_channel": True, "reduce_range": True, "weight_type": QuantType.QInt8}


def quantise(source: Path, directory: Path, rows: Sequence[Encoded], scales: Scales = "static") -> Path:
    """Write the int8 graph of an fp32 one, weights per channel.

    Args:
        source: the fused fp32 graph.
        directory: where the int8 graph goes.
        rows: of the training rows; with static scales each product's input has the range that it had on them, so that a
            row's answer does not depend on what else is in its batch. Dynamic scales are measured in each batch anew.
        scales: which of the two.

    Raises:
        DiskFullError: there is no room.
    """
    path = directory / GRAPHS["int8"]
    model = _small_embeddings(onnx.load(str(source)))
    with room_on_disk(directory), quiet():
        if scales == "static":
            quantize_static(
                _typed(model), str(path), _Batches(rows[:CALIBRATION_ROWS]), quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["MatMul"], nodes_to_exclude=_not_quantised(model),
                activation_type=QuantType.QUInt8, calibrate_method=CalibrationMethod.MinMax,
                extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]}, **_COMMON,
            )  # fmt: skip
        else:
            quantize_dynamic(
                model, str(path), op_types_to_quantize=["MatMul"], nodes_to_exclude=_not_quantised(model),
                extra_options={"DefaultTensorType": TensorProto.FLOAT}, **_COMMON,
            )  # fmt: skip
    return path


class _Batches(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Feeds rows batch by batch."""

    def __init__(self, rows: Sequence[Encoded]) -> None:
        batches = token_batches([len(row.ids) for row in rows], _BUDGET)
        self._batches: Iterator[Padded] = iter([pad([rows[number] for number in batch]) for batch in batches])

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch's inputs, None at the end."""
        batch = next(self._batches, None)
        return batch and batch._asdict()


def _small_embeddings(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store each token's embedding as eight-bit numbers with a scale of its own: a quarter of the memory."""
    graph = model.graph
    (looked_up,) = (node for node in graph.node if node.op_type == "Gather" and node.input[1] == "input_ids")
    (table,) = (weight for weight in graph.initializer if weight.name == looked_up.input[0])
    values = numpy_helper.to_array(table)
    scales = np.maximum(np.abs(values).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / 127
    name, answer, position = table.name, looked_up.output[0], list(graph.node).index(looked_up)
    graph.initializer.remove(table)
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.rint(values / scales).astype(np.int8), f"{name}_int8"),
            numpy_helper.from_array(scales.astype(np.float32), f"{name}_scales"),
        ]
    )
    graph.node.remove(looked_up)
    nodes = [
        helper.make_node("Gather", [f"{name}_int8", "input_ids"], [f"{answer}_int8"]),
        helper.make_node("Cast", [f"{answer}_int8"], [f"{answer}_whole"], to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{name}_scales", "input_ids"], [f"{answer}_scales"]),
        helper.make_node("Mul", [f"{answer}_whole", f"{answer}_scales"], [answer]),
    ]
    for number, node in enumerate(nodes):
        node.name = f"embedding_{number}"
        graph.node.insert(position + number, node)
    return model


def _typed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Say of each product's input that it is a float: shape inference does not know what fused nodes answer."""
    graph = model.graph
    known = {value.name for value in (*graph.value_info, *graph.output, *graph.input)}
    inputs = {node.input[0] for node in graph.node if node.op_type == "MatMul"} - known
    graph.value_info.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in sorted(inputs))
    return model


def _not_quantised(model: onnx.ModelProto) -> list[str]:
    """Return the products that stay as they are: of two activations, and with one matrix for each attention head."""
    matrices = {weight.name for weight in model.graph.initializer if len(weight.dims) == 2}
    return [node.name for node in model.graph.node if node.op_type == "MatMul" and not matrices & set(node.input)]
