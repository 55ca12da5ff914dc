"""The simulated reviewer and the score."""

from __future__ import annotations

import pandas as pd
import pytest

from voc_models.exit_codes import DataError
from voc_worker.columns import LABELS, SHEET_PEOPLE
from voc_worker.sample.score import Accuracy, accuracy
from voc_worker.sample.simulate import review

SHEET_LABELS = ("주제 대분류", "주제 중분류", "작업유형 대분류", "작업유형 중분류")
LEAK, LIGHT = ("시설", "누수/배관"), ("시설", "전기/조명")
CLEAN, FIX = ("작업", "청소/정리"), ("작업", "수리/교체")


def _truth(*rows: tuple[str, tuple[str, str], tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame([(voc_id, *subject, *work) for voc_id, subject, work in rows], columns=["voc_id", *LABELS])


def _sheet(truth: pd.DataFrame) -> pd.DataFrame:
    return truth.set_axis(["voc_id", *SHEET_LABELS], axis=1)


def test_wrong_labels_are_corrected_and_right_ones_accepted() -> None:
    """Each wrong pair is written into its 검수_ cells, right pairs leave them empty, and both rows are marked Y."""
    truth = _truth(("7", LEAK, FIX), ("8", LIGHT, CLEAN))
    sheet = _sheet(_truth(("7", LIGHT, FIX), ("8", LIGHT, CLEAN))).set_axis([5, 3])
    people = review(sheet, truth, error_rate=0.0)
    assert list(people.columns) == ["voc_id", *SHEET_PEOPLE]
    assert list(people.index) == [5, 3]
    assert list(people.loc[5, ["검수_주제 대분류", "검수_주제 중분류"]]) == list(LEAK)
    assert list(people.loc[5, ["검수_작업유형 대분류", "검수_작업유형 중분류"]]) == ["", ""]
    assert list(people.loc[3, [c for c in SHEET_PEOPLE if c.startswith("검수_")]]) == [""] * 4
    assert list(people["검수완료"]) == ["Y", "Y"]


def test_a_row_gets_the_same_review_whatever_surrounds_it() -> None:
    """Reviewing a part of the rows gives that part of the whole review, mistakes included."""
    truth = _truth(*((str(i), LEAK if i % 2 else LIGHT, FIX if i % 3 else CLEAN) for i in range(60)))
    sheet = _sheet(_truth(*((str(i), LEAK, FIX) for i in range(60))))
    whole = review(sheet, truth, error_rate=0.5)
    pd.testing.assert_frame_equal(review(sheet.iloc[20:40], truth, error_rate=0.5), whole.iloc[20:40])


def test_a_careless_reviewer_is_wrong_at_the_given_rate() -> None:
    """Of 2,000 wrong subjects a reviewer with error rate 0.4 overlooks or miscorrects between 20 and 40 %."""
    truth = _truth(*((str(i), LEAK if i % 2 else LIGHT, FIX) for i in range(4000)))
    sheet = _sheet(_truth(*((str(i), LEAK, FIX) for i in range(4000))))
    people = review(sheet, truth, error_rate=0.4)
    wrong = people[people["voc_id"].astype(int) % 2 == 0]
    assert 0.2 < (wrong["검수_주제 중분류"] != LIGHT[1]).mean() < 0.4


def test_a_row_without_truth_cannot_be_reviewed() -> None:
    """A row that is not the sample's is refused by its id."""
    with pytest.raises(DataError, match="VOC 9 has no true label"):
        review(_sheet(_truth(("9", LEAK, FIX))), _truth(("7", LEAK, FIX)))


def test_accuracy_counts_pairs_by_id() -> None:
    """Shares are of the rows with a true label, in whatever order they come."""
    truth = _truth(("1", LEAK, FIX), ("2", LEAK, FIX), ("3", LEAK, FIX), ("4", LEAK, FIX))
    tagged = _truth(("4", LEAK, FIX), ("3", LIGHT, FIX), ("2", LEAK, CLEAN), ("1", LEAK, CLEAN), ("99", LEAK, FIX))
    assert accuracy(tagged, truth) == Accuracy(rows=4, subject=0.75, work=0.5, both=0.25)


def test_accuracy_needs_true_labels_once_each() -> None:
    """Rows without any true label, and a truth that names a row twice, are refused."""
    with pytest.raises(DataError, match="None of these rows"):
        accuracy(_truth(("1", LEAK, FIX)), _truth(("2", LEAK, FIX)))
    with pytest.raises(DataError, match="twice"):
        accuracy(_truth(("1", LEAK, FIX)), _truth(("1", LEAK, FIX), ("1", LEAK, CLEAN)))
