"""The one dtype of every column, so that a table is the same before it is stored and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from voc_models.months import KST
from voc_worker.columns import CONFIDENCES, TIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

TIME_DTYPE: Final = f"datetime64[us, {KST}]"
FLAGS: Final = ("is_sample", "subject_reviewed", "work_reviewed")


def dtype_of(column: str) -> str:
    """Return the dtype of ``column``: times, confidences and flags have their own, all else is text."""
    if column in TIMES:
        return TIME_DTYPE
    if column in CONFIDENCES:
        return "float64"
    return "bool" if column in FLAGS else "str"


def typed(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return ``columns`` of ``frame`` in that order, each in its dtype, with a fresh index; missing text is "".

    Naive times are taken as KST. Raises KeyError when a column is absent: that is a bug, not bad data.
    """
    return pd.DataFrame(
        {column: _typed(frame[column].reset_index(drop=True), dtype_of(column)) for column in columns},
        columns=list(columns),
    )


def empty(columns: Sequence[str]) -> pd.DataFrame:
    """Return a table of ``columns`` without rows, each in its dtype."""
    return pd.DataFrame({column: pd.Series([], dtype=dtype_of(column)) for column in columns}, columns=list(columns))


def _typed(values: pd.Series[Any], dtype: str) -> pd.Series[Any]:
    if dtype == TIME_DTYPE:
        return _times(values)
    if dtype == "float64":
        return values.astype("float64")
    if dtype == "bool":
        return values.astype("bool")
    return values.astype("str").fillna("")


def _times(values: pd.Series[Any]) -> pd.Series[Any]:
    if values.dtype == object:  # a column of datetimes and None, or of nothing at all
        values = pd.to_datetime(values)
    if values.dt.tz is None:
        values = values.dt.tz_localize(KST)
    return pd.Series(values.dt.tz_convert(KST).dt.as_unit("us"))
