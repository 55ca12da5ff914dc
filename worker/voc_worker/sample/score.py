"""How often a tagger is right, measured against the sample's true labels. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voc_models.exit_codes import DataError
from voc_models.labels import HEADS

if TYPE_CHECKING:
    import pandas as pd


class Accuracy(NamedTuple):
    """Shares in [0, 1] of ``rows`` whose pair (대분류, 중분류) is the true one, by head, and for both heads at once."""

    rows: int
    subject: float
    work: float
    both: float


def accuracy(tagged: pd.DataFrame, truth: pd.DataFrame) -> Accuracy:
    """Compare the LABELS of ``tagged`` rows with those of ``truth`` by voc_id; rows without a true label do not count.

    Raises:
        DataError: no row has a true label, or ``truth`` names a voc_id twice.
    """
    if truth["voc_id"].duplicated().any():
        raise DataError("The true labels name a voc_id twice. Load the sample again.")
    joined = tagged.merge(truth, on="voc_id", suffixes=("", "_true"))
    if joined.empty:
        raise DataError("None of these rows has a true label; accuracy is measured on the sample's rows alone.")
    right = [
        (joined[f"{head}_major"] == joined[f"{head}_major_true"])
        & (joined[f"{head}_minor"] == joined[f"{head}_minor_true"])
        for head in HEADS
    ]
    subject, work = right
    return Accuracy(len(joined), float(subject.mean()), float(work.mean()), float((subject & work).mean()))
