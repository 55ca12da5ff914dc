"""The one place where VOC text is cleaned, masked and made into a model's input: the same for training and tagging."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from voc_models.pii import mask_personal_data

#: Raised whenever a function here answers differently for some text; an artifact names the version it was trained with.
TEXT_VERSION: Final = 1

# Vanish without leaving a gap: controls that are no whitespace, soft hyphens, zero-width, bidi and variation marks,
# tags, surrogates, private use and non-characters. What is visible but not on the list becomes a space instead.
_INVISIBLE: Final = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\ufff0-\uffff"
    r"\U000e0000-\U0010ffff]+"
)
# Written in two ways, meant as one: full-width ASCII, dashes, quotes, middle dots. Keeps numbers findable for masking.
_FOLDED: Final[dict[int, str]] = {
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFE58, 0xFE63), "-"),
    **dict.fromkeys((0x2018, 0x2019, 0x201A, 0x201B, 0x2032), "'"),
    **dict.fromkeys((0x201C, 0x201D, 0x201E, 0x201F, 0x2033), '"'),
    **dict.fromkeys((0x2022, 0x2027, 0x2219, 0x22C5, 0x30FB, 0x318D, 0xFF65), "·"),
    0x2026: "...",
    0x301C: "~",
    0x223C: "~",
}
# Hanja stay: 男, 女, 前 and the like decide where a complaint belongs. Circled numbers and units are common in notices.
_KEPT: Final = (
    r" -~"
    r"가-힣ㄱ-ㅣ"
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f\u4e00-\u9fff"
    r"·°±×÷²³½¼₩€£¥→←↑↓「」『』【】〈〉《》※☎℃℉\u03a9µ①-⑳\u3380-\u33df"
)
_PLAIN: Final = re.compile(rf"[{_KEPT}]*")
_OTHER: Final = re.compile(rf"[^{_KEPT}]+")
# What NFC could not compose with its letter (struck-through or stacked text, keycaps): the letter stays.
_MARKS: Final = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
_LINES: Final = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")


def display_text(text: str, *, masked: bool = True) -> str:
    """Return ``text`` as it may be published: harmless characters, personal data masked, line breaks and emoji kept.

    Controls, bidi and zero-width marks, NUL and lone surrogates are removed, so that the answer is always valid UTF-8.
    """
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", _LINES.sub("\n", text)).translate(_FOLDED))
    return mask_personal_data(text) if masked else text


def whitelist_text(text: str) -> str:
    """Return ``text`` in NFC with Hangul (jamo such as ㅠㅠ too), Latin, Hanja, digits and useful punctuation alone.

    Any run of whitespace or of other visible characters (emoji, other scripts) is one space; invisible ones vanish.
    Never raises for a str and is idempotent; a text of nothing else is "".
    """
    if not (_PLAIN.fullmatch(text) and unicodedata.is_normalized("NFC", text)):
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text).translate(_FOLDED))
        text = _OTHER.sub(" ", _MARKS.sub("", text))
    return " ".join(text.split())


def mask(text: str) -> str:
    """Return ``text`` with personal data replaced by short marks such as ``[전화]``; see :mod:`voc_models.pii`."""
    return mask_personal_data(text)


def normalise(text: str) -> str:
    """Return the key under which texts count as the same: cleaned, masked, NFKC, case folded, without whitespace.

    Masking is part of it whatever the configuration says: the 표본 must not change when somebody switches masking off.
    """
    folded = unicodedata.normalize("NFKC", mask_personal_data(whitelist_text(text)))
    return "".join(unicodedata.normalize("NFKC", folded.casefold()).split())


def row_key(title: str, request: str) -> str:
    """Return the normalised text of a row: title and request, not the reply, which may still come or change."""
    return f"{normalise(title)}\n{normalise(request)}"


class Budgets(NamedTuple):
    """How many characters of each field reach a tokenizer at most; tokens are counted by :func:`split_budget`."""

    title: int = 200
    request: int = 2000
    reply: int = 1000


class ModelInput(NamedTuple):
    """One row as every model reads it: two segments of clean, masked text on one line each; either may be ""."""

    request: str
    reply: str


DEFAULT_BUDGETS: Final = Budgets()


def model_input(title: str, request: str, reply: str, *, budgets: Budgets = DEFAULT_BUDGETS) -> ModelInput:
    """Return the segments of one row, for training and for tagging alike.

    Personal data is masked always: a model must never have seen any. A title that only repeats how the request begins
    (many portals fill it so) is said once.
    """
    head, body, answer = (
        mask_personal_data(whitelist_text(field[: 4 * limit]))[:limit].rstrip()
        for field, limit in zip((title, request, reply), budgets, strict=True)
    )
    repeated = head and body.startswith(head.removesuffix("...").rstrip())
    return ModelInput(body if repeated or not head else f"{head} {body}".rstrip(), answer)


def split_budget(length_a: int, length_b: int, limit: int) -> tuple[int, int]:
    """Return how many tokens of two segments are kept so that together they are at most ``limit``.

    Each is sure of half; what one does not need the other gets. So a long request never cuts off the reply.
    """
    half = max(limit, 0) // 2
    keep_b = min(length_b, max(half, limit - length_a))
    return min(length_a, max(limit, 0) - keep_b), keep_b
