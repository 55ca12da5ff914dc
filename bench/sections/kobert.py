"""A model of KoBERT's size: what is served against the plain reference, start-up, and what fewer bits cost in labels.

Speed is asked of random weights, which do not change the time, by wall clock on two cores; every side has its turn in
each round, so that a busy machine slows all of them. Labels are asked of small models that are trained here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.encoder.agreement import agreements
from bench.encoder.models import exported, one_thread, two_cores
from bench.encoder.speed import served, training
from bench.encoder.start import first_prediction, tokeniser, tokenising
from voc_models.text import model_input

if TYPE_CHECKING:
    from bench.measured import Measured
    from bench.workplace import Workplace

TITLE = "KoBERT's size: ratios to torch, one text at a time, padded to 128, two models"


def measure(place: Workplace) -> list[Measured]:
    """Return every number that the issue about the models names, but for a GPU's (section gpu)."""
    source = place.sample.source()
    columns = (source[name] for name in ("title", "request_contents", "reply"))
    texts = [model_input(*row) for row in zip(*columns, strict=True)]
    with tempfile.TemporaryDirectory(prefix="voc-bench-") as name:
        folder = Path(name)
        with two_cores():
            two, joint = exported(folder / "two", "subject"), exported(folder / "joint", "subject", "work")
            numbers = [*served(two, joint), training(two.model)]
        tokenizer = tokeniser(texts, folder / "tokenizer")
        numbers.append(tokenising(tokenizer, texts))
        numbers += first_prediction(two.graphs["int8"], folder / "tokenizer", folder)
        with one_thread():  # small models: two threads would wait for each other more than they work
            numbers += agreements(place.sample, folder)
    return numbers
