"""Temperatures, curves, weights, and the choice of the candidate."""

from __future__ import annotations

import numpy as np
import pytest

from voc_models.calibration import Floats, softmax
from voc_training.calibrate import Numbers, fit_curve, fit_temperature, fit_weights, folds
from voc_training.candidate import Evidence, KeywordSays, choose, final_calibrations


def drawn(rows: int, sharpness: float, seed: int = 0) -> tuple[Floats, Numbers]:
    """Probabilities whose logits are ``sharpness`` times too large, and labels drawn from the true ones."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(rows, 4)) * 2
    honest = softmax(logits)
    truth = np.asarray([generator.choice(4, p=row) for row in honest])
    return softmax(logits * sharpness), truth


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_logits_that_are_too_large(sharpness: float) -> None:
    """The fitted temperature is about the factor by which the logits are too large."""
    assert fit_temperature(*drawn(4000, sharpness)).temperature == pytest.approx(sharpness, rel=0.1)


def test_a_handful_of_rows_fits_no_temperature() -> None:
    """Below 30 rows the scores stay as they are."""
    assert fit_temperature(*drawn(29, 3.0)).temperature == 1.0


def test_the_curve_is_monotone_and_says_the_share_that_was_right() -> None:
    """Scores of which a fifth and four fifths were right become about 0.2 and 0.8."""
    scores = np.repeat([0.3, 0.7], 100)
    right = np.concatenate([np.arange(100) < 20, np.arange(100) < 80])
    curve = fit_curve(scores, right)
    assert curve.confidence(np.asarray([0.3, 0.7])).tolist() == pytest.approx([0.2, 0.8])


def test_one_score_only_gives_a_flat_curve() -> None:
    """With nothing to tell rows apart every row has the same chance."""
    curve = fit_curve(np.full(98, 0.4), np.arange(98) < 49)
    assert curve.confidence(np.asarray([0.1, 0.9])).tolist() == pytest.approx([0.5, 0.5])


def test_the_better_part_gets_the_weight() -> None:
    """An informed part beside noise gets nine tenths or all of the mixture."""
    good, truth = drawn(500, 1.0)
    noise = softmax(np.random.default_rng(5).normal(size=(500, 4)))
    weights = fit_weights({"linear": noise, "kobert": good}, truth)
    assert weights["kobert"] >= 0.9
    assert sum(weights.values()) == pytest.approx(1.0)


def test_folds_keep_equal_texts_together() -> None:
    """All rows of a group are in one fold."""
    groups = [f"g{number % 10}" for number in range(100)]
    found = folds(groups)
    assert {len({int(found[i]) for i in range(100) if groups[i] == group}) for group in groups} == {1}


def evidence(linear: Floats, kobert: Floats, truth: Numbers, keyword: KeywordSays | None = None) -> Evidence:
    """Validation rows with texts of their own."""
    return Evidence({"linear": linear, "kobert": kobert}, truth, [str(n) for n in range(len(truth))], keyword)


def test_the_simpler_kind_wins_a_tie() -> None:
    """Two equal models and their blend are equally good: the linear one is the candidate."""
    good, truth = drawn(400, 1.0)
    found = choose(evidence(good, good, truth))
    assert found.kind == "linear"
    assert set(found.accuracies) == {"linear", "kobert", "blend"}


def test_an_encoder_that_is_better_alone_is_the_candidate() -> None:
    """Beside a linear model of pure noise KoBERT wins, alone or with a tenth of the other."""
    good, truth = drawn(400, 1.0)
    noise = softmax(np.random.default_rng(5).normal(size=(400, 4)))
    found = choose(evidence(noise, good, truth))
    assert found.parts["kobert"].weight >= 0.9
    assert found.accuracies["kobert"] > found.accuracies["linear"] + 0.2


def test_keywords_are_blended_in_when_they_know_what_the_models_do_not() -> None:
    """A keyword tagger that is always right where it finds a word joins the blend."""
    weak, truth = drawn(600, 1.0)
    keyword = KeywordSays([int(label) if n % 2 else None for n, label in enumerate(truth)], np.full(600, 0.8))
    found = choose(evidence(weak, weak, truth, keyword))
    assert found.kind == "blend"
    assert "keyword" in found.parts
    assert found.accuracies["blend"] > found.accuracies["linear"]


def test_calibration_without_enough_replies_is_that_of_all_rows() -> None:
    """Five rows with a reply fit nothing of their own."""
    probabilities, truth = drawn(1000, 3.0)
    few, all_rows = final_calibrations("exact", (probabilities[:5], truth[:5]), (probabilities, truth))
    assert few.with_reply
    assert few.calibration == all_rows.calibration
    assert all_rows.calibration.temperature > 2
