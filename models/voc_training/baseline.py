"""The bar that an encoder must clear: character n-grams and logistic regression, served without scikit-learn."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from voc_models.labels import Label
from voc_models.linear import Block, LinearArrays, LinearSettings, save_linear

#: The request says most; the reply, where there is one, says what was done (작업유형).
BLOCKS: Final = (
    Block(field="request", analyzer="char_wb", ngram_min=1, ngram_max=4),
    Block(field="reply", analyzer="char_wb", ngram_min=2, ngram_max=4),
)
#: Most frequent n-grams that a block keeps; with 40 classes and float32 this is at most 10 MB a block.
MOST_FEATURES: Final = 60_000
#: Inverse of the L2 penalty; on short texts with l2-normalised features a weak penalty generalises best.
INVERSE_PENALTY: Final = 10.0


def fit_linear(train: pd.DataFrame, classes: tuple[Label, ...], directory: Path, *, iterations: int = 150) -> None:
    """Fit on ``train`` (columns request, reply, label) and write the linear model's files into ``directory``.

    A row with a reply is learnt twice, with it and without, at half the weight each: the model must also answer before
    a reply exists.
    """
    replied = train[train["reply"] != ""]
    doubled = pd.concat([train, replied.assign(reply="")], ignore_index=True)
    weights = np.concatenate([np.where(train["reply"] != "", 0.5, 1.0), np.full(len(replied), 0.5)])
    blocks = [block for block in BLOCKS if (doubled[block.field] != "").any()]
    vectorisers = [vectoriser(block, len(train)) for block in blocks]
    columns = [
        counted.fit(train.loc[train[block.field] != "", block.field]).transform(doubled[block.field])
        for block, counted in zip(blocks, vectorisers, strict=True)
    ]
    number = {str(label): position for position, label in enumerate(classes)}
    # A looser tolerance stops at a chance place long before: up to 1.3 points less on held-out rows (BENCHMARKS.md).
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=iterations, tol=1e-4)
    with warnings.catch_warnings():
        # Near the optimum the last steps change no label; what counts is measured on held-out rows.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(sparse.hstack(columns, format="csr"), doubled["label"].map(number).to_numpy(), sample_weight=weights)
    save_linear(
        directory,
        LinearSettings(blocks=tuple(blocks)),
        [_terms(counted) for counted in vectorisers],
        _arrays(model, np.concatenate([counted.idf_ for counted in vectorisers]), len(classes)),
    )


def vectoriser(block: Block, rows: int) -> TfidfVectorizer:
    """Return scikit-learn's vectoriser of a block, for that many rows to learn from."""
    return TfidfVectorizer(
        analyzer=block.analyzer,
        ngram_range=(block.ngram_min, block.ngram_max),
        lowercase=block.lowercase,
        sublinear_tf=block.sublinear_tf,
        norm=block.norm,
        min_df=2 if rows >= 500 else 1,
        max_features=MOST_FEATURES,
        dtype=np.float32,
    )


def _terms(counted: TfidfVectorizer) -> list[str]:
    return [str(term) for term in counted.get_feature_names_out()]


def _arrays(model: LogisticRegression, idf: NDArray[np.floating], classes: int) -> LinearArrays:
    """Return the arrays in the order of the classes; scikit-learn keeps one column for two classes."""
    weights, bias = model.coef_.T, model.intercept_
    if classes == 2:
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return LinearArrays(idf.astype(np.float32), weights.astype(np.float32), bias.astype(np.float64))
