"""Personal data in VOC text: what is masked and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pii_corpus import KEPT, MASKED, PIECES
from voc_models.pii import mask_personal_data


@pytest.mark.parametrize(("text", "published"), MASKED)
def test_certain_personal_data_is_masked(text: str, published: str) -> None:
    """Personal data that is certain becomes its mark, and the words around it stay."""
    assert mask_personal_data(text) == published


@pytest.mark.parametrize("text", KEPT)
def test_lookalikes_are_kept(text: str) -> None:
    """Rooms, dates, amounts, serial numbers and polite forms of address stay as they are."""
    assert mask_personal_data(text) == text


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    """The corpus holds at least 120 different cases, with true and false ones in number."""
    assert len({text for text, _ in MASKED} | set(KEPT)) >= 120
    assert min(len(MASKED), len(KEPT)) >= 50


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_masking_is_idempotent(text: str) -> None:
    """A masked text is masked to itself, whatever pieces of personal data it is made of."""
    once = mask_personal_data(text)
    assert mask_personal_data(once) == once


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_masked(text: str) -> None:
    """Any text is masked without an error, and the answer is masked to itself."""
    once = mask_personal_data(text)
    assert mask_personal_data(once) == once


@pytest.mark.parametrize("character", ["a", "0", "0 ", "1-", "김", "a@", "가1", "()", "*", "010-", "님"])
def test_long_runs_of_one_character_are_answered(character: str) -> None:
    """Fifty thousand characters of one kind are masked without backtracking for ever and without growing."""
    assert len(mask_personal_data(character * (50_000 // len(character)))) <= 50_000
