"""Who trains and who measures."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from voc_training.split import newest_month, split


def rows(table: list[tuple[str, str, bool]]) -> pd.DataFrame:
    """Rows of (group, label, is_sample)."""
    return pd.DataFrame(table, columns=["group", "subject", "is_sample"]).astype({"is_sample": bool})


@given(
    st.lists(
        st.tuples(st.sampled_from([f"g{number}" for number in range(12)]), st.sampled_from("abc"), st.booleans()),
        max_size=60,
    )
)
def test_no_text_is_on_two_sides(table: list[tuple[str, str, bool]]) -> None:
    """Every group of equal texts lies in one part, and every 표본 row is frozen."""
    parts = split(rows(table), "subject")
    groups = [set(part["group"]) for part in parts]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert len(parts.frozen) == sum(sample for *_, sample in table)


def test_each_class_with_two_groups_is_on_both_sides() -> None:
    """A class of two rows gives one to each side, a class of one row trains."""
    table = [(f"a{n}", "a", False) for n in range(100)] + [("b0", "b", False), ("b1", "b", False), ("c0", "c", False)]
    parts = split(rows(table), "subject")
    assert parts.validation["subject"].value_counts().to_dict() == {"a": 15, "b": 1}
    assert parts.train["subject"].value_counts().to_dict() == {"a": 85, "b": 1, "c": 1}


def test_the_split_ignores_the_order_of_rows() -> None:
    """Shuffled input gives the same parts."""
    table = rows([(f"g{n}", "ab"[n % 2], False) for n in range(50)])
    shuffled = table.sample(frac=1, random_state=7)
    assert set(split(table, "subject").validation["group"]) == set(split(shuffled, "subject").validation["group"])


def test_a_row_with_the_text_of_a_frozen_row_does_not_train() -> None:
    """Otherwise the frozen test would measure memory."""
    parts = split(rows([("same", "a", True), ("same", "a", False), ("g1", "a", False), ("g2", "a", False)]), "subject")
    assert "same" not in {*parts.train["group"], *parts.validation["group"]}


def test_the_time_hold_out_needs_three_months() -> None:
    """Two months are too few to leave one out."""
    assert newest_month(pd.DataFrame({"month": ["2025-10", "2025-11"]})) is None
    assert newest_month(pd.DataFrame({"month": ["2025-10", "2025-12", "2025-11"]})) == "2025-12"
