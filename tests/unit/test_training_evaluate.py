"""The measures against numbers that a person can compute."""

from __future__ import annotations

import numpy as np
import pytest

from voc_training.evaluate import Answers, expected_calibration_error, measure, reliability

ANSWERS = Answers(
    truth=["a", "a", "a", "b"],
    predicted=["a", "a", "b", "b"],
    confidence=np.asarray([0.9, 0.9, 0.6, 0.6]),
)


def test_accuracy_recall_and_confusions_are_counted() -> None:
    """Three of four are right; a is found in two of three, and once called b."""
    found = measure(ANSWERS, ["a", "b"])
    assert found is not None
    assert found.accuracy == 0.75
    assert [(one.label, one.support, round(one.recall, 3)) for one in found.classes] == [("a", 3, 0.667), ("b", 1, 1.0)]
    assert [(one.truth, one.predicted, one.rows) for one in found.confusions] == [("a", "b", 1)]


def test_macro_f1_is_over_the_fixed_labels() -> None:
    """f1 is 0.8 for a and 2/3 for b; a third label that nobody has counts as 0."""
    two, three = measure(ANSWERS, ["a", "b"]), measure(ANSWERS, ["a", "b", "c"])
    assert two is not None
    assert three is not None
    assert two.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert three.macro_f1 == pytest.approx((0.8 + 2 / 3) / 3)


def test_calibration_error_is_the_weighted_distance_of_the_bins() -> None:
    """Two rows at 0.9 all right miss by 0.1, two at 0.6 half right by 0.1: together 0.1."""
    right = np.asarray([True, True, False, True])
    assert expected_calibration_error(right, ANSWERS.confidence) == pytest.approx(0.1)
    assert expected_calibration_error(np.asarray([True]), np.asarray([1.0])) == 0.0


def test_coverage_says_what_is_answered_and_how_well() -> None:
    """At 0.8 half the rows are answered, all rightly; at 0.95 none is, and there is no accuracy."""
    found = measure(ANSWERS, ["a", "b"])
    assert found is not None
    by_threshold = {point.threshold: (point.coverage, point.accuracy) for point in found.coverage}
    assert by_threshold[0.8] == (0.5, 1.0)
    assert by_threshold[0.95] == (0.0, None)


def test_no_rows_have_no_metrics() -> None:
    """An empty test is None, not a division by zero."""
    assert measure(Answers([], [], np.zeros(0)), ["a"]) is None


def test_rows_of_like_confidence_are_counted_together() -> None:
    """Two rows of 0.9 are right, and one of two rows of 0.6."""
    right = np.asarray([True, True, False, True])
    found = [(one.rows, round(one.confidence, 6), one.accuracy) for one in reliability(right, ANSWERS.confidence)]
    assert found == [(2, 0.6, 0.5), (2, 0.9, 1.0)]
