"""Who trains, who validates, who measures: rows with the same text always stay together. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

#: Share of the trainable rows that validates (early stopping, calibration, choice of the candidate).
VALIDATION = 0.15
SEED = 42


class Split(NamedTuple):
    """Three disjoint tables with the same columns; ``frozen`` holds the 표본 rows, which never train."""

    train: pd.DataFrame
    validation: pd.DataFrame
    frozen: pd.DataFrame


def split(
    rows: pd.DataFrame,
    label: str,
    *,
    validates: frozenset[str] | None = None,
    validation: float = VALIDATION,
    seed: int = SEED,
) -> Split:
    """Split ``rows`` (columns ``group``, ``is_sample``, and the class in ``label``).

    표본 rows are the frozen test. A row that is not 표본 but has the text of one neither trains nor measures.
    The rest is divided by groups, class by class: a group belongs to the class that most of its rows have, and each
    class gives its share of groups, so that rare classes are on both sides as soon as they have two groups;
    a class with a single group trains. ``validates`` names the groups instead, when heads share an encoder.
    """
    frozen = rows[rows["is_sample"]]
    rest = rows[~rows["is_sample"] & ~rows["group"].isin(set(frozen["group"]))]
    if validates is None:
        validates = _validation_groups(rest, label, validation, np.random.default_rng(seed))
    chosen = rest["group"].isin(validates)
    return Split(rest[~chosen], rest[chosen], frozen)


def _validation_groups(rest: pd.DataFrame, label: str, share: float, generator: np.random.Generator) -> frozenset[str]:
    """Return the groups that validate."""
    if rest.empty:
        return frozenset()
    counts = rest.groupby(["group", label], sort=True).size().reset_index(name="rows")
    # Ties go to the first class in order, so that the same rows always split alike.
    classes = counts.sort_values(["rows", label], ascending=[False, True], kind="stable").drop_duplicates("group")
    chosen: list[str] = []
    for _, of_class in classes.groupby(label, sort=True):
        groups = sorted(of_class["group"])
        wanted = 0 if len(groups) < 2 else min(len(groups) - 1, max(1, round(share * len(groups))))
        chosen += [groups[index] for index in generator.permutation(len(groups))[:wanted]]
    return frozenset(chosen)


def newest_month(rows: pd.DataFrame, *, needed: int = 3) -> str | None:
    """Return the newest month of column ``month`` when there are at least ``needed``, for the time hold-out."""
    months = sorted(set(rows["month"]))
    return str(months[-1]) if len(months) >= needed else None
