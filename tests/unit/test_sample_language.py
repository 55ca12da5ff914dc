"""The sample's grammar, against forms that a Korean reader would write."""

from __future__ import annotations

from random import Random

import pytest

from voc_worker.sample.language import Register, inflect, with_mistakes, with_particles
from voc_worker.sample.words import vocabulary

SEEDED = Random(1)  # noqa: S311 - reproducible mistakes, no secret


@pytest.mark.parametrize(
    ("note", "friendly", "formal", "linking"),
    [
        ("물이 샘", "물이 새요", "물이 샙니다", "물이 새서"),
        ("너무 더움", "너무 더워요", "너무 덥습니다", "너무 더워서"),
        ("담배를 피움", "담배를 피워요", "담배를 피웁니다", "담배를 피워서"),
        ("안 나옴", "안 나와요", "안 나옵니다", "안 나와서"),
        ("안 됨", "안 돼요", "안 됩니다", "안 돼서"),
        ("휴지가 없음", "휴지가 없어요", "휴지가 없습니다", "휴지가 없어서"),
        ("꺼져 있음", "꺼져 있어요", "꺼져 있습니다", "꺼져 있어서"),
        ("등이 나갔음", "등이 나갔어요", "등이 나갔습니다", "등이 나갔는데"),
        ("못 하겠음", "못 하겠어요", "못 하겠습니다", "못 하겠는데"),
        ("지난달과 다름", "지난달과 달라요", "지난달과 다릅니다", "지난달과 달라서"),
        ("복도에서 떠듦", "복도에서 떠들어요", "복도에서 떠듭니다", "복도에서 떠들어서"),
        ("계속 흐름", "계속 흘러요", "계속 흐릅니다", "계속 흘러서"),
        ("대기가 너무 김", "대기가 너무 길어요", "대기가 너무 깁니다", "대기가 너무 길어서"),
        ("안 잠김", "안 잠겨요", "안 잠깁니다", "안 잠겨서"),
        ("계속 깜빡임", "계속 깜빡여요", "계속 깜빡입니다", "계속 깜빡여서"),
        ("고장임", "고장이에요", "고장입니다", "고장이라서"),
    ],
)
def test_note_is_inflected_as_koreans_do(note: str, friendly: str, formal: str, linking: str) -> None:
    """A sentence in note form becomes the friendly, the formal and the linking form."""
    assert inflect(note, Register.NOTES) == note
    assert inflect(note, Register.FRIENDLY) == friendly
    assert inflect(note, Register.FORMAL) == formal
    assert inflect(note, Register.FRIENDLY, linking=True) == linking


def test_every_sentence_of_the_vocabulary_can_be_inflected() -> None:
    """No sentence of the vocabulary ends in a form that the table does not know."""
    says = [say for subject in vocabulary().subjects for scene in subject.scenes for say in scene.says]
    assert len(says) > 200
    assert all(inflect(say, Register.FORMAL).endswith("니다") for say in says)


def test_unknown_ending_is_refused() -> None:
    """A sentence that is not in note form is refused and quoted."""
    with pytest.raises(ValueError, match=r"'물이 새요' does not end"):
        inflect("물이 새요", Register.FORMAL)


@pytest.mark.parametrize(
    ("marked", "right"),
    [
        ("문[이/가] 안 열림", "문이 안 열림"),
        ("카드[이/가] 안 됨", "카드가 안 됨"),
        ("물[을/를]", "물을"),
        ("창틀[으로/로]", "창틀로"),
        ("벽[으로/로]", "벽으로"),
        ("Wi-Fi[이/가]", "Wi-Fi가"),
        ("CCTV[을/를] LAN[을/를]", "CCTV를 LAN을"),
        ("1203[으로/로] 1201[으로/로]", "1203으로 1201로"),
        ("[이/가]", "가"),
    ],
)
def test_particles_fit_the_word_before_them(marked: str, right: str) -> None:
    """Each particle takes the form that the last sound before it asks for."""
    assert with_particles(marked) == right


def test_rate_zero_makes_no_mistakes() -> None:
    """Somebody without haste writes what was meant."""
    text = "안 돼요 확인 부탁드립니다"
    assert with_mistakes(text, SEEDED, [("돼요", "되요")], 0.0) == text


def test_rate_one_makes_every_mistake() -> None:
    """At rate 1 the habit shows and every space is lost."""
    assert with_mistakes("안 돼요 네", SEEDED, [("돼요", "되요")], 2.0) == "안되요네"
