"""From a trained encoder to the ONNX graphs that the worker serves, each proved against torch on real text."""

from __future__ import annotations

import errno
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np
import onnx
import torch
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.onnx_model import OnnxModel
from safetensors import SafetensorError
from torch import Tensor, nn

from voc_models.artifact import GRAPHS
from voc_models.encoding import INPUT_NAMES, Encoded, pad, token_batches
from voc_models.exit_codes import DataError, UnavailableError
from voc_models.session import Graph
from voc_training.encoder import HeadedEncoder

log = logging.getLogger(__name__)

OPSET: Final = 17
#: Largest difference of a logit that fp32 may show against torch: rounding in another order, nothing else.
FP32_TOLERANCE: Final = 1e-3
#: Half of fp16's largest number: a model that stays below it on some texts stays finite on others.
FP16_LARGEST: Final = 32_752.0
_MASKED: Final = -10_000.0
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class ExportError(DataError):
    """The exported graph does not answer what torch answers."""


class DiskFullError(UnavailableError):
    """There is no room for the model's files."""


class Parity(NamedTuple):
    """A graph against torch on the same texts: largest difference of a logit, and the share of equal labels."""

    largest_difference: float
    label_agreement: float


class ServedEncoder(nn.Module):
    """The same numbers as HeadedEncoder with less work: the last layer is asked for the first token alone.

    The classifiers read the first token, so of the last layer only its row is needed: one query, its feed-forward once,
    and no key or value of any token. Exact, no approximation.
    """

    def __init__(self, trained: HeadedEncoder) -> None:
        super().__init__()
        self.trained = trained

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, ...]:
        """Return (rows, classes) logits, one tensor per head in their order."""
        bert = self.trained.bert
        hidden = cast("nn.Module", bert.embeddings)(input_ids=input_ids, token_type_ids=token_type_ids)
        mask = (1.0 - attention_mask.unsqueeze(1).unsqueeze(2).to(hidden.dtype)) * _MASKED
        *layers, last = bert.encoder.layer
        for layer in layers:
            hidden = layer(hidden, mask)[0]
        pooled = cast("nn.Module", bert.pooler)(self._first_token(last, hidden, mask[:, 0]))
        return tuple(classifier(pooled) for classifier in self.trained.heads.values())

    @staticmethod
    def _first_token(layer: nn.Module, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the last layer's output for the first token, (rows, 1, hidden).

        A score q · (K x + k) is (Kᵀ q) · x, plus the same q · k for every token, which softmax does not see. The mean
        of the values V x + v is V (the mean of x) + v, because the weights sum to 1. So both projections are applied
        once a row instead of once a token.
        """
        attention = cast("nn.Module", layer.attention)
        own = cast("nn.Module", attention.self)
        heads, size = int(cast("int", own.num_attention_heads)), int(cast("int", own.attention_head_size))
        key, value = (cast("nn.Linear", projection) for projection in (own.key, own.value))
        first = hidden[:, :1]
        rows = first.shape[0]
        query = cast("nn.Linear", own.query)(first).view(rows, heads, size).transpose(0, 1)
        asked = (query @ key.weight.view(heads, size, heads * size)).transpose(0, 1)
        weights = torch.softmax(asked @ hidden.transpose(1, 2) / size**0.5 + mask, dim=-1)
        mixed = (weights @ hidden).transpose(0, 1) @ value.weight.view(heads, size, heads * size).transpose(1, 2)
        context = mixed.transpose(0, 1).reshape(rows, 1, heads * size) + value.bias
        attended = cast("nn.Module", attention.output)(context, first)
        return cast(
            "Tensor", cast("nn.Module", layer.output)(cast("nn.Module", layer.intermediate)(attended), attended)
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep exporters from logging every node and warning of what is meant; failures are raised, not logged."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def room_on_disk(directory: Path) -> Iterator[None]:
    """Turn "no space left" into a sentence; what is half written is never published, because the manifest comes last.

    Raises:
        DiskFullError: the disk or the quota is full.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch and safetensors say it in words.
        if getattr(error, "errno", None) not in _FULL and "No space left" not in str(error):
            raise
        raise DiskFullError(
            f"The disk that holds {directory} is full. Free some space or set OUT_DIR elsewhere."
        ) from error


def export_fp32(model: HeadedEncoder, directory: Path) -> Path:
    """Write the fused fp32 graph with dynamic batch and length; its outputs are called as the heads are.

    Raises:
        DiskFullError: there is no room.
    """
    path = directory / GRAPHS["fp32"]
    served = ServedEncoder(model).cpu().float().eval()
    outputs = list(model.heads)
    example = torch.ones((2, 8), dtype=torch.int64)
    axes = {name: {0: "rows", 1: "tokens"} for name in INPUT_NAMES} | {name: {0: "rows"} for name in outputs}
    # The tracing exporter is deprecated, but its graphs are the ones that ONNX Runtime fuses whole.
    with room_on_disk(directory), quiet(), torch.no_grad():
        torch.onnx.export(
            served, (example, example, torch.zeros_like(example)), path, input_names=list(INPUT_NAMES),
            output_names=outputs, dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
        fuse(path, model)
    return path


def fuse(path: Path, model: HeadedEncoder) -> None:
    """Fuse attention, layer normalisation and GELU in place.

    An attention's three projections stay three products, as fast as one: static int8 knows products only; and the
    embeddings stay apart from their normalisation, because int8 stores them in a form of its own.
    The addition before a layer normalisation stays by itself: ONNX Runtime's fused kernel is eight times slower on CPUs
    than the two apart, and for a GPU its session fuses them when it opens the graph (voc_models.session).
    """
    config = model.bert.config
    options = FusionOptions("bert")
    options.use_multi_head_attention = True
    options.enable_embed_layer_norm = False
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    fused = optimizer.optimize_model(
        str(path), "bert", config.num_attention_heads, config.hidden_size, options, opt_level=0
    )
    fused.save_model_to_file(str(path))


def convert_fp16(source: Path, directory: Path) -> Path:
    """Write the fp16 graph for GPUs: weights and what flows between nodes halve; inputs and logits keep their types.

    The last layer's softmax stays in fp32. Fused attention and layer normalisation take fp16 and add up in fp32 inside
    (on CUDA). Ask :func:`largest_number` first: what passes 65,504 is infinite in fp16.

    Raises:
        DiskFullError: there is no room.
    """
    path = directory / GRAPHS["fp16"]
    with room_on_disk(directory), quiet():
        model = OnnxModel(onnx.load(str(source)))
        model.convert_float_to_float16(keep_io_types=True, op_block_list=["Softmax"])
        model.save_model_to_file(str(path))
    return path


def fused_attentions(path: Path) -> int:
    """Return how many attentions of a graph are fused."""
    return sum(node.op_type == "MultiHeadAttention" for node in onnx.load(str(path)).graph.node)


def largest_number(model: HeadedEncoder, rows: Sequence[Encoded], *, budget: int = 4096) -> float:
    """Return the largest absolute number that any module of the encoder answers on ``rows``."""
    found = [0.0]

    def look(_module: nn.Module, _inputs: object, answer: object) -> None:
        if isinstance(answer, Tensor):
            found.append(float(answer.detach().abs().max()))

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        torch_logits(model, rows, budget=budget)
    finally:
        for hook in hooks:
            hook.remove()
    return max(found)


def torch_logits(model: HeadedEncoder, rows: Sequence[Encoded], *, budget: int = 4096) -> dict[str, np.ndarray]:
    """Return torch's (rows, classes) logits by head, in the order of ``rows``."""
    model.eval()
    device = next(model.parameters()).device
    result: dict[str, np.ndarray] = {}
    for batch in token_batches([len(row.ids) for row in rows], budget):
        padded = pad([rows[number] for number in batch])
        with torch.no_grad():
            answers = model(*(torch.from_numpy(array).to(device) for array in padded))
        for head, logits in answers.items():
            result.setdefault(head, np.zeros((len(rows), logits.shape[1]), np.float32))[batch] = logits.cpu().numpy()
    return result


def parity(graph: Graph, expected: dict[str, np.ndarray], rows: Sequence[Encoded]) -> Parity:
    """Compare a graph with torch's logits on the same rows, over all its heads."""
    answers = graph.run(rows)
    differences = [float(np.abs(answers[head] - logits).max()) for head, logits in expected.items()]
    agreements = [float((answers[head].argmax(1) == logits.argmax(1)).mean()) for head, logits in expected.items()]
    return Parity(max(differences), min(agreements))


def proved_fp32(graph: Graph, expected: dict[str, np.ndarray], rows: Sequence[Encoded]) -> Parity:
    """Return the fp32 graph's parity.

    Raises:
        ExportError: it differs from torch by more than rounding.
    """
    found = parity(graph, expected, rows)
    if not found.largest_difference <= FP32_TOLERANCE:
        raise ExportError(
            f"The exported graph differs from torch by {found.largest_difference:.2g} in a logit "
            f"(allowed {FP32_TOLERANCE:g}). Do not serve it; report the versions of torch and onnxruntime."
        )
    return found
