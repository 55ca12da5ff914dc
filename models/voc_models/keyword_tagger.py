"""The tagger that needs no model: keywords of the taxonomy.

It is the champion until a model is better, so its rule is short enough to explain to a building manager. Its number is
a score, not a confidence: nothing has calibrated it. The worker tags with it, and the trainer asks it about the rows
that judge a model, whoever tagged them: one rule for both.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple

import ahocorasick

from voc_models.labels import HEADS, OTHER, Head, Label, Taxonomy
from voc_models.text import mask, whitelist_text

#: What the tenant wrote says what it is about; what the staff answered says what was done.
_ZONE_WEIGHTS: Final[dict[Head, tuple[float, float]]] = {"subject": (1.0, 0.35), "work": (0.45, 1.0)}
#: A hit this many characters into a text counts half of one at its beginning.
_HALF_WAY = 80
#: Positions beyond count alike; the table below stays small.
_FAR = 2000
_POSITION = tuple(1.0 / (1.0 + start / _HALF_WAY) for start in range(_FAR + 1))
#: The highest priority of a taxonomy counts this much more than the lowest.
_PRIORITY_GAIN = 0.3


def tagger_text(text: str) -> str:
    """Return one field as every tagger reads it: cleaned and masked."""
    return mask(whitelist_text(text))


class RowText(NamedTuple):
    """The three cleaned texts of one row; "" where there is none."""

    title: str
    request_contents: str
    reply: str


class Tagged(NamedTuple):
    """One row's labels and their scores in [0, 1]."""

    subject: Label
    subject_score: float
    work: Label
    work_score: float


class _Keyword(NamedTuple):
    """A keyword without spaces, its length, and its votes: (head, class, weight)."""

    word: str
    length: int
    votes: tuple[tuple[int, int, float], ...]


class _Class(NamedTuple):
    """A label that keywords vote for; ``rank`` decides between equal points (lower wins)."""

    label: Label
    rank: tuple[int, int]


class KeywordRules:
    """Votes of the taxonomy's keywords, found in one pass over each text (Aho-Corasick, leftmost longest match).

    A keyword found in a text gives its classes ``zone · √(length / 2) · position · priority · 2⁻ⁿ`` points, where

    - ``zone`` is 1 in the text that decides the head (title and request for the subject, reply for the work type)
      and 0.35 or 0.45 in the other one;
    - ``length`` counts the keyword's characters without spaces: a longer word is more specific;
    - ``position`` is ``1 / (1 + start / 80)`` for a hit that begins ``start`` characters into the text;
    - ``priority`` runs from 1 for the lowest priority of the head to 1.3 for the highest, by rank;
    - ``n`` is how often the same keyword was found in the text before.

    The class with most points wins, then the higher priority, then the taxonomy's order. Its score is
    ``share · (1 - e⁻ᵖ)``: its share of all points, times how much was found at all (``p`` its points). Without a hit
    the label is 기타/기타 with score 0. Letter case and spaces do not matter, since tenants space as they like.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._classes: list[_Class] = []
        self._automaton = ahocorasick.Automaton()
        votes: dict[str, list[tuple[int, int, float]]] = {}
        for head_index, head in enumerate(HEADS):
            entries = taxonomy.active(head)
            ranks = sorted({entry.priority for entry in entries if entry.keywords}) or [0]
            for order, entry in enumerate(entries):
                gain = 1 + _PRIORITY_GAIN * bisect_left(ranks, entry.priority) / max(1, len(ranks) - 1)
                for word in dict.fromkeys(_squeezed(keyword) for keyword in entry.keywords):
                    weight = gain * math.sqrt(len(word) / 2)
                    votes.setdefault(word, []).append((head_index, len(self._classes), weight))
                self._classes.append(_Class(entry.label, (-entry.priority, order)))
        votes.pop("", None)
        for word, word_votes in votes.items():
            self._automaton.add_word(word, _Keyword(word, len(word), tuple(word_votes)))
        self._automaton.make_automaton()
        self._any_keyword = bool(votes)

    def tag_texts(self, texts: Iterable[RowText]) -> list[Tagged]:
        """Label each row of ``texts``."""
        return [self._tag_one(text) for text in texts]

    def rank(self, text: RowText, count: int) -> dict[Head, list[tuple[Label, float]]]:
        """Return each head's best ``count`` labels of one row with their scores, best first; no hit is 기타/기타."""
        return {head: self._ranked(points)[:count] for head, points in zip(HEADS, self._points(text), strict=True)}

    def _tag_one(self, text: RowText) -> Tagged:
        points = self._points(text)
        return Tagged(*self._decide(points[0]), *self._decide(points[1]))

    def _points(self, text: RowText) -> tuple[dict[int, float], dict[int, float]]:
        points: tuple[dict[int, float], dict[int, float]] = ({}, {})
        if self._any_keyword:
            self._vote(f"{text.title}\n{text.request_contents}", 0, points)
            self._vote(text.reply, 1, points)
        return points

    def _vote(self, text: str, zone: int, points: tuple[dict[int, float], dict[int, float]]) -> None:
        """Add the votes of the keywords in ``text`` to the points of each head's classes."""
        seen: dict[str, float] = {}
        for start, keyword in self._longest(_squeezed(text)):
            fading = seen.get(keyword.word, 1.0)
            seen[keyword.word] = fading / 2
            place = fading * _POSITION[min(start, _FAR)]
            for head_index, class_index, weight in keyword.votes:
                of_head = points[head_index]
                gained = place * weight * _ZONES[head_index][zone]
                of_head[class_index] = of_head.get(class_index, 0.0) + gained

    def _longest(self, text: str) -> list[tuple[int, _Keyword]]:
        """Return (start, keyword) from left to right, of overlapping ones the leftmost, of these the longest.

        The library's own ``iter_long`` passes over a keyword that stands behind a failed start of a longer one.
        """
        found = [(end + 1 - keyword.length, -end, keyword) for end, keyword in self._automaton.iter(text)]
        if len(found) > 1:
            found.sort()
        kept, free = [], 0
        for start, minus_end, keyword in found:
            if start >= free:
                kept.append((start, keyword))
                free = 1 - minus_end
        return kept

    def _decide(self, points: dict[int, float]) -> tuple[Label, float]:
        if not points:
            return OTHER, 0.0
        most = max(points.values())
        best = min((i for i, gained in points.items() if gained == most), key=lambda i: self._classes[i].rank)
        return self._classes[best].label, most / sum(points.values()) * (1 - math.exp(-most))

    def _ranked(self, points: dict[int, float]) -> list[tuple[Label, float]]:
        if not points:
            return [(OTHER, 0.0)]
        total = sum(points.values())
        order = sorted(points, key=lambda i: (-points[i], self._classes[i].rank))
        return [(self._classes[i].label, points[i] / total * (1 - math.exp(-points[i]))) for i in order]


_ZONES = tuple(_ZONE_WEIGHTS[head] for head in HEADS)


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()
