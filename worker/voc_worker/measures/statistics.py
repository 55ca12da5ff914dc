"""The few formulas of the reports, each with its source. Numbers in, numbers out."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from scipy.special import bdtr, betainc

if TYPE_CHECKING:
    from collections.abc import Sequence

Z_95: Final = 1.959963984540054
Z_998: Final = 3.090232306167813


class Interval(NamedTuple):
    """A lower and an upper bound."""

    low: float
    high: float


def wilson_interval(right: int, rows: int) -> Interval:
    """Return the 95 % interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212); ``rows`` is at least 1."""
    share, z2 = right / rows, Z_95**2
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    reach = Z_95 / (1 + z2 / rows) * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2))
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach))


def median_interval(ordered: Sequence[float]) -> Interval | None:
    """Return a 95 % interval of the median from order statistics, whatever the distribution.

    Source: Hahn and Meeker 1991, Statistical Intervals, section 5.2: the l-th smallest and l-th largest value, l the
    largest rank with P(Binomial(n, 1/2) < l) <= 2.5 %. None below six values, where no such rank exists.
    """
    count = len(ordered)
    rank = 0
    while rank < count / 2 and bdtr(rank, count, 0.5) <= 0.025:
        rank += 1
    return Interval(ordered[rank - 1], ordered[count - rank]) if rank else None


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return the q-values of ``p_values``, in their order.

    Source: Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289-300.
    """
    count = len(p_values)
    result = [1.0] * count
    least = 1.0
    for rank, index in sorted(enumerate(sorted(range(count), key=p_values.__getitem__), start=1), reverse=True):
        least = min(least, p_values[index] * (count / rank))
        result[index] = least
    return result


def between_months(counts: Sequence[Sequence[int]], days: Sequence[int]) -> float:
    """Return how much rates differ between months beyond chance, as a squared coefficient of variation, >= 0.

    ``counts[topic][month]`` over ``days[month]``; the topics are pooled. Moments of the negative binomial: a count with
    mean m has variance m + c m^2, and (count - mean)^2 loses 1/M of its expectation to the estimated mean (Bliss and
    Fisher 1953, Biometrics 9, 176-200). 0 when there is nothing to learn from.
    """
    total = sum(days)
    excess = squares = 0.0
    for row in counts:
        rate = sum(row) / total
        for count, exposure in zip(row, days, strict=True):
            mean = rate * exposure
            excess += (count - mean) ** 2 - mean * (1 - exposure / total)
            squares += mean**2 * (1 - exposure / total)
    return max(0.0, excess / squares) if squares else 0.0


class Forecast(NamedTuple):
    """A negative binomial forecast of a count: its mean, and the size (gamma shape) that carries the uncertainty."""

    mean: float
    size: float

    def tail(self, count: int) -> float:
        """Return P(X >= count), by the regularised incomplete beta function (Abramowitz and Stegun 26.5.24)."""
        return 1.0 if count <= 0 else float(betainc(count, self.size, self.mean / (self.mean + self.size)))


def forecast(past: Sequence[int], days: Sequence[int], exposure: int, variation: float) -> Forecast:
    """Return what ``past`` counts over ``days`` let one expect in ``exposure`` days.

    The rate has a gamma distribution with mean r = (Y + 1/2) / D (Jeffreys' prior) and variance r/D + c r^2 (1 + 1/M):
    what Y events in D days leave unknown, and the variation c between M months. Its Poisson mixture is negative
    binomial. With c = 0 this is the exact Bayesian forecast of a Poisson count (Krishnamoorthy and Peng 2011,
    J. Stat. Plan. Inference 141, 1709-1718); with c > 0 the idea of Farrington et al. 1996, J. R. Stat. Soc. A 159,
    547-563.
    """
    total = sum(days)
    rate = (sum(past) + 0.5) / total
    variance = rate / total + variation * rate**2 * (1 + 1 / len(past))
    return Forecast(rate * exposure, rate**2 / variance)


def overdispersion(scores: Sequence[float]) -> float:
    """Return phi >= 1: the mean square of z-scores winsorised at 10 % on either side.

    Source: Spiegelhalter 2005, Statistics in Medicine 24, 1185-1202, appendix A.1: a few true outliers must not widen
    the limits for everybody. 1 below ten units, where phi is mere noise.
    """
    if len(scores) < 10:
        return 1.0
    ordered = sorted(scores)
    cut = len(ordered) // 10
    low, high = ordered[cut], ordered[-cut - 1]
    return max(1.0, fmean(min(max(score, low), high) ** 2 for score in ordered))


def count_score(count: float, expected: float) -> float:
    """Return the z-score of a Poisson count on the square-root scale, where its variance is 1/4."""
    return 2 * (math.sqrt(count) - math.sqrt(expected))


def count_limit(expected: float, z: float) -> float:
    """Return the count ratio at which :func:`count_score` is ``z``."""
    return float(max(0.0, math.sqrt(expected) + z / 2) ** 2 / expected)


def share_score(share: float, target: float, rows: int) -> float:
    """Return the z-score of a share on the arcsine scale, where its variance is 1 / (4 rows)."""
    return 2 * math.sqrt(rows) * (math.asin(math.sqrt(share)) - math.asin(math.sqrt(target)))


def share_limit(target: float, rows: float, z: float) -> float:
    """Return the share at which :func:`share_score` is ``z``, within [0, 1]."""
    angle = math.asin(math.sqrt(target)) + z / (2 * math.sqrt(rows))
    return math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2
