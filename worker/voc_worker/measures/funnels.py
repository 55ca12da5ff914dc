"""Funnel plots: which buildings stand out against their size.

Source: Spiegelhalter 2005, Funnel plots for comparing institutional performance, Statistics in Medicine 24, 1185-1202:
a target, limits at 95 % and 99.8 % that narrow with size, on a scale where the variance is known (square root for
counts, arcsine for shares), widened by sqrt(phi) when the buildings differ more than chance lets them.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from typing import TYPE_CHECKING, Final, Literal

from voc_worker.measures.fleet_model import Funnel, FunnelLimits, FunnelPoint
from voc_worker.measures.statistics import (
    Z_95,
    Z_998,
    count_limit,
    count_score,
    overdispersion,
    share_limit,
    share_score,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from voc_worker.measures.fleet_model import BuildingMonth, Standing

#: A building's own past of fewer months is no expectation.
MIN_MONTHS: Final = 3
_STEPS: Final = 40


def expected_counts(buildings: Sequence[BuildingMonth], history: Sequence[BuildingMonth]) -> dict[str, float]:
    """Return for each building what its own past lets expect this month, scaled so that all together expect what came.

    The scaling takes out what moved every building, such as the season. Buildings with fewer than three known months or
    without any rows in them are left out.
    """
    past: dict[str, list[BuildingMonth]] = defaultdict(list)
    for item in history:
        past[item.building_id].append(item)
    base = {
        building.building_id: sum(item.rows for item in months) / sum(map(_days, months)) * _days(building)
        for building in buildings
        if len(months := past[building.building_id]) >= MIN_MONTHS and any(item.rows for item in months)
    }
    observed = sum(building.rows for building in buildings if building.building_id in base)
    scale = observed / sum(base.values()) if observed else 0.0
    return {building_id: count * scale for building_id, count in base.items() if scale}


def count_funnel(buildings: Sequence[BuildingMonth], expected: Mapping[str, float]) -> Funnel | None:
    """Return rows over expected rows against expected rows; None when no building has an expectation."""
    known = [building for building in buildings if building.building_id in expected]
    scores = {item.building_id: count_score(item.rows, expected[item.building_id]) for item in known}
    values = {item.building_id: item.rows / expected[item.building_id] for item in known}
    return _funnel("count_ratio", known, expected, values, scores, 1.0, count_limit)


def share_funnel(buildings: Sequence[BuildingMonth]) -> Funnel | None:
    """Return completion rates against rows; None when no building has both."""
    known = {item.building_id: (item, item.completed) for item in buildings if item.completed is not None and item.rows}
    if not known:
        return None
    target = sum(completed for _, completed in known.values()) / sum(item.rows for item, _ in known.values())
    values = {building_id: completed / item.rows for building_id, (item, completed) in known.items()}
    sizes = {building_id: float(item.rows) for building_id, (item, _) in known.items()}
    scores = {
        building_id: share_score(values[building_id], target, item.rows) for building_id, (item, _) in known.items()
    }
    items = [item for item, _ in known.values()]
    return _funnel(
        "completion_rate", items, sizes, values, scores, target, lambda size, z: share_limit(target, size, z)
    )


def _funnel(
    metric: Literal["count_ratio", "completion_rate"],
    buildings: Sequence[BuildingMonth],
    sizes: Mapping[str, float],
    values: Mapping[str, float],
    scores: Mapping[str, float],
    target: float,
    limit: Callable[[float, float], float],
) -> Funnel | None:
    """Put a plot together; closed buildings count for ``phi`` and are no point."""
    if not buildings:
        return None
    phi = overdispersion(list(scores.values()))
    points = tuple(
        FunnelPoint(
            item.building_id,
            item.building_name,
            sizes[item.building_id],
            values[item.building_id],
            _standing(scores[item.building_id] / phi**0.5),
        )
        for item in sorted(buildings, key=lambda item: (sizes[item.building_id], item.building_id))
        if not item.closed
    )
    return Funnel(metric, target, phi, points, _limits([point.size for point in points], phi**0.5, limit))


def _limits(
    sizes: Sequence[float], widening: float, limit: Callable[[float, float], float]
) -> tuple[FunnelLimits, ...]:
    """Return the limits at geometric steps from the smallest to the largest size, ends included."""
    if not sizes:
        return ()
    low, high = max(min(sizes), 1.0), max(*sizes, 1.0)
    steps = [low * (high / low) ** (step / _STEPS) for step in range(_STEPS + 1)] if high > low else [low]
    return tuple(
        FunnelLimits(size, *(limit(size, z * widening) for z in (-Z_998, -Z_95, Z_95, Z_998))) for size in steps
    )


def _standing(score: float) -> Standing:
    if abs(score) >= Z_998:
        return "very_high" if score > 0 else "very_low"
    if abs(score) >= Z_95:
        return "high" if score > 0 else "low"
    return "usual"


def _days(item: BuildingMonth) -> int:
    return calendar.monthrange(item.month.year, item.month.month)[1]
