"""Labels and the taxonomy's rules."""

from __future__ import annotations

import pytest

from voc_models.exit_codes import DataError
from voc_models.labels import OTHER, Label, TaxonomyEntry, checked_taxonomy

SUBJECT = TaxonomyEntry(kind="subject", major="환경", minor="청결/미화", keywords=("청소",))
WORK = TaxonomyEntry(kind="work", major="작업", minor="청소/정리")


def test_a_label_reads_back_from_its_joined_form() -> None:
    """The joined form splits at the first underscore, so that a 중분류 may contain one."""
    assert Label.parse(str(Label("환경", "청결_미화"))) == Label("환경", "청결_미화")


@pytest.mark.parametrize("text", ["환경", "_청결", "환경_", ""])
def test_a_text_without_both_parts_is_no_label(text: str) -> None:
    """A joined label needs a 대분류 and a 중분류."""
    with pytest.raises(DataError, match="대분류_중분류"):
        Label.parse(text)


def test_the_catch_all_is_always_there() -> None:
    """기타/기타 exists for both heads although nobody listed it."""
    taxonomy = checked_taxonomy([SUBJECT, WORK])
    assert OTHER in taxonomy.labels("subject")
    assert OTHER in taxonomy.labels("work")


def test_the_digest_ignores_keywords_order_and_retired_pairs() -> None:
    """Only the set of active pairs decides whether a model still fits the taxonomy."""
    other = SUBJECT.model_copy(update={"major": "시설", "minor": "냉난방/공조"})
    retired = SUBJECT.model_copy(update={"major": "옛", "minor": "것", "active": False})
    first = checked_taxonomy([SUBJECT, other, WORK])
    second = checked_taxonomy([other, SUBJECT.model_copy(update={"keywords": ("먼지",)}), retired, WORK])
    assert first.digest("subject") == second.digest("subject")
    assert first.digest("subject") != checked_taxonomy([SUBJECT, WORK]).digest("subject")


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([SUBJECT, SUBJECT, WORK], "more than once"),
        ([SUBJECT.model_copy(update={"minor": " "}), WORK], "orphan"),
        ([SUBJECT.model_copy(update={"major": "환_경"}), WORK], "contains '_'"),
        ([SUBJECT.model_copy(update={"minor": "청결 "}), WORK], "spaces around"),
        ([SUBJECT], "no active work pair"),
        ([SUBJECT.model_copy(update={"active": False}), WORK], "no active subject pair"),
    ],
)
def test_a_broken_taxonomy_is_refused(entries: list[TaxonomyEntry], sentence: str) -> None:
    """Duplicates, orphans, underscores, stray spaces and missing heads are each refused by a sentence."""
    with pytest.raises(DataError, match=sentence):
        checked_taxonomy(entries)
