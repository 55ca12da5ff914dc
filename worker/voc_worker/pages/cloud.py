"""Lay out a word cloud; the page draws it as SVG text in the reader's own Korean font."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import ImageFont
from wordcloud import WordCloud

#: Fixed, so that the same words give the same bytes.
_SEED: Final = 7
_SHADES: Final = 4


@dataclass(frozen=True, slots=True)
class CloudWord:
    """A word's place in user units: ``x`` is its left edge, ``y`` its baseline, ``length`` its measured width."""

    text: str
    x: int
    y: int
    size: int
    length: int
    shade: int


@dataclass(frozen=True, slots=True)
class Cloud:
    """A finished layout in a box of ``width`` by ``height`` user units."""

    width: int
    height: int
    words: tuple[CloudWord, ...]


def _no_colour(*_: object, **__: object) -> str:
    """Name a fixed colour: the page's stylesheet colours words, and the default would load matplotlib's colour maps."""
    return "#000"


def layout(frequencies: Mapping[str, float], font: Path, *, width: int, height: int, max_words: int = 60) -> Cloud:
    """Place the most frequent words, larger when more frequent, without overlap; words that do not fit are left out.

    Each word keeps its measured length, so that a reader whose font is wider than ours sees no overlap either.
    """
    counted = {word: float(count) for word, count in sorted(frequencies.items()) if word.strip() and count > 0}
    if not counted:
        return Cloud(width, height, ())
    maker = WordCloud(
        font_path=str(font),
        width=width,
        height=height,
        margin=4,
        prefer_horizontal=1.0,
        relative_scaling=0.5,
        min_font_size=11,
        max_font_size=round(height / 4),
        max_words=max_words,
        random_state=_SEED,
        color_func=_no_colour,
    ).generate_from_frequencies(counted)
    words = []
    for index, ((text, _), size, (top, left), _, _) in enumerate(maker.layout_):
        face = ImageFont.truetype(str(font), size)
        words.append(
            CloudWord(
                text=text,
                x=int(left),
                y=int(top) + face.getmetrics()[0],
                size=int(size),
                length=round(face.getlength(text)),
                shade=min(_SHADES - 1, index * _SHADES // len(maker.layout_)),
            )
        )
    return Cloud(width, height, tuple(words))
