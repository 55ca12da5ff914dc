"""Cleaning, keys and model inputs of VOC text, and the CSV escape."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.pii_corpus import PIECES
from voc_models.csv_text import escape_cell, unescape_cell
from voc_models.text import (
    Budgets,
    ModelInput,
    display_text,
    mask,
    model_input,
    normalise,
    row_key,
    split_budget,
    whitelist_text,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates included


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("3층 화장실 물이 안나와요ㅠㅠ ㅋㅋ", "3층 화장실 물이 안나와요ㅠㅠ ㅋㅋ"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("추워요😭빨리요", "추워요 빨리요"),
        ("가\u200b나\u2060다\ufeff", "가나다"),
        ("\u202e\u2066뒤집기\u2069\u202c", "뒤집기"),
        ("널\x00문자 벨\x07 \ud800", "널문자 벨"),
        ("줄\r\n바꿈\t탭\u3000전각\u00a0빈칸", "줄 바꿈 탭 전각 빈칸"),
        ("ＬＥＤ　２０Ｗ！", "LED 20W!"),
        ("010－1234–5678", "010-1234-5678"),
        ("“따옴표” ‘하나’…", "\"따옴표\" '하나'..."),
        ("남자(男) 화장실", "남자(男) 화장실"),
        ("26.5℃ 84㎡ ①번", "26.5℃ 84㎡ ①번"),
        ("1\ufe0f\u20e3층", "1층"),
        ("h\u0337i\u0337", "hi"),
        ("Привет こんにちは 안녕", "안녕"),
        ("café", "café"),
        ("  ", ""),
        ("😭😭", ""),
    ],
)
def test_cleaning_keeps_what_carries_meaning(text: str, cleaned: str) -> None:
    """Hangul, jamo, Latin, Hanja, digits and punctuation stay; emoji, controls and invisible marks go."""
    assert whitelist_text(text) == cleaned


@settings(deadline=None)
@given(ANY_TEXT)
@example("\u1100\u0300\u1161")
@example("e\u0338\u0301")
def test_cleaning_is_idempotent_and_normal(text: str) -> None:
    """Any text, lone surrogates included, is cleaned without an error to one line of NFC that is cleaned to itself."""
    cleaned = whitelist_text(text)
    assert whitelist_text(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert cleaned.encode().decode() == cleaned


@settings(deadline=None)
@given(ANY_TEXT)
def test_what_is_displayed_is_harmless(text: str) -> None:
    """A displayed text is valid UTF-8 without controls, surrogates and bidi marks, line breaks apart."""
    shown = display_text(text)
    assert shown.encode().decode() == shown
    assert not [
        character
        for character in shown
        if unicodedata.category(character) in {"Cc", "Cs", "Co"} and character not in "\n\t"
    ]
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u200b") & set(shown)


def test_display_keeps_lines_and_emoji() -> None:
    """A displayed text keeps its line breaks and emoji, loses bidi marks, and is masked unless told otherwise."""
    text = "첫 줄 😭\r\n\u202e둘째 ０１０－１２３４－５６７８"
    assert display_text(text) == "첫 줄 😭\n둘째 [전화]"
    assert display_text(text, masked=False) == "첫 줄 😭\n둘째 010-1234-5678"


def test_hidden_characters_do_not_hide_a_number() -> None:
    """A phone number with zero-width characters and full-width digits in it is masked all the same."""
    assert mask(whitelist_text("０１０\u200b-12\u200d34-5678")) == "[전화]"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("에어컨 고장", "에어컨고장"),
        ("LED 전구", "ｌｅｄ\n전구"),
        ("화장실😭 누수", "화장실 누수"),
        ("연락 010-1234-5678", "연락 010-9999-8888"),
    ],
)
def test_texts_that_count_as_the_same_have_one_key(one: str, other: str) -> None:
    """Spaces, case, width, emoji and different phone numbers do not make two texts differ."""
    assert normalise(one) == normalise(other)


def test_different_rooms_are_different_texts() -> None:
    """Two rooms with the same complaint have different keys."""
    assert normalise("1204호 누수") != normalise("1205호 누수")


@settings(deadline=None)
@given(ANY_TEXT | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_a_published_text_has_the_key_of_the_original(text: str) -> None:
    """The key holds no whitespace and is the same for a text and for what is published of it, masked or not."""
    key = normalise(text)
    assert "".join(key.split()) == key
    assert normalise(display_text(text)) == normalise(display_text(text, masked=False)) == key


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_a_model_reads_the_same_from_what_is_published(text: str) -> None:
    """A model's input is the same from the source in tagging and from the published text in training."""
    assert model_input(text, text, text) == model_input(*[display_text(text)] * 3)


def test_the_row_key_keeps_title_and_request_apart() -> None:
    """Moving a word from the title into the request gives another key."""
    assert row_key("가", "나 다") != row_key("가 나", "다")


def test_model_input_masks_and_cleans_both_segments() -> None:
    """A model reads clean, masked text: title and request in one segment, the reply in the other."""
    assert model_input("누수", "1204호\n천장 010-1234-5678", "김철수님 조치😀") == ModelInput(
        "누수 1204호 천장 [전화]", "[이름]님 조치"
    )


def test_a_title_that_repeats_the_request_is_said_once() -> None:
    """A title that is how the request begins, with or without an ellipsis, is not repeated."""
    assert model_input("에어컨이 안...", "에어컨이 안 나와요", "").request == "에어컨이 안 나와요"


def test_a_long_request_does_not_cut_off_the_reply() -> None:
    """Fifty thousand characters of request leave the reply as it is and fit their own budget."""
    found = model_input("제목", "가" * 50_000, "수리 완료", budgets=Budgets(request=100))
    assert found == ModelInput("제목 " + "가" * 100, "수리 완료")


def test_an_empty_row_is_an_empty_input() -> None:
    """A row of emoji and spaces gives two empty segments."""
    assert model_input("😀", " ", "\u200b") == ModelInput("", "")


@settings(deadline=None)
@given(st.integers(0, 600), st.integers(0, 600), st.integers(0, 600))
def test_budgets_are_fair_and_used(length_a: int, length_b: int, limit: int) -> None:
    """Both kept parts fit the limit, nothing is cut without need, and each is sure of half."""
    keep_a, keep_b = split_budget(length_a, length_b, limit)
    assert 0 <= keep_a <= length_a
    assert 0 <= keep_b <= length_b
    assert keep_a + keep_b == min(limit, length_a + length_b)
    assert keep_a >= min(length_a, limit // 2)
    assert keep_b >= min(length_b, limit // 2)


@pytest.mark.parametrize("text", ["=1+1", "+82", "-5", "@sum", "\t=1", " =HYPERLINK()", "＝1", "'이미", "\n=1"])
def test_formulas_are_escaped(text: str) -> None:
    """A text that a spreadsheet might run gets an apostrophe in front."""
    assert escape_cell(text) == "'" + text


@settings(deadline=None)
@given(st.one_of(ANY_TEXT, ANY_TEXT.map("'".__add__), ANY_TEXT.map("=".__add__)))
def test_the_escape_is_inverted_exactly(text: str) -> None:
    """Unescaping an escaped cell gives back the text, apostrophes included."""
    assert unescape_cell(escape_cell(text)) == text
