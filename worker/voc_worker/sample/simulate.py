"""A reviewer who knows the truth and still makes mistakes, for months that were reviewed already. Pure."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pandas as pd

from voc_models.exit_codes import DataError
from voc_models.labels import HEAD_NAMES, HEADS, Head, Label
from voc_worker.columns import SHEET_PEOPLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_REVIEWER = "검수자(가상)"


def review(
    rows: pd.DataFrame, truth: pd.DataFrame, *, seed: int = 1, error_rate: float = 0.01, reviewer: str = _REVIEWER
) -> pd.DataFrame:
    """Return what a diligent reviewer writes into ``rows`` of the review sheet.

    A wrong label is corrected in the 검수_ cells, a right one is left for 검수완료 = Y to accept. With probability
    ``error_rate`` a head gets a careless label: the machine's wrong one taken over unread, or any. The same row gets
    the same review whatever rows stand around it.

    Args:
        rows: at least voc_id and the machine's 주제/작업유형 대분류/중분류 columns of the sheet.
        truth: voc_id and LABELS.
        seed: of the mistakes.
        error_rate: in [0, 1], per row and head.
        reviewer: for 검수자.

    Returns:
        voc_id and SHEET_PEOPLE, all text, the index and order of ``rows``.

    Raises:
        DataError: a row has no true label.
    """
    true = _labels_by_id(truth)
    choices = {head: sorted(set(labels.values())) for head, labels in true.items()}
    cells = []
    for voc_id, *said in rows[["voc_id", *(c for head in HEADS for c in _sheet_columns(head))]].itertuples(index=False):
        rng = Random(f"{seed}/{voc_id}")  # noqa: S311 - a reproducible simulation, no secret
        row = dict.fromkeys(SHEET_PEOPLE, "") | {"voc_id": voc_id, "검수완료": "Y", "검수자": reviewer}
        for head, machine in zip(HEADS, (Label(*said[:2]), Label(*said[2:])), strict=True):
            if voc_id not in true[head]:
                raise DataError(f"VOC {voc_id} has no true label; only the sample's rows can be reviewed this way.")
            chosen = _chosen(rng, machine, true[head][voc_id], choices[head], error_rate)
            if chosen != machine:
                row |= dict(zip((f"검수_{column}" for column in _sheet_columns(head)), chosen, strict=True))
        cells.append(row)
    return pd.DataFrame(cells, index=rows.index, columns=["voc_id", *SHEET_PEOPLE], dtype="str")


def _sheet_columns(head: Head) -> tuple[str, str]:
    return f"{HEAD_NAMES[head]} 대분류", f"{HEAD_NAMES[head]} 중분류"


def _labels_by_id(truth: pd.DataFrame) -> Mapping[Head, dict[str, Label]]:
    return {
        head: {
            voc_id: Label(major, minor)
            for voc_id, major, minor in truth[["voc_id", f"{head}_major", f"{head}_minor"]].itertuples(index=False)
        }
        for head in HEADS
    }


def _chosen(rng: Random, machine: Label, true: Label, choices: Sequence[Label], error_rate: float) -> Label:
    """Return the true label, or a mistake: the machine's label taken over unread, or any label."""
    if rng.random() >= error_rate:
        return true
    return machine if machine != true and rng.random() < 0.5 else rng.choice(choices)
