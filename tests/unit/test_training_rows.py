"""Which reviewed rows train which classes."""

from __future__ import annotations

import pandas as pd
import pytest

from voc_models.labels import Label, Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_training.rows import TooFewRowsError, cleaned, head_rows


def taxonomy(*names: str, retired: tuple[str, ...] = ()) -> Taxonomy:
    """Both heads with the labels ``names`` and, no longer active, ``retired``."""
    labels = [(Label.parse(name), name not in retired) for name in (*names, *retired)]
    return checked_taxonomy(
        [
            TaxonomyEntry(kind=kind, major=label.major, minor=label.minor, active=active)
            for kind in ("subject", "work")
            for label, active in labels
        ]
    )


def reviewed(labels: list[str], **columns: str | list[str] | list[bool]) -> pd.DataFrame:
    """Rows with a text of their own each, reviewed as ``labels`` in both heads."""
    pairs = [label.partition("_") for label in labels]
    table = pd.DataFrame(
        {
            "voc_id": [str(number) for number in range(len(labels))],
            "building_id": "95",
            "month": "2025-12",
            "is_sample": False,
            "title": "",
            "request_contents": [f"요청 {number}번입니다" for number in range(len(labels))],
            "reply": "",
        }
    )
    for head in ("subject", "work"):
        table[f"{head}_major"] = [pair[0] for pair in pairs]
        table[f"{head}_minor"] = [pair[2] for pair in pairs]
    return table.assign(**columns)


TWO = taxonomy("시설_누수", "환경_청결/미화")
COMMON = ["시설_누수"] * 20 + ["환경_청결/미화"] * 20


def clean(table: pd.DataFrame) -> pd.DataFrame:
    """The rows as models read them, under a taxonomy without keywords."""
    return cleaned(table, TWO)


def test_classes_follow_the_taxonomy_and_not_the_rows() -> None:
    """The model's outputs are in the taxonomy's order, without classes that nobody reviewed."""
    found = head_rows(clean(reviewed(COMMON)), "subject", taxonomy("환경_청결/미화", "시설_승강기", "시설_누수"))
    assert found.classes == (Label("환경", "청결/미화"), Label("시설", "누수"))
    assert found.notes == ()


def test_a_label_that_left_the_taxonomy_is_left_out_and_counted() -> None:
    """Its rows neither train nor measure, and a sentence says how many."""
    table = reviewed([*COMMON, "시설_옛분류", "시설_옛분류"])
    found = head_rows(clean(table), "subject", taxonomy("시설_누수", "환경_청결/미화", retired=("시설_옛분류",)))
    assert len(found.rows) == 40
    assert found.notes == ("2 rows whose label left the taxonomy are left out.",)


def test_a_row_that_was_not_merged_for_a_head_counts_for_the_other_head_alone() -> None:
    """An empty pair in the snapshot is no label."""
    table = reviewed(COMMON)
    table.loc[0, ["subject_major", "subject_minor"]] = ""
    rules = taxonomy("시설_누수", "환경_청결/미화")
    assert len(head_rows(clean(table), "subject", rules).rows) == 39
    assert len(head_rows(clean(table), "work", rules).rows) == 40


def test_a_rare_class_is_merged_into_the_rest_of_its_kind() -> None:
    """Two texts of 시설_승강기 become 시설_기타, which then has enough."""
    table = reviewed([*COMMON, "시설_승강기", "시설_승강기", "시설_기타", "시설_기타"])
    found = head_rows(clean(table), "subject", taxonomy("시설_누수", "환경_청결/미화", "시설_승강기", "시설_기타"))
    assert Label("시설", "승강기") not in found.classes
    assert (found.rows["label"] == "시설_기타").sum() == 4
    assert "Class 시설_승강기 has fewer than 3 different texts to learn from: merged into 시설_기타." in found.notes


def test_a_rare_class_without_a_rest_is_left_out() -> None:
    """There is no 서비스_기타 to merge into."""
    table = reviewed([*COMMON, "서비스_주차"])
    found = head_rows(clean(table), "subject", taxonomy("시설_누수", "환경_청결/미화", "서비스_주차"))
    assert len(found.rows) == 40
    assert found.notes == ("Class 서비스_주차 has fewer than 3 different texts to learn from: left out.",)


def test_frozen_rows_keep_a_label_that_no_model_was_taught() -> None:
    """A 표본 row of a rare class stays in the frozen test, where the candidate is wrong about it."""
    table = reviewed([*COMMON, "서비스_주차"], is_sample=[False] * 40 + [True])
    found = head_rows(clean(table), "subject", taxonomy("시설_누수", "환경_청결/미화", "서비스_주차"))
    assert list(found.rows.loc[found.rows["is_sample"], "label"]) == ["서비스_주차"]
    assert Label("서비스", "주차") not in found.classes


def test_thirty_rows_of_two_classes_are_enough() -> None:
    """The smallest table that trains."""
    labels = ["시설_누수"] * 15 + ["환경_청결/미화"] * 15
    assert len(head_rows(clean(reviewed(labels)), "subject", taxonomy(*set(labels))).rows) == 30


@pytest.mark.parametrize("labels", [["시설_누수"] * 15 + ["환경_청결/미화"] * 14, ["시설_누수"] * 100])
def test_too_few_rows_or_one_class_only_is_refused_with_what_to_do(labels: list[str]) -> None:
    """Twenty-nine rows, or a hundred of one class, end in a sentence that names the head and the minimum."""
    with pytest.raises(TooFewRowsError, match=r"주제: \d+ reviewed rows of \d classes are too few.*Review more rows"):
        head_rows(clean(reviewed(labels)), "subject", taxonomy("시설_누수", "환경_청결/미화"))


def test_rows_without_text_are_left_out() -> None:
    """A row of emoji alone has nothing to learn from."""
    table = reviewed([*COMMON, "시설_누수"], request_contents=[*(f"요청 {n}" for n in range(40)), "😀"])
    found = head_rows(clean(table), "subject", taxonomy("시설_누수", "환경_청결/미화"))
    assert found.notes == ("1 rows without text are left out.",)


def test_the_keyword_tagger_is_asked_about_every_row_with_its_reply_and_without() -> None:
    """A row's keyword label is that of today's taxonomy; what only the reply says is unknown without it."""
    keywords = {"시설_누수": ("물",), "환경_청결/미화": ("청소",)}
    entries = [entry.model_copy(update={"keywords": keywords.get(str(entry.label), ())}) for entry in TWO.entries]
    table = cleaned(
        reviewed(["시설_누수"] * 2, request_contents=["물이 새요", "확인해 주세요"], reply="청소했습니다"),
        checked_taxonomy(entries),
    )
    assert table["keyword_subject"].tolist() == ["시설_누수", "환경_청결/미화"]
    assert table["keyword_subject_bare"].tolist() == ["시설_누수", "기타_기타"]
    assert table["keyword_work"].tolist() == ["환경_청결/미화", "환경_청결/미화"]
    assert table["keyword_work_bare"].tolist() == ["시설_누수", "기타_기타"]
    assert (table["keyword_work_score"] > 0).all()
    assert table["keyword_work_bare_score"].tolist()[1] == 0.0


def test_equal_texts_are_one_group_whatever_their_spacing() -> None:
    """Spaces and letter case do not make a text another one."""
    table = reviewed(["시설_누수"] * 2, request_contents=["물이 새요 ABC", "물이새요abc"])
    assert clean(table)["group"].nunique() == 1
