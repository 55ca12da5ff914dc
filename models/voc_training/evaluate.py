"""How good a set of answers is: accuracy, macro-F1, recall by class, calibration, coverage, confusions. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from voc_models.plan import Record

THRESHOLDS: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
#: Confusion pairs that are kept.
MOST_CONFUSED: Final = 15
_BINS: Final = 15


class Answers(NamedTuple):
    """One answer per row: joined labels, and the confidence of the predicted one in [0, 1]."""

    truth: Sequence[str]
    predicted: Sequence[str]
    confidence: NDArray[np.float64]


class ClassScore(Record):
    """One class; shares, and ``support`` in rows."""

    label: str
    support: int
    precision: float
    recall: float
    f1: float


class Coverage(Record):
    """What is answered at or above a confidence: the share of rows, and how many of those are right (None: no row)."""

    threshold: float
    coverage: float
    accuracy: float | None


class Reliability(Record):
    """Rows of like confidence: how sure the model was of them on average, and how many of them were right."""

    rows: int
    confidence: float
    accuracy: float


class Confusion(Record):
    """How often ``truth`` was called ``predicted``."""

    truth: str
    predicted: str
    rows: int


class Metrics(Record):
    """Shares in [0, 1]; ``ece`` is the expected calibration error of the confidences that are served."""

    rows: int
    accuracy: float
    macro_f1: float
    ece: float
    classes: tuple[ClassScore, ...]
    coverage: tuple[Coverage, ...]
    reliability: tuple[Reliability, ...]
    confusions: tuple[Confusion, ...]


def expected_calibration_error(right: NDArray[np.bool_], confidence: NDArray[np.float64]) -> float:
    """Return the mean distance between confidence and accuracy over 15 bins of equal width, weighted by rows.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    gaps = [one.rows * abs(one.accuracy - one.confidence) for one in reliability(right, confidence)]
    return sum(gaps) / len(right) if gaps else 0.0


def reliability(right: NDArray[np.bool_], confidence: NDArray[np.float64]) -> tuple[Reliability, ...]:
    """Return the bins of :func:`expected_calibration_error` that hold a row, the least confident first."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return tuple(
        Reliability(
            rows=int(chosen.sum()), confidence=float(confidence[chosen].mean()), accuracy=float(right[chosen].mean())
        )
        for number in range(_BINS)
        if (chosen := bins == number).any()
    )


def measure(answers: Answers, labels: Sequence[str]) -> Metrics | None:
    """Return the metrics of ``answers``, or None when there are none.

    Macro-F1 is over ``labels``, whatever a model predicted: two models are then averaged over the same classes.
    """
    if not len(answers.truth):
        return None
    truth, predicted = np.asarray(answers.truth, dtype=str), np.asarray(answers.predicted, dtype=str)
    right = truth == predicted
    scores = precision_recall_fscore_support(truth, predicted, labels=list(labels), zero_division=0.0)
    classes = tuple(
        ClassScore(label=label, precision=float(p), recall=float(r), f1=float(f), support=int(support))
        for label, p, r, f, support in zip(labels, *scores, strict=True)
    )
    return Metrics(
        rows=len(truth),
        accuracy=float(right.mean()),
        macro_f1=float(np.mean([score.f1 for score in classes])),
        ece=expected_calibration_error(right, answers.confidence),
        classes=classes,
        coverage=tuple(_coverage(right, answers.confidence, threshold) for threshold in THRESHOLDS),
        reliability=reliability(right, answers.confidence),
        confusions=_confusions(truth, predicted),
    )


def _coverage(right: NDArray[np.bool_], confidence: NDArray[np.float64], threshold: float) -> Coverage:
    answered = confidence >= threshold
    accuracy = float(right[answered].mean()) if answered.any() else None
    return Coverage(threshold=threshold, coverage=float(answered.mean()), accuracy=accuracy)


def _confusions(truth: NDArray[np.str_], predicted: NDArray[np.str_]) -> tuple[Confusion, ...]:
    pairs = Counter((str(t), str(p)) for t, p in zip(truth, predicted, strict=True) if t != p)
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:MOST_CONFUSED]
    return tuple(Confusion(truth=t, predicted=p, rows=rows) for (t, p), rows in ordered)
