"""May a candidate replace the champion? Decided per head on the frozen rows (표본), paired row by row. Pure.

The rule: the gain in accuracy is above 0; the lower end of its one-sided 95 % interval is above -0.5 points (above 0
with fewer than 300 rows); and no class with 20 rows or more loses over 10 points of recall significantly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from voc_models.labels import Head
from voc_models.plan import Record

#: Points of accuracy (as a share) that the interval may reach below zero, with enough rows.
TOLERANCE = -0.005
ENOUGH_ROWS = 300
CLASS_ROWS = 20
RECALL_LOSS = 0.10
SIGNIFICANCE = 0.05
CONFIDENCE = 0.95
RESAMPLES = 10_000
_CHUNK = 2_000_000
_SEED = 20_260_101


class ClassChange(Record):
    """One class with at least CLASS_ROWS frozen rows; recalls are shares, ``p`` is McNemar's after Holm."""

    label: str
    rows: int
    champion_recall: float
    candidate_recall: float
    p: float
    blocks: bool


class Decision(Record):
    """The gate's answer for one head, with every number that led to it; shares, not percent."""

    head: Head
    champion: str
    candidate: str
    precision: str
    rows: int
    groups: int
    champion_accuracy: float
    candidate_accuracy: float
    gain: float
    lower_bound: float
    threshold: float
    only_candidate_right: int
    only_champion_right: int
    classes: tuple[ClassChange, ...] = ()
    rows_to_decide: int | None = None
    promote: bool
    reason: str


class Judged(NamedTuple):
    """Frozen rows with both answers, row by row; ``groups`` says which rows have the same text."""

    truth: Sequence[str]
    champion: Sequence[str]
    candidate: Sequence[str]
    groups: Sequence[str]


class Sides(NamedTuple):
    """Who competes: names for the record."""

    head: Head
    champion: str
    candidate: str
    precision: str = "fp32"


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p of McNemar's test on the discordant counts (McNemar 1947; binomial form)."""
    discordant = only_first + only_second
    return 1.0 if discordant == 0 else float(binomtest(only_first, discordant, 0.5).pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for having looked at all of them (Holm 1979), in the given order."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    adjusted, floor = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        floor = max(floor, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = floor
    return adjusted


def resampled_gains(
    difference: NDArray[np.float64], groups: Sequence[str], resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return the mean difference in ``resamples`` bootstrap samples of whole groups (Efron and Tibshirani 1993, ch. 8).

    Rows with the same text are answered alike, so a resample takes or leaves them together. Seeded: the same rows give
    the same answer.
    """
    codes = pd.factorize(np.asarray(groups, dtype=object))[0]
    sums, sizes = np.bincount(codes, weights=difference), np.bincount(codes).astype(float)
    generator = np.random.default_rng(_SEED)
    gains = np.empty(resamples)
    step = max(1, _CHUNK // len(sums))
    for start in range(0, resamples, step):
        chosen = generator.integers(0, len(sums), size=(min(step, resamples - start), len(sums)))
        gains[start : start + len(chosen)] = sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1)
    return gains


def rows_to_decide(gain: float, standard_error: float, rows: int) -> int | None:
    """Return about how many frozen rows would promote a candidate whose true gain is the one seen.

    From lower bound = gain - z * s / sqrt(n) with s estimated from the bootstrap, hence with duplicates counted as what
    they are. None when the gain is not above 0: no number of rows promotes then.
    """
    if gain <= 0:
        return None
    deviation = standard_error * math.sqrt(rows)
    z = NormalDist().inv_cdf(CONFIDENCE)
    strict = math.floor((z * deviation / gain) ** 2) + 1
    lenient = max(ENOUGH_ROWS, math.floor((z * deviation / (gain - TOLERANCE)) ** 2) + 1)
    return min(strict, lenient)


def class_changes(judged: Judged) -> tuple[ClassChange, ...]:
    """Return how recall changed in each class with at least CLASS_ROWS rows, in the classes' order."""
    table = pd.DataFrame(
        {
            "truth": list(judged.truth),
            "champion": [t == p for t, p in zip(judged.truth, judged.champion, strict=True)],
            "candidate": [t == p for t, p in zip(judged.truth, judged.candidate, strict=True)],
        }
    )
    seen = [(str(name), rows) for name, rows in table.groupby("truth", sort=True) if len(rows) >= CLASS_ROWS]
    raw = [
        mcnemar(int((rows.champion & ~rows.candidate).sum()), int((rows.candidate & ~rows.champion).sum()))
        for _, rows in seen
    ]
    changes = []
    for (name, rows), p in zip(seen, holm(raw), strict=True):
        before, after = int(rows.champion.sum()), int(rows.candidate.sum())
        # Whole counts: 2 of 20 is exactly 10 points, which shares in floating point would miss.
        blocks = before - after > RECALL_LOSS * len(rows) + 1e-9 and p < SIGNIFICANCE
        changes.append(
            ClassChange(
                label=name,
                rows=len(rows),
                champion_recall=before / len(rows),
                candidate_recall=after / len(rows),
                p=p,
                blocks=blocks,
            )
        )
    return tuple(changes)


def decide(judged: Judged, sides: Sides) -> Decision:
    """Compare candidate and champion on the same frozen rows and say whether to promote, with the numbers."""
    if not judged.truth:
        return _nothing_to_judge(sides)
    truth = np.asarray(judged.truth, dtype=object)
    champion, candidate = (np.asarray(side, dtype=object) == truth for side in (judged.champion, judged.candidate))
    difference = candidate.astype(float) - champion.astype(float)
    gains = resampled_gains(difference, judged.groups)
    rows, gain = len(truth), float(difference.mean())
    bound = float(np.quantile(gains, 1 - CONFIDENCE))
    threshold = TOLERANCE if rows >= ENOUGH_ROWS else 0.0
    changes = class_changes(judged)
    blocking = [change for change in changes if change.blocks]
    promote = gain > 0 and bound > threshold and not blocking
    needed = None if promote or blocking else rows_to_decide(gain, float(gains.std()), rows)
    decision = Decision(
        head=sides.head,
        champion=sides.champion,
        candidate=sides.candidate,
        precision=sides.precision,
        rows=rows,
        groups=len(set(judged.groups)),
        champion_accuracy=float(champion.mean()),
        candidate_accuracy=float(candidate.mean()),
        gain=gain,
        lower_bound=bound,
        threshold=threshold,
        only_candidate_right=int((candidate & ~champion).sum()),
        only_champion_right=int((champion & ~candidate).sum()),
        classes=changes,
        rows_to_decide=needed,
        promote=promote,
        reason="",
    )
    return decision.model_copy(update={"reason": _reason(decision, blocking)})


def _nothing_to_judge(sides: Sides) -> Decision:
    return Decision(
        head=sides.head,
        champion=sides.champion,
        candidate=sides.candidate,
        precision=sides.precision,
        rows=0,
        groups=0,
        champion_accuracy=0,
        candidate_accuracy=0,
        gain=0,
        lower_bound=0,
        threshold=0,
        only_candidate_right=0,
        only_champion_right=0,
        promote=False,
        reason="Refused: no reviewed 표본 row can be judged. Review the 표본 rows of the sheet first.",
    )


def _reason(decision: Decision, blocking: Sequence[ClassChange]) -> str:
    numbers = (
        f"{decision.candidate} {decision.candidate_accuracy:.1%} against {decision.champion} "
        f"{decision.champion_accuracy:.1%} on {decision.rows} frozen rows (gain {100 * decision.gain:+.2f} points, "
        f"lower bound {100 * decision.lower_bound:+.2f}, needed above {100 * decision.threshold:+.2f})"
    )
    if decision.promote:
        return f"Promoted: {numbers}."
    if decision.gain <= 0:
        return f"Refused: {numbers}. It is not better; more frozen rows would not promote it."
    if blocking:
        losses = ", ".join(
            f"{change.label} {change.champion_recall:.0%} → {change.candidate_recall:.0%} of {change.rows} rows "
            f"(p {change.p:.3f})"
            for change in blocking
        )
        return f"Refused: {numbers}. It loses too much recall in {losses}."
    return f"Refused: {numbers}. If the gain is real, about {decision.rows_to_decide} frozen rows would decide."


def verdict(decisions: Sequence[Decision]) -> Literal["promote", "refuse"]:
    """Return what becomes of the release: it is promoted when at least one head passed (the other keeps its model)."""
    return "promote" if any(decision.promote for decision in decisions) else "refuse"
