"""Just enough Korean grammar to write one thing in several ways: endings, particles, and mistakes."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_FIRST, _LAST = ord("가"), ord("힣")
_FINALS = 28
_FINAL_L, _FINAL_M, _FINAL_B, _FINAL_LM = 8, 16, 17, 10
_PARTICLE = re.compile(r"(.?)\[([^/\]]+)/([^\]]+)\]")
#: Letters whose Korean name ends in a consonant (엘, 엠, 엔, 알) and digits likewise (영일삼육칠팔).
_CLOSED: Final = frozenset("LMNRlmnr013678")
#: Those of them that end in ㄹ (엘, 알, 일, 칠, 팔), after which 으로 is 로.
_LIQUID: Final = frozenset("LRlr178")


class Register(IntEnum):
    """How politely somebody writes."""

    NOTES = 0
    FRIENDLY = 1
    FORMAL = 2


#: Ending of the note form → friendly ending, connecting ending ("because …"). The longest one that fits is used.
_ENDINGS: Final[dict[str, tuple[str, str]]] = {
    "감": ("가요", "가서"), "너무 김": ("너무 길어요", "너무 길어서"), "김": ("겨요", "겨서"),
    "남": ("나요", "나서"), "님": ("녀요", "녀서"), "됨": ("돼요", "돼서"),
    "듦": ("들어요", "들어서"), "뜸": ("떠요", "떠서"), "다름": ("달라요", "달라서"), "흐름": ("흘러요", "흘러서"),
    "림": ("려요", "려서"), "뺌": ("빼요", "빼서"), "샘": ("새요", "새서"), "섬": ("서요", "서서"),
    "옴": ("와요", "와서"), "움": ("워요", "워서"), "음": ("어요", "어서"), "같음": ("같아요", "같아서"),
    "많음": ("많아요", "많아서"), "남음": ("남아요", "남아서"), "임": ("여요", "여서"),
    "그대로임": ("그대로예요", "그대로라서"),
    "물바다임": ("물바다예요", "물바다라서"), "고장임": ("고장이에요", "고장이라서"),
    "짐": ("져요", "져서"), "춤": ("춰요", "춰서"), "침": ("쳐요", "쳐서"), "튐": ("튀어요", "튀어서"),
    "아픔": ("아파요", "아파서"), "함": ("해요", "해서"), "힘": ("혀요", "혀서"),
}  # fmt: skip
#: Verbs in 움 that keep their vowel; the adjectives turn into ㅂ (더움 → 덥습니다).
_REGULAR_U: Final = ("피움", "비움", "채움")


def _final(syllable: str) -> int:
    """Return the index of the final consonant, 0 without one, -1 when it is no Hangul syllable."""
    code = ord(syllable) if syllable else 0
    return (code - _FIRST) % _FINALS if _FIRST <= code <= _LAST else -1


def _with_final(syllable: str, final: int) -> str:
    return chr(ord(syllable) - _final(syllable) + final)


def _formal(note: str) -> str:
    """더움 → 덥습니다, 있음 → 있습니다, 됨 → 됩니다."""
    if note.endswith("움") and not note.endswith(_REGULAR_U):
        return note[:-2] + _with_final(note[-2], _FINAL_B) + "습니다"
    if note.endswith("음"):
        return note[:-1] + "습니다"
    return note[:-1] + _with_final(note[-1], _FINAL_B) + "니다"


def inflect(note: str, register: Register, *, linking: bool = False) -> str:
    """Return a sentence in note form (…됨, …안 나옴) in another register, or in the form that leads on (…돼서).

    Raises:
        ValueError: the sentence does not end in a note form that the table knows.
    """
    ending = max((ending for ending in _ENDINGS if note.endswith(ending)), key=len, default=None)
    if ending is None:
        raise ValueError(f"{note!r} does not end in a known note form.")
    stem, (friendly, link) = note[: -len(ending)], _ENDINGS[ending]
    if linking:
        past = ending == "음" and _final(note[-2]) == 20  # ㅆ: 갔음 → 갔는데
        return f"{stem}는데" if past and not note.endswith("있음") else stem + link
    if register is Register.NOTES:
        return note
    return _formal(note) if register is Register.FORMAL else stem + friendly


def with_particles(text: str) -> str:
    """Choose between the two forms of each particle: 문[이/가] → 문이, 카드[을/를] → 카드를, 창틀[으로/로] → 창틀로."""

    def choose(found: re.Match[str]) -> str:
        before, closed, opened = found.groups()
        final = _final(before)
        if final == -1:
            liquid = closed == "으로" and before in _LIQUID
            return before + (closed if before in _CLOSED and not liquid else opened)
        return before + (opened if final == 0 or (closed == "으로" and final == _FINAL_L) else closed)

    return _PARTICLE.sub(choose, text)


def with_mistakes(text: str, rng: Random, typos: Sequence[tuple[str, str]], rate: float) -> str:
    """Return ``text`` as somebody in a hurry types it: each habit, lost space and doubled letter with ``rate``."""
    for right, wrong in typos:
        if right in text and rng.random() < rate:
            text = text.replace(right, wrong, 1)
    words = text.split(" ")
    for i in range(len(words) - 1, 0, -1):
        if rng.random() < rate / 2:
            words[i - 1 : i + 1] = [words[i - 1] + words[i]]
    if len(words) > 2 and rng.random() < rate / 2:
        at = rng.randrange(len(words))
        cut = len(words[at]) // 2
        words[at] = f"{words[at][:cut]} {words[at][cut:]}".strip()
    return " ".join(words)
