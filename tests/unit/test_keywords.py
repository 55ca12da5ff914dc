"""Nouns of Korean texts: found, joined, counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fixtures_rows import tagged
from tests.unit.keywords_gold import SENTENCES
from voc_models.labels import Label
from voc_worker.columns import TAGGED
from voc_worker.keyword_words import DOMAIN_WORDS, STOP_WORDS
from voc_worker.keywords import KeywordAnalyser, summarise, top_keywords
from voc_worker.measures.model import KeywordSummary, SubjectKeywords
from voc_worker.tables import empty

ANALYSER = KeywordAnalyser()


def test_nouns_are_those_that_a_person_sees() -> None:
    """On hand-labelled sentences at least 95 % of the nouns found are right, and at least 95 % are found."""
    pairs = [(set(ANALYSER.nouns(sentence)), set(nouns.split())) for sentence, nouns in SENTENCES]
    right = sum(len(found & wanted) for found, wanted in pairs)
    assert right / sum(len(found) for found, _ in pairs) >= 0.95
    assert right / sum(len(wanted) for _, wanted in pairs) >= 0.95


@pytest.mark.parametrize(
    ("text", "nouns"),
    [
        ("비상계단 센서등이 나갔어요", ["비상계단", "센서등"]),
        ("남자화장실 세면대", ["남자화장실", "세면대"]),
        ("탕비실 정수기 온수", ["탕비실", "정수기", "온수"]),
        ("출입카드 재발급", ["출입카드", "재발급"]),
        ("재설치 비정상", ["재설치", "비정상"]),
        ("CCTV LED 전구", ["CCTV", "LED", "전구"]),
        ("물 불 문", []),
        ("3층 12호 2025년", []),
        ("안녕하세요 수고 많으십니다 확인 부탁드립니다", []),
        ("010-1234-5678 김철수님 hong@example.com", []),
        ("[전화] [이름]님 누수", ["누수"]),
        ("누수😀누수", ["누수", "누수"]),
        ("", []),
        ("ㅠㅠ ㅋㅋ !!", []),
    ],
)
def test_nouns_of_a_text(text: str, nouns: list[str]) -> None:
    """Touching nouns are one word; numbers, single letters, small talk, marks and personal data are none."""
    assert ANALYSER.nouns(text) == nouns


def test_text_without_spaces_is_not_one_word() -> None:
    """A run of nouns of more than eight letters comes in its parts."""
    assert ANALYSER.nouns("지하주차장차단기고장점검") == ["지하주차장", "차단기", "고장", "점검"]


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    """Nouns after the first four thousand characters are not looked for."""
    assert ANALYSER.nouns("누수 " + "가 " * 3000 + "결로") == ["누수"]


def test_words_of_a_customer_are_kept_whole_and_left_out() -> None:
    """A user word is kept whole wherever it is, the longest wins, and a stop word is left out."""
    analyser = KeywordAnalyser(user_words=["가온나래홀", "나래홀", " "], stop_words=["누수"])
    assert analyser.nouns("가온나래홀 누수와 나래홀 결로") == ["가온나래홀", "나래홀", "결로"]


def test_word_lists_do_not_contradict_each_other() -> None:
    """No word of the trade is also small talk, save 문의, which only has to be kept from being split."""
    both = DOMAIN_WORDS & STOP_WORDS
    assert both == {"문의"}


def test_top_keywords_count_texts() -> None:
    """A noun counts once for each text that has it; ties come by name, and the list ends where asked."""
    texts = ["누수 누수 결로", "누수", "곰팡이 결로", "곰팡이"]
    assert top_keywords(texts, 2, ANALYSER) == (("결로", 2), ("곰팡이", 2))
    assert top_keywords([], 2, ANALYSER) == ()


def test_a_month_is_summarised() -> None:
    """The cloud counts rows over title and request, not replies; a subject without nouns is left out."""
    rows = tagged(
        {"title": "누수", "request_contents": "누수 결로", "reply": "방수"},
        {"title": "결로", "subject_minor": "결로"},
        {"title": "ㅠㅠ", "subject_minor": "전기"},
    )
    assert summarise(rows, ANALYSER, words=5, per_subject=1) == KeywordSummary(
        frequencies=(("결로", 2), ("누수", 1)),
        by_subject=(
            SubjectKeywords(Label("시설", "결로"), (("결로", 1),)),
            SubjectKeywords(Label("시설", "누수"), (("결로", 1),)),
        ),
    )


def test_an_empty_month_has_no_words() -> None:
    """A month without rows has an empty summary."""
    assert summarise(empty(TAGGED), ANALYSER) == KeywordSummary()


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_has_nouns_or_none(text: str) -> None:
    """Any text, lone surrogates included, is analysed without an error, and a noun has two letters or more."""
    assert all(len(word) >= 2 for word in ANALYSER.nouns(text))
