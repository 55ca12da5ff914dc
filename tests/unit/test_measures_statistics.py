"""The formulas of the reports against numbers computed by hand or taken from their sources."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voc_worker.measures.statistics import (
    Forecast,
    adjusted,
    between_months,
    count_limit,
    count_score,
    forecast,
    median_interval,
    overdispersion,
    share_limit,
    share_score,
    wilson_interval,
)


def test_wilson_interval_of_a_published_case() -> None:
    """Newcombe's 81 of 263 (1998) has the interval 0.2553 to 0.3662; none and all reach the edge."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 10) == pytest.approx((0, 0.2775), abs=5e-5)
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1), abs=5e-5)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(6, 1, 6), (8, 1, 8), (9, 2, 8), (10, 2, 9), (15, 4, 12), (20, 6, 15), (50, 18, 33), (100, 40, 61)],
)
def test_median_interval_has_the_tabled_ranks(count: int, low: int, high: int) -> None:
    """The ranks of the 95 % interval of a median are those of the published tables."""
    assert median_interval([float(rank) for rank in range(1, count + 1)]) == (low, high)


def test_five_values_have_no_median_interval() -> None:
    """Below six values no interval reaches 95 %, and none is given."""
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert median_interval([]) is None


def test_adjusted_p_values_of_a_worked_case() -> None:
    """Four p-values are adjusted as by hand: 0.01*4/1, 0.02*4/2, 0.03*4/3 and 0.5, never rising downwards."""
    assert adjusted([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.04, 0.04])
    assert adjusted([0.04, 0.005]) == pytest.approx([0.04, 0.01])
    assert adjusted([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusted_p_values_keep_order_and_bounds(p_values: list[float]) -> None:
    """A q-value is at least its p-value, at most 1, and keeps the order of the p-values."""
    q_values = adjusted(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, q_values, strict=True))
    by_p = [q for _, q in sorted(zip(p_values, q_values, strict=True))]
    assert by_p == sorted(by_p)


def test_equal_months_do_not_vary() -> None:
    """Counts as even as these, or none at all, show no variation beyond chance."""
    assert between_months([[4, 4, 4]], [30, 30, 30]) == 0
    assert between_months([[0, 0, 0]], [30, 30, 30]) == 0
    assert between_months([], [30, 30, 30]) == 0


def test_variation_between_months_by_hand() -> None:
    """Counts 0, 10, 20 in equal months: (200 - 3*10*2/3) / (3*100*2/3) = 0.9."""
    assert between_months([[0, 10, 20]], [30, 30, 30]) == pytest.approx(0.9)
    assert between_months([[0, 10, 20], [10, 10, 10]], [30, 30, 30]) == pytest.approx((200 - 20 - 20) / 400)


def test_exposure_explains_longer_months() -> None:
    """A month twice as long with twice the count shows no variation."""
    assert between_months([[5, 10, 5]], [10, 20, 10]) == 0


def test_forecast_of_nothing_seen() -> None:
    """After no event in 90 days a month of 30 has mean 1/6 and size 1/2; P(X >= 1) = 1 - (3/4)^(1/2)."""
    found = forecast([0, 0, 0], [30, 30, 30], 30, 0)
    assert found == pytest.approx((1 / 6, 0.5))
    assert found.tail(1) == pytest.approx(1 - math.sqrt(0.75))
    assert found.tail(0) == 1


def test_a_forecast_sums_its_negative_binomial() -> None:
    """The tail equals one minus the sum of negative binomial probabilities written out."""
    found = Forecast(mean=3.0, size=2.5)
    success = found.size / (found.size + found.mean)
    below = sum(
        math.exp(math.lgamma(k + found.size) - math.lgamma(found.size) - math.lgamma(k + 1))
        * success**found.size
        * (1 - success) ** k
        for k in range(7)
    )
    assert found.tail(7) == pytest.approx(1 - below)


def test_variation_widens_a_forecast() -> None:
    """The more months differ by themselves, the less surprising the same count is."""
    past, days = [10, 10, 10], [30, 30, 30]
    tails = [forecast(past, days, 30, variation).tail(20) for variation in (0, 0.1, 1)]
    assert tails == sorted(tails)
    assert tails[0] < 0.02
    assert tails[2] > 0.1


def test_a_forecast_with_variation_by_hand() -> None:
    """Three months of ten and variation 0.1: r = 30.5/90, variance r/90 + 0.1 r^2 4/3, size r^2 / variance = 6.0197."""
    assert forecast([10, 10, 10], [30, 30, 30], 30, 0.1) == pytest.approx((30.5 / 3, 6.019737), rel=1e-6)


def test_a_longer_past_is_surer() -> None:
    """The same rate over more months makes the same count more surprising."""
    assert forecast([5] * 12, [30] * 12, 30, 0).tail(12) < forecast([5] * 3, [30] * 3, 30, 0).tail(12)


def test_overdispersion_ignores_few_outliers() -> None:
    """Scores of spread two give phi 4 with or without one giant; few or narrow ones give 1."""
    scores = [2.0, -2.0] * 20
    assert overdispersion(scores) == 4
    assert overdispersion([*scores, 100.0]) == 4
    assert overdispersion([0.1] * 20) == 1
    assert overdispersion([9.0] * 9) == 1


@settings(deadline=None)
@given(st.floats(1, 1e4), st.sampled_from([-3.09, -1.96, 1.96, 3.09]))
def test_count_limits_are_where_the_score_is(expected: float, z: float) -> None:
    """The limit of a count ratio has exactly the score asked for, or is zero."""
    limit = count_limit(expected, z)
    assert limit == 0 or count_score(limit * expected, expected) == pytest.approx(z)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(1, 10_000), st.sampled_from([-3.09, -1.96, 1.96, 3.09]))
def test_share_limits_are_where_the_score_is(target: float, rows: int, z: float) -> None:
    """The limit of a share has exactly the score asked for, or lies at the edge."""
    limit = share_limit(target, rows, z)
    assert limit in {0, 1} or share_score(limit, target, rows) == pytest.approx(z, abs=1e-5)


def test_limits_by_hand() -> None:
    """At 100 expected the 95 % limits are (10 +- 0.98)^2 / 100; at a share of 1/2 of 100 sin^2(pi/4 +- 0.098)."""
    assert (count_limit(100, -1.96), count_limit(100, 1.96)) == pytest.approx((0.813604, 1.205604))
    assert share_limit(0.5, 100, 1.96) == pytest.approx(math.sin(math.pi / 4 + 0.098) ** 2)
