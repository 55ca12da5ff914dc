"""Fit what voc_models.calibration applies: temperatures, the keyword tagger's curve, and the blend's weights. Pure.

Everything here is fitted on validation rows: neither the rows that trained a model nor the frozen ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression

from voc_models.artifact import Component
from voc_models.calibration import IDENTITY, Calibration, Floats, mix

Numbers = NDArray[np.int64]
#: The natural logarithm of the temperatures that are tried: 0.1 to 10.
_BOUNDS: Final = (np.log(0.1), np.log(10.0))
#: The blend's weights are multiples of this: finer than what validation rows can tell apart.
_STEP: Final = 0.1
#: Below this many rows a calibration says more about chance than about the model.
FEW_ROWS: Final = 30
_TINY: Final = 1e-12


def log_loss(probabilities: Floats, truth: Numbers) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], _TINY)).mean())


def fit_temperature(probabilities: Floats, truth: Numbers) -> Calibration:
    """Return the temperature with the least log-loss (Guo et al. 2017); none for fewer than FEW_ROWS rows.

    Args:
        probabilities: (rows, classes) before calibration.
        truth: (rows,) number of the true class.
    """
    if len(truth) < FEW_ROWS:
        return IDENTITY

    def loss(logarithm: float) -> float:
        return log_loss(Calibration(temperature=float(np.exp(logarithm))).probabilities(probabilities), truth)

    best = minimize_scalar(loss, bounds=_BOUNDS, method="bounded", options={"xatol": 1e-3})
    return Calibration(temperature=round(float(np.exp(best.x)), 4))


def fit_curve(scores: Floats, right: NDArray[np.bool_]) -> Calibration:
    """Return the monotone curve from a score to the chance of being right (isotonic; Zadrozny and Elkan 2002).

    With fewer than FEW_ROWS rows, or one score only, the curve is flat at the share that was right (add-one smoothed).
    """
    share = (float(right.sum()) + 1.0) / (len(right) + 2.0)
    if len(right) < FEW_ROWS or len(np.unique(scores)) < 2:
        return Calibration(scores=(0.0, 1.0), confidences=(share, share))
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, right.astype(float))
    return Calibration(
        scores=tuple(float(x) for x in fitted.X_thresholds_), confidences=tuple(float(y) for y in fitted.y_thresholds_)
    )


def fit_weights(parts: Mapping[Component, Floats], truth: Numbers) -> dict[Component, float]:
    """Return each part's share of the mixture, in tenths and summing to 1, with the least log-loss; 0 is dropped."""
    names = list(parts)
    best = min(
        _shares(len(names)),
        key=lambda shares: log_loss(mix([(w, parts[n]) for w, n in zip(shares, names, strict=True)]), truth),
    )
    return {name: weight for name, weight in zip(names, best, strict=True) if weight > 0}


def _shares(parts: int) -> Sequence[tuple[float, ...]]:
    steps = round(1 / _STEP)
    return [
        (*(count / steps for count in counts), (steps - sum(counts)) / steps)
        for counts in product(range(steps + 1), repeat=parts - 1)
        if sum(counts) <= steps
    ]


def folds(groups: Sequence[str], count: int = 2) -> Numbers:
    """Return a fold number per row; rows of one group are in one fold."""
    order = {group: number for number, group in enumerate(sorted(set(groups)))}
    shuffled = np.random.default_rng(0).permutation(len(order)) % count
    return np.asarray([shuffled[order[group]] for group in groups], dtype=np.int64)
