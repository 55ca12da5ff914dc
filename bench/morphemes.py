"""``python -m bench.morphemes [--intents FOLDER]``: does the baseline gain from Korean morphemes?

The same logistic regression is fitted on character n-grams, on morphemes (mecab-ko, word and part of speech), and on
both, with single morphemes or pairs too. The rows that judge are the same for all: held-out texts of the sample, and of
3i4k when its FOLDER is given. What came of it is in docs/decisions/morphemes.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import mecab_ko
import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bench.intents import taught
from bench.measured import machine
from voc_models.labels import HEADS
from voc_models.months import Month
from voc_training.baseline import BLOCKS, INVERSE_PENALTY, MOST_FEATURES, vectoriser
from voc_training.gate import mcnemar
from voc_training.rows import cleaned, head_rows
from voc_training.split import split
from voc_worker.columns import LABELS
from voc_worker.sample.generate import generate
from voc_worker.sample.words import vocabulary
from voc_worker.tables.tagged import SampleRule, sample_flags

_KINDS = ("characters", "morphemes", "characters + morphemes", "characters + pairs")
_FIRST, _MONTHS = Month(2024, 10), 16


class Rows(NamedTuple):
    """Rows to learn from and rows to judge by, with ``request``, ``reply`` and ``label``."""

    name: str
    train: pd.DataFrame
    judge: pd.DataFrame


def main() -> None:
    """Fit every kind on every data set and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.morphemes", description="What morphemes add to n-grams.")
    parser.add_argument("--intents", type=Path, help="the folder of 3i4k")
    chosen = parser.parse_args()
    console = Console(width=140)
    console.print(machine(), highlight=False)
    table = Table("data", "learnt rows", "features", "right", "only it right", "only characters right", "McNemar p")
    for rows in (*sample_rows(), *(intents(chosen.intents) if chosen.intents else ())):
        found = {kind: right(rows, kind) for kind in _KINDS}
        plain = found[_KINDS[0]]
        for kind, hits in found.items():
            gained, lost = int((hits & ~plain).sum()), int((plain & ~hits).sum())
            cells = (f"{hits.mean():.2%}", str(gained), str(lost), f"{mcnemar(gained, lost):.3f}")
            table.add_row(rows.name, str(len(rows.train)), kind, *cells)
    console.print(table)


def sample_rows() -> Iterator[Rows]:
    """Yield each head of the sample's months with their true labels, learnt from some rows and from all."""
    source = generate()
    months = [source.source(month).assign(month=str(month)) for month in map(_FIRST.plus, range(_MONTHS))]
    rows = pd.concat(months, ignore_index=True)
    truth = source.truth.set_index("voc_id").loc[rows["voc_id"], list(LABELS)].reset_index(drop=True)
    taxonomy = vocabulary().taxonomy()
    table = cleaned(pd.concat([rows.assign(is_sample=False), truth], axis=1), taxonomy)
    table["is_sample"] = sample_flags(table["group"].tolist(), SampleRule(0.2, "bench"))
    for head in HEADS:
        parts = split(head_rows(table, head, taxonomy).rows, "label")
        for size in (600, 2000, len(parts.train)):
            yield Rows(f"sample, {head}", parts.train.sample(size, random_state=1), parts.frozen)


def intents(folder: Path) -> Iterator[Rows]:
    """Yield 3i4k."""
    parts = taught(folder, None).parts
    yield Rows("3i4k", parts.train, parts.frozen)


def right(rows: Rows, kind: str) -> npt.NDArray[np.bool_]:
    """Return which rows a model of that kind judges rightly; with and without the reply it learns as the baseline."""
    replied = rows.train[rows.train["reply"] != ""]
    doubled = pd.concat([rows.train, replied.assign(reply="")], ignore_index=True)
    weights = np.concatenate([np.where(rows.train["reply"] != "", 0.5, 1.0), np.full(len(replied), 0.5)])
    columns = [
        (fitted.transform(doubled[field]), fitted.transform(rows.judge[field]))
        for field, fitted in _fitted(rows.train, kind)
    ]
    learnt, judged = (sparse.hstack(side, format="csr") for side in zip(*columns, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=INVERSE_PENALTY, max_iter=150).fit(learnt, doubled["label"], sample_weight=weights)
    return np.asarray(model.predict(judged) == rows.judge["label"].to_numpy(), dtype=np.bool_)


def _fitted(train: pd.DataFrame, kind: str) -> Iterator[tuple[str, TfidfVectorizer]]:
    for block in BLOCKS:
        texts = train.loc[train[block.field] != "", block.field]
        if texts.empty:
            continue
        if "characters" in kind:
            yield block.field, vectoriser(block, len(train)).fit(texts)
        if kind != "characters":
            analyser: Callable[[str], Sequence[str]] = pairs if "pairs" in kind else morphemes
            counted = TfidfVectorizer(
                analyzer=analyser, sublinear_tf=True, min_df=2, max_features=MOST_FEATURES, dtype=np.float32
            )
            yield block.field, counted.fit(texts)


@cache
def _analyser() -> mecab_ko.Tagger:
    return mecab_ko.Tagger()


def morphemes(text: str) -> list[str]:
    """Return the morphemes of ``text`` with their part of speech, such as 화장실/NNG."""
    lines = (line.partition("\t") for line in _analyser().parse(text).splitlines())
    return [f"{surface}/{features.partition(',')[0]}" for surface, tab, features in lines if tab]


def pairs(text: str) -> list[str]:
    """Return the morphemes of ``text`` and each two that follow each other."""
    found = morphemes(text)
    return [*found, *(f"{one} {two}" for one, two in pairwise(found))]


if __name__ == "__main__":
    main()
