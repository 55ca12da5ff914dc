"""Scores that mean what they say: calibration tables as data, and the mixture of several scorers.

A calibrated confidence of 0.8 is right in about 80 of 100 cases. Fitting happens in training; applying is here,
the same lines for both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from voc_models.exit_codes import DataError
from voc_models.plan import Record

Floats = npt.NDArray[np.float64]
_TINY = 1e-12


class NotFiniteError(DataError):
    """A model answered NaN or infinity; nothing of it may reach a table."""


class Calibration(Record):
    """A temperature for all classes, then, when ``scores`` is given, a curve for the best class.

    Temperature scaling: p_i ∝ p_i^(1/T) (Guo et al. 2017, "On Calibration of Modern Neural Networks").
    The curve is a monotone table from score to confidence (Zadrozny and Elkan 2002, isotonic), linear in between.
    """

    temperature: float = Field(1.0, gt=0, allow_inf_nan=False)
    scores: tuple[float, ...] = ()
    confidences: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _is_a_curve(self) -> Calibration:
        x, y = np.asarray(self.scores, float), np.asarray(self.confidences, float)
        if len(x) != len(y) or len(x) == 1:
            raise ValueError("a curve needs as many confidences as scores, and two or none")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError("a curve holds finite numbers only")
        if (np.diff(x) <= 0).any() or (np.diff(y) < 0).any() or (y < 0).any() or (y > 1).any():
            raise ValueError("a curve's scores rise, its confidences never fall and lie in [0, 1]")
        return self

    def probabilities(self, probabilities: Floats) -> Floats:
        """Return (rows, classes) probabilities after the temperature; the best class stays the best."""
        if self.temperature == 1.0:
            return probabilities
        return softmax(np.log(np.maximum(probabilities, _TINY)) / self.temperature)

    def confidence(self, scores: Floats) -> Floats:
        """Return the confidence for each score of the best class."""
        if not self.scores:
            return scores
        return np.interp(scores, self.scores, self.confidences)


IDENTITY = Calibration()


def softmax(logits: npt.ArrayLike) -> Floats:
    """Return (rows, classes) probabilities of (rows, classes) logits, in double precision.

    Raises:
        NotFiniteError: a logit is NaN or infinite.
    """
    values = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(values).all():
        raise NotFiniteError(
            "The model answered numbers that are not finite. Go back to another release (voc models rollback)."
        )
    shifted = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)


def keyword_probabilities(best: Sequence[int | None], confidences: Floats, classes: int) -> Floats:
    """Spread a tagger that names one class over all: its confidence there, the rest shared evenly.

    Args:
        best: the class each row was given, or None when the model does not know that class.
        confidences: (rows,) calibrated, in [0, 1].
        classes: how many there are.

    Returns:
        (rows, classes) probabilities; a row without a class gets the even distribution.
    """
    spread = np.full((len(best), classes), 1.0 / classes)
    if classes == 1:
        return spread
    for row, label in enumerate(best):
        if label is not None:
            spread[row] = (1.0 - confidences[row]) / (classes - 1)
            spread[row, label] = confidences[row]
    return spread


def mix(parts: Sequence[tuple[float, Floats]]) -> Floats:
    """Return the weighted mean of (weight, probabilities) parts; weights need not sum to 1."""
    total = sum(weight for weight, _ in parts)
    return np.asarray(sum(weight / total * part for weight, part in parts), dtype=np.float64)


def masked(probabilities: Floats, allowed: npt.NDArray[np.bool_]) -> Floats:
    """Take the classes that are not ``allowed`` out and share their part among the others.

    Raises:
        DataError: no class is left.
    """
    if not allowed.any():
        raise DataError("No label of the model is in the taxonomy any more. Train a new model, or tag with keywords.")
    if allowed.all():
        return probabilities
    kept = np.where(allowed, np.maximum(probabilities, _TINY), 0.0)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True), dtype=np.float64)
