"""Models of KoBERT's size with random weights, and texts of the lengths that tenants write."""

from __future__ import annotations

import os
import statistics
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch
from transformers import BertConfig, BertModel

from voc_models.encoding import Encoded
from voc_models.tokenizer import CLS, PAD, SEP
from voc_training.encoder import HeadedEncoder
from voc_training.export import convert_fp16, export_fp32
from voc_training.quantise import quantise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from voc_models.artifact import Precision
    from voc_models.labels import Head

VOCABULARY: Final = 8002
CLASSES: Final = 30
LONGEST: Final = 128
_MEDIAN, _LONG = 35, 110


class Exported(NamedTuple):
    """A model and its graphs."""

    model: HeadedEncoder
    graphs: Mapping[Precision, Path]


def exported(folder: Path, *heads: Head) -> Exported:
    """Return an untrained model of KoBERT's size, exported into ``folder``, which is made."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=VOCABULARY, pad_token_id=PAD)  # type: ignore[no-untyped-call]  # transformers has no types
    bert = BertModel(config)  # type: ignore[no-untyped-call]  # transformers has no types
    model = HeadedEncoder(bert, dict.fromkeys(heads, CLASSES)).eval()
    fp32 = export_fp32(model, folder)
    return Exported(
        model, {"fp32": fp32, "fp16": convert_fp16(fp32, folder), "int8": quantise(fp32, folder, texts(32))}
    )


def texts(count: int) -> list[Encoded]:
    """Return rows of random ids whose lengths are exactly log-normal: median 35, 95th percentile 110, at most 128.

    The lengths are the distribution's quantiles, so that a small sample is not shorter or longer by luck.
    """
    spread = np.log(_LONG / _MEDIAN) / statistics.NormalDist().inv_cdf(0.95)
    normal = statistics.NormalDist(float(np.log(_MEDIAN)), float(spread))
    generator = np.random.default_rng(0)
    lengths = np.exp([normal.inv_cdf((number + 0.5) / count) for number in range(count)]).round().clip(4, LONGEST)
    return [
        Encoded((CLS, *generator.integers(5, VOCABULARY, length - 2).tolist(), SEP), length)
        for length in generator.permutation(lengths.astype(int)).tolist()
    ]


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def two_cores() -> Iterator[None]:
    """Keep this process on two cores, and torch on as many threads: what the goals are stated for."""
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, sorted(cores)[:2])
    torch.set_num_threads(min(2, len(cores)))
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)
