"""Texts per second of each served graph against the plain reference, and of training, on the same two cores."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch

from bench.encoder.models import LONGEST, Exported, texts
from bench.measured import Goal, Measured
from voc_models.encoding import pad
from voc_models.session import Graph
from voc_models.threads import available_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from voc_models.encoding import Encoded
    from voc_training.encoder import HeadedEncoder

#: Texts a round: the reference is slow and pays for each text the same; batches by length need a month's worth.
_REFERENCE_TEXTS: Final = 6
_SERVED_TEXTS: Final = 256
#: Rounds in which every side has its turn; the best of each counts, which other work on the machine disturbs least.
_ROUNDS: Final = 3
_BATCH: Final = 16


class _Side(NamedTuple):
    """One way to serve both heads: graphs that answer every text, one after the other."""

    name: str
    graphs: Sequence[Path]
    goal: Goal | None


def served(two: Exported, joint: Exported) -> list[Measured]:
    """Return each graph's throughput as a multiple of the reference's, by wall clock.

    Of the reference the fastest single text counts, of a graph its fastest round over all texts: on a busy machine the
    short measurement finds a quiet moment sooner than the long one, so that disturbance lowers the ratios.
    """
    rows = texts(_SERVED_TEXTS)
    sides = [
        _Side("fp32, two models", [two.graphs["fp32"]] * 2, Goal("at least", 4.5)),
        _Side("fp32, joint", [joint.graphs["fp32"]], None),
        _Side("int8, two models", [two.graphs["int8"]] * 2, Goal("at least", 7.5)),
        _Side("int8, joint", [joint.graphs["int8"]], Goal("at least", 16.0)),
    ]
    taken: dict[str, list[float]] = {side.name: [] for side in sides}
    single: list[float] = []
    for _ in range(_ROUNDS):
        single += [seconds(partial(_one_at_a_time, two.model, [row])) for row in rows[:_REFERENCE_TEXTS]]
        for side in sides:
            graphs = [Graph(path, "cpu", workers=available_cpus()) for path in side.graphs]
            for graph in graphs:
                graph.run(rows[:4])
            taken[side.name].append(seconds(partial(_all, graphs, rows)) / len(rows))
    reference = 2 * min(single)
    lengths = [len(row.ids) for row in rows]
    return [
        Measured("tokens of a text, median", float(np.median(lengths)), "tokens"),
        Measured("tokens of a text, 95th percentile", float(np.percentile(lengths, 95)), "tokens"),
        Measured("reference: torch, one at a time, padded", 1 / reference, "texts/s"),
        *(Measured(side.name, reference / min(taken[side.name]), "x reference", side.goal) for side in sides),
    ]


def _all(graphs: Sequence[Graph], rows: Sequence[Encoded]) -> None:
    for graph in graphs:
        graph.run(rows)


def _one_at_a_time(model: HeadedEncoder, rows: Sequence[Encoded]) -> None:
    model.eval()
    with torch.no_grad():
        for row in rows:
            model(*map(torch.from_numpy, pad([row], multiple=LONGEST)))


def training(model: HeadedEncoder) -> Measured:
    """Compare a step over a batch of like lengths with one that is padded to 128, forward and backward."""
    rows = sorted(texts(10 * _BATCH), key=lambda row: len(row.ids))
    model.train()
    # Every second batch of the sorted rows stands for all.
    batches = [rows[start : start + _BATCH] for start in range(_BATCH // 2, len(rows) - _BATCH, 2 * _BATCH)]
    padded = [seconds(partial(_step, model, batch, LONGEST)) for batch in (batches[0], batches[-1])]
    bucketed = [seconds(partial(_step, model, batch, 1)) for batch in batches]
    ratio = statistics.mean(padded) / statistics.mean(bucketed)
    return Measured("training step, batches by length", ratio, "x padded", Goal("at least", 1.8))


def _step(model: HeadedEncoder, batch: Sequence[Encoded], multiple: int) -> None:
    logits = model(*map(torch.from_numpy, pad(batch, multiple=multiple)))["subject"]
    loss = torch.nn.functional.cross_entropy(logits, torch.zeros(len(batch), dtype=torch.int64))
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    model.zero_grad()


def seconds(work: Callable[[], object]) -> float:
    """Return the wall-clock seconds of ``work``."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
