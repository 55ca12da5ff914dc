"""A model of KoBERT's size: what is served against the plain reference, and what batches by length save in training.

Weights and ids are random: they do not change the time. Everything runs on one thread and is measured in CPU seconds,
so that a busy machine does not decide.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from transformers import BertConfig, BertModel

from bench.measured import Goal, Measured
from voc_models.encoding import Encoded, pad
from voc_models.session import Graph
from voc_models.tokenizer import CLS, PAD, SEP
from voc_training.encoder import HeadedEncoder
from voc_training.export import export_fp32, quantise_int8

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.workplace import Workplace
    from voc_models.labels import Head

TITLE = "KoBERT's size: ratios to torch, one text at a time, padded to 128, two models"
_VOCABULARY: Final = 8002
_CLASSES: Final = 30
_LONGEST: Final = 128
#: Texts that each side answers: the reference is slow, and a time per text is what counts.
_REFERENCE_TEXTS: Final = 6
_SERVED_TEXTS: Final = 48
_BATCH: Final = 16


def measure(place: Workplace) -> list[Measured]:  # noqa: ARG001 - every section is called alike
    """Return throughput ratios of the served graphs and of a training step."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured()
    finally:
        torch.set_num_threads(threads)


def _measured() -> list[Measured]:
    generator = np.random.default_rng(0)
    rows = _rows(_SERVED_TEXTS, generator)
    lengths = [len(row.ids) for row in rows]
    single, joint = _model("subject"), _model("subject", "work")
    reference = 2 * _seconds(lambda: _one_at_a_time(single, rows[:_REFERENCE_TEXTS])) / _REFERENCE_TEXTS
    numbers = [
        Measured("tokens of a text, median", float(np.median(lengths)), "tokens"),
        Measured("tokens of a text, 95th percentile", float(np.percentile(lengths, 95)), "tokens"),
        Measured("reference, one core", 1 / reference, "texts/s"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, model, times, goal in (("two models", single, 2, (4.5, 7.5)), ("joint", joint, 1, (None, 16.0))):
            directory = Path(folder) / name
            directory.mkdir()
            fp32 = export_fp32(model, directory)
            for precision, path, least in (("fp32", fp32, goal[0]), ("int8", quantise_int8(fp32, directory), goal[1])):
                graph = Graph(path, "cpu", workers=1)
                taken = times * _seconds(partial(graph.run, rows)) / len(rows)
                target = Goal("at least", least) if least else None
                numbers.append(Measured(f"{precision}, {name}", reference / taken, "x reference", target))
    return [*numbers, _training(single, generator)]


def _rows(count: int, generator: np.random.Generator) -> list[Encoded]:
    """Return rows of random ids whose lengths are log-normal: median 35, 95th percentile 110, at most 128."""
    lengths = np.exp(generator.normal(np.log(35), np.log(110 / 35) / 1.645, count)).astype(int).clip(4, _LONGEST)
    return [
        Encoded((CLS, *generator.integers(5, _VOCABULARY, length - 2).tolist(), SEP), int(length)) for length in lengths
    ]


def _model(*heads: Head) -> HeadedEncoder:
    config = BertConfig(vocab_size=_VOCABULARY, pad_token_id=PAD)  # type: ignore[no-untyped-call]  # transformers has no types
    bert = BertModel(config)  # type: ignore[no-untyped-call]  # transformers has no types
    return HeadedEncoder(bert, dict.fromkeys(heads, _CLASSES)).eval()


def _one_at_a_time(model: HeadedEncoder, rows: Sequence[Encoded]) -> None:
    with torch.no_grad():
        for row in rows:
            model(*map(torch.from_numpy, pad([row], multiple=_LONGEST)))


def _training(model: HeadedEncoder, generator: np.random.Generator) -> Measured:
    """Compare a step over a batch of like lengths with one that is padded to 128, forward and backward."""
    rows = sorted(_rows(10 * _BATCH, generator), key=lambda row: len(row.ids))
    model.train()
    # Every second batch of the sorted rows stands for all.
    batches = [rows[start : start + _BATCH] for start in range(0, len(rows), 2 * _BATCH)]
    bucketed = sum(_seconds(partial(_step, model, batch, 1)) for batch in batches) / len(batches)
    padded = _seconds(partial(_step, model, batches[0], _LONGEST))
    return Measured("training step, batches by length", padded / bucketed, "x padded", Goal("at least", 1.8))


def _step(model: HeadedEncoder, batch: Sequence[Encoded], multiple: int) -> None:
    logits = model(*map(torch.from_numpy, pad(batch, multiple=multiple)))["subject"]
    loss = torch.nn.functional.cross_entropy(logits, torch.zeros(len(batch), dtype=torch.int64))
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    model.zero_grad()


def _seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of ``work``."""
    started = time.process_time()
    work()
    return time.process_time() - started
