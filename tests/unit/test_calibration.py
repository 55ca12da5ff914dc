"""Temperatures, curves, mixtures and masks, against numbers computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from voc_models import calibration as cal
from voc_models.exit_codes import DataError

LOGITS = hnp.arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(2, 6)), elements=st.floats(-500, 500))


@given(logits=LOGITS, temperature=st.floats(0.05, 20))
def test_a_temperature_divides_the_logits(logits: cal.Floats, temperature: float) -> None:
    """Calibrating probabilities gives the softmax of the divided logits, where these are not rounded away."""
    probabilities = cal.softmax(np.clip(logits, -10, 10))
    calibrated = cal.Calibration(temperature=temperature).probabilities(probabilities)
    np.testing.assert_allclose(calibrated, cal.softmax(np.clip(logits, -10, 10) / temperature), atol=1e-6)


@given(logits=LOGITS)
def test_probabilities_sum_to_one(logits: cal.Floats) -> None:
    """Whatever the finite logits, each row is a distribution."""
    probabilities = cal.softmax(logits)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


@given(logits=LOGITS, data=st.data())
def test_masked_classes_get_nothing(logits: cal.Floats, data: st.DataObject) -> None:
    """Classes that are out get exactly 0, the others still sum to one, even where they had rounded to 0."""
    allowed = np.asarray(data.draw(st.lists(st.booleans(), min_size=logits.shape[1], max_size=logits.shape[1])))
    if not allowed.any():
        with pytest.raises(DataError, match="No label"):
            cal.masked(cal.softmax(logits), allowed)
        return
    kept = cal.masked(cal.softmax(logits), allowed)
    assert (kept[:, ~allowed] == 0).all()
    np.testing.assert_allclose(kept.sum(axis=1), 1.0)


def test_a_curve_is_linear_between_its_points_and_flat_outside() -> None:
    """Scores between two points get confidences between theirs; beyond the ends the end's."""
    curve = cal.Calibration(scores=(0.2, 0.6, 0.8), confidences=(0.1, 0.5, 0.9))
    np.testing.assert_allclose(curve.confidence(np.array([0.0, 0.2, 0.4, 0.7, 1.0])), [0.1, 0.1, 0.3, 0.7, 0.9])
    np.testing.assert_allclose(cal.IDENTITY.confidence(np.array([0.3])), [0.3])


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"scores": (0.1,), "confidences": (0.1,)},
        {"scores": (0.1, 0.2), "confidences": (0.1,)},
        {"scores": (0.2, 0.1), "confidences": (0.1, 0.2)},
        {"scores": (0.1, 0.2), "confidences": (0.3, 0.2)},
        {"scores": (0.1, 0.2), "confidences": (0.3, 1.2)},
        {"scores": (0.1, float("nan")), "confidences": (0.1, 0.2)},
    ],
)
def test_what_is_no_calibration_is_refused(wrong: dict[str, Any]) -> None:
    """A temperature is positive and finite; a curve rises, and stays within [0, 1]."""
    with pytest.raises(ValidationError):
        cal.Calibration(**wrong)


def test_a_mixture_is_the_weighted_mean() -> None:
    """Weights need not sum to one."""
    first, second = np.array([[0.9, 0.1]]), np.array([[0.3, 0.7]])
    np.testing.assert_allclose(cal.mix([(3.0, first), (1.0, second)]), [[0.75, 0.25]])


def test_a_keyword_answer_is_spread_over_the_classes() -> None:
    """The named class gets the confidence, the others share the rest; an unknown class says nothing."""
    spread = cal.keyword_probabilities([1, None], np.array([0.7, 0.9]), 4)
    np.testing.assert_allclose(spread, [[0.1, 0.7, 0.1, 0.1], [0.25] * 4])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(bad: float) -> None:
    """One NaN or infinity among the logits ends in exit 65."""
    with pytest.raises(cal.NotFiniteError) as raised:
        cal.softmax(np.array([[0.0, 1.0], [bad, 0.0]]))
    assert raised.value.exit_code == 65
