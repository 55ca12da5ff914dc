"""A model of KoBERT's size on a GPU: texts per second, share of the card's own rate, and fp16 against fp32.

Nothing is measured, and a line says so, where torch or ONNX Runtime finds no usable card.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from rich.console import Console

from bench.encoder.models import LONGEST, exported, texts
from bench.encoder.speed import seconds
from bench.measured import Goal, Measured
from voc_models.session import Graph, detect_device

if TYPE_CHECKING:
    from bench.workplace import Workplace

TITLE = "KoBERT's size on a GPU: one model"
_TEXTS: Final = 8192
_ROUNDS: Final = 5
#: Side of the square matrices whose product gives the card's rate.
_SIDE: Final = 8192
_WIDTH, _INNER, _LAYERS = 768, 3072, 12


def measure(place: Workplace) -> list[Measured]:  # noqa: ARG001 - every section is called alike
    """Return the card's numbers, or none without a card."""
    if detect_device() != "cuda" or not torch.cuda.is_available():
        Console().print(
            "Not measured: no usable GPU. The section needs onnxruntime-gpu, a CUDA build of torch and a card.",
            highlight=False,
        )
        return []
    rows = texts(_TEXTS)
    tokens = sum(len(row.ids) for row in rows)
    rate = _product_rate()
    numbers = [Measured(f"{torch.cuda.get_device_name()}, fp16 products", rate / 1e12, "TFLOP/s")]
    answers = {}
    with tempfile.TemporaryDirectory(prefix="voc-bench-") as name:
        graphs = exported(Path(name) / "model", "subject").graphs
        for precision in ("fp32", "fp16"):
            graph = Graph(graphs[precision], "cuda", workers=1)
            answers[precision] = graph.run(rows)["subject"]  # the first run also chooses kernels
            taken = statistics.median(seconds(lambda graph=graph: graph.run(rows)) for _ in range(_ROUNDS))
            numbers.append(Measured(f"{precision}", len(rows) / taken, "texts/s"))
            share = tokens * _operations_per_token() / taken / rate
            numbers.append(Measured(f"{precision}, share of that rate", 100 * share, "%"))
    equal = (answers["fp16"].argmax(1) == answers["fp32"].argmax(1)).mean()
    numbers.append(Measured("fp16 labels equal to fp32's (untrained)", 100 * float(equal), "%", Goal("at least", 99.5)))
    return numbers


def _operations_per_token() -> float:
    """Return the floating-point operations that a token costs in products of matrices, the last layer's left out."""
    weights = 4 * _WIDTH * _WIDTH + 2 * _WIDTH * _INNER
    attention = 2 * _WIDTH * LONGEST / 2
    return 2 * (_LAYERS - 1) * (weights + attention)


def _product_rate() -> float:
    """Return the operations per second of a large fp16 product, the best of several."""
    left, right = (torch.randn(_SIDE, _SIDE, dtype=torch.float16, device="cuda") for _ in range(2))

    def product() -> None:
        torch.mm(left, right)
        torch.cuda.synchronize()

    product()
    return 2.0 * _SIDE**3 / min(seconds(product) for _ in range(20))
