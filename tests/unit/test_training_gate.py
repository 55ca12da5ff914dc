"""The gate's rule against cases that a person can compute."""

from __future__ import annotations

import numpy as np
import pytest

from voc_training.gate import (
    Judged,
    Sides,
    class_changes,
    decide,
    holm,
    mcnemar,
    resampled_gains,
    rows_to_decide,
    verdict,
)

SIDES = Sides("subject", "keyword", "20260120")


def judged(both: int, candidate: int, champion: int, neither: int = 0) -> Judged:
    """Rows of one class, all with texts of their own, by who is right."""
    rows = both + candidate + champion + neither
    right, wrong = "a_1", "b_1"
    first = [right] * (both + champion) + [wrong] * (candidate + neither)
    second = [right] * both + [wrong] * champion + [right] * candidate + [wrong] * neither
    return Judged([right] * rows, first, second, [str(number) for number in range(rows)])


def test_mcnemar_is_the_exact_binomial() -> None:
    """Eight against two discordant rows give 2 * (1 + 10 + 45) / 1024."""
    assert mcnemar(8, 2) == pytest.approx(112 / 1024)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == pytest.approx(1.0)


def test_holm_multiplies_by_the_number_of_tests_left_and_stays_monotone() -> None:
    """The textbook case 0.01, 0.04, 0.03 becomes 0.03, 0.06, 0.06, in the given order."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_a_clear_gain_on_many_rows_is_promoted() -> None:
    """Forty rows gained and ten lost of 1,000 pass with a lower bound above zero."""
    decision = decide(judged(800, 40, 10, 150), SIDES)
    assert decision.promote
    assert decision.gain == pytest.approx(0.03)
    # One-sided 95 %: 0.03 - 1.645 * sqrt((0.05 - 0.03**2) / 1000).
    assert decision.lower_bound == pytest.approx(0.0185, abs=0.0012)
    assert decision.reason.startswith("Promoted: 20260120 84.0% against keyword 81.0% on 1000 frozen rows")


def test_equal_accuracy_is_refused_with_the_sentence_that_rows_do_not_help() -> None:
    """A gain of exactly zero is no gain."""
    decision = decide(judged(800, 20, 20, 160), SIDES)
    assert not decision.promote
    assert decision.rows_to_decide is None
    assert "more frozen rows would not promote it" in decision.reason


def test_a_small_gain_within_the_tolerance_is_promoted_with_enough_rows() -> None:
    """Eight gained and six lost of 2,000 rows reach no lower than half a point below zero."""
    decision = decide(judged(1900, 8, 6, 86), SIDES)
    assert decision.lower_bound < 0
    assert decision.threshold == -0.005
    assert decision.promote


def test_below_300_rows_the_lower_bound_itself_must_be_above_zero() -> None:
    """The same shares that pass with 300 rows are refused with 299, and the refusal says how many rows would decide."""
    enough, fewer = decide(judged(294, 4, 2), SIDES), decide(judged(293, 4, 2), SIDES)
    assert (enough.rows, fewer.rows) == (300, 299)
    assert fewer.threshold == 0.0
    assert not fewer.promote
    assert fewer.rows_to_decide is not None
    assert fewer.rows_to_decide >= 300
    assert f"about {fewer.rows_to_decide} frozen rows would decide" in fewer.reason


def test_rows_to_decide_follows_from_the_normal_interval() -> None:
    """A gain of 2 points with s = 0.3 needs (1.645 * 0.3 / 0.025)^2 = 390 rows under the tolerance."""
    assert rows_to_decide(0.02, 0.3 / np.sqrt(200), 200) == 390
    assert rows_to_decide(0.10, 0.3 / np.sqrt(20), 20) == 25
    assert rows_to_decide(0.0, 0.1, 200) is None


def test_duplicates_widen_the_interval() -> None:
    """A hundred copies of ten texts know no more than ten texts: the bootstrap spreads about ten times the variance."""
    difference = np.tile([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0], 10)
    alone = resampled_gains(difference, [str(number) for number in range(100)])
    together = resampled_gains(difference, [str(number % 10) for number in range(100)])
    assert together.std() == pytest.approx(alone.std() * np.sqrt(10), rel=0.05)


def test_the_bootstrap_gives_the_same_answer_twice() -> None:
    """The decision is reproducible from the rows."""
    assert decide(judged(90, 7, 3), SIDES) == decide(judged(90, 7, 3), SIDES)


def with_rare_class(rows: int, champion_right: int, candidate_right: int) -> Judged:
    """A thousand rows where the candidate gains clearly, and one more class where it loses."""
    common = judged(800, 150, 0, 50)
    label = ["c_1"] * rows
    champion = ["c_1"] * champion_right + ["x_1"] * (rows - champion_right)
    candidate = ["c_1"] * candidate_right + ["x_1"] * (rows - candidate_right)
    return Judged(
        [*common.truth, *label],
        [*common.champion, *champion],
        [*common.candidate, *candidate],
        [*common.groups, *(f"c{number}" for number in range(rows))],
    )


def test_a_class_that_collapses_blocks_a_clear_gain() -> None:
    """Losing 10 of 20 rows that the champion had right blocks, and the sentence names the class."""
    decision = decide(with_rare_class(20, 18, 8), SIDES)
    assert decision.gain > 0.1
    assert not decision.promote
    assert "It loses too much recall in c_1 90% → 40% of 20 rows" in decision.reason
    assert decision.rows_to_decide is None


def test_a_class_with_19_rows_is_not_tested() -> None:
    """Nineteen rows are too few to judge a class by."""
    judged_rows = with_rare_class(19, 19, 0)
    assert [change.label for change in class_changes(judged_rows)] == ["a_1"]
    assert decide(judged_rows, SIDES).promote


def test_a_loss_of_exactly_ten_points_does_not_block() -> None:
    """Ten points of 100 rows are allowed although McNemar finds them significant; eleven are not."""
    ten, eleven = (class_changes(with_rare_class(100, 100, right))[1] for right in (90, 89))
    assert ten.p < 0.05
    assert not ten.blocks
    assert eleven.blocks


def test_a_loss_that_may_be_chance_does_not_block() -> None:
    """Four of 20 rows lost are 20 points, but p = 0.125, and do not block."""
    change = class_changes(with_rare_class(20, 20, 16))[1]
    assert change.p == pytest.approx(0.125)  # the other p is smaller, so Holm multiplies this one by 1
    assert not change.blocks


def test_no_frozen_row_is_a_refusal_that_says_what_to_review() -> None:
    """Without a reviewed 표본 row nothing can be promoted."""
    decision = decide(Judged([], [], [], []), SIDES)
    assert not decision.promote
    assert "Review the 표본 rows" in decision.reason


def test_one_passing_head_makes_a_release() -> None:
    """The head that failed keeps the model it has."""
    good, bad = decide(judged(800, 40, 10), SIDES), decide(judged(800, 10, 40), SIDES)
    assert verdict([good, bad]) == "promote"
    assert verdict([bad, bad]) == "refuse"
