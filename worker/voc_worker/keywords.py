"""Korean nouns of VOC texts: what the word cloud and the keyword lists show.

MeCab with the mecab-ko dictionary; why not Kiwi is in docs/decisions/korean-analyser.md. Nouns that touch are one word
(비상 + 계단), words that people of the trade write as one are known beforehand, small talk is left out.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import ahocorasick
import mecab_ko

from voc_models.labels import Label
from voc_models.text import mask, whitelist_text
from voc_worker.keyword_words import DOMAIN_WORDS, STOP_WORDS
from voc_worker.measures.model import KeywordSummary, SubjectKeywords

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

_MARK: Final = re.compile(r"\[(?:전화|주민번호|이메일|카드|계좌|차량|이름)\]")
_NOUNS: Final = frozenset({"NNG", "NNP", "SL"})
_WORD: Final = re.compile(r"[가-힣A-Za-z]{2,}")
_LONGEST: Final = 8
# Characters of a text that are looked at: one hostile "word" of 50,000 letters costs the analyser seconds.
_CONSIDERED: Final = 4000
_SEPARATOR: Final = " \n "


class Token(NamedTuple):
    """A piece of a text, [start, end), and what it is: ``noun``, ``prefix`` (재-), ``suffix`` (-실) or ``other``."""

    start: int
    end: int
    kind: str


class KeywordAnalyser:
    """Finds nouns. Loads in milliseconds and maps its dictionary; one instance serves any number of texts.

    Args:
        user_words: nouns to keep whole that the dictionary may split, added to the trade's own.
        stop_words: nouns to leave out, added to the built-in small talk.
    """

    def __init__(self, user_words: Iterable[str] = (), stop_words: Iterable[str] = ()) -> None:
        self._tagger = mecab_ko.Tagger()
        self._stop = STOP_WORDS | {word.strip() for word in stop_words}
        self._known = ahocorasick.Automaton()
        for word in sorted(DOMAIN_WORDS | {word.strip() for word in user_words} - {""}):
            self._known.add_word(word, len(word))
        self._known.make_automaton()

    def nouns(self, text: str) -> list[str]:
        """Return the nouns of the first 4,000 characters of ``text`` in order, compounds joined, repeated ones too."""
        text = _MARK.sub("\n", mask(whitelist_text(text[:_CONSIDERED])))
        words = (text[start:end] for start, end in _compounds(self._tokens(text)))
        return [word for word in words if _WORD.fullmatch(word) and word not in self._stop]

    def _tokens(self, text: str) -> Iterator[Token]:
        """Yield the known words and, where none lies, the analyser's morphemes, in order."""
        known = self._longest_words(text)
        inside = [False] * (len(text) + 1)
        for token in known:
            inside[token.start : token.end] = [True] * (token.end - token.start)
        found = [token for token in self._morphemes(text) if not any(inside[token.start : token.end])]
        yield from sorted((*known, *found))

    def _longest_words(self, text: str) -> list[Token]:
        """Return the known words, leftmost first, of those that overlap the longest."""
        ends = sorted(self._known.iter(text), key=lambda hit: (hit[0] - hit[1], -hit[1]))
        words: list[Token] = []
        for last, length in ends:
            start = last - length + 1
            if not words or start >= words[-1].end:
                words.append(Token(start, last + 1, "noun"))
        return words

    def _morphemes(self, text: str) -> Iterator[Token]:
        at = 0
        for line in self._tagger.parse(text).splitlines():
            surface, tab, features = line.partition("\t")
            if not tab:
                continue
            at = text.index(surface, at)
            yield Token(at, at + len(surface), _kind(features.partition(",")[0]))
            at += len(surface)


def top_keywords(texts: Iterable[str], count: int, analyser: KeywordAnalyser) -> tuple[tuple[str, int], ...]:
    """Return the ``count`` nouns that most texts contain, with the number of these texts; ties by name."""
    return _most(Counter(word for text in texts for word in set(analyser.nouns(text))), count)


def summarise(
    rows: pd.DataFrame, analyser: KeywordAnalyser, *, words: int = 80, per_subject: int = 5
) -> KeywordSummary:
    """Return the nouns of title and request of a month's rows: for the word cloud, and for each subject.

    Args:
        rows: TAGGED or REVIEWED rows.
        analyser: what finds the nouns.
        words: how many words the cloud has at most.
        per_subject: how many words each subject has at most; a subject without any is left out.
    """
    counts: Counter[str] = Counter()
    inside: dict[Label, Counter[str]] = defaultdict(Counter)
    columns = (rows[name] for name in ("subject_major", "subject_minor", "title", "request_contents"))
    for major, minor, title, request in zip(*columns, strict=True):
        found = set(analyser.nouns(f"{title}{_SEPARATOR}{request}"))
        counts.update(found)
        inside[Label(major, minor)].update(found)
    by_subject = [SubjectKeywords(label, _most(inside[label], per_subject)) for label in sorted(inside)]
    return KeywordSummary(_most(counts, words), tuple(item for item in by_subject if item.words))


def _kind(tag: str) -> str:
    """Return what a tag of the Sejong set, or the first of a contracted form, is to a compound."""
    first = tag.partition("+")[0]
    if first in _NOUNS and "+" not in tag:
        return "noun"
    return {"XPN": "prefix", "XSN": "suffix"}.get(first, "other")


def _compounds(tokens: Iterable[Token]) -> Iterator[tuple[int, int]]:
    """Yield [start, end) of each run of touching nouns with its prefix and suffix.

    A run of more than eight characters is spacing left out rather than one word: its parts come one by one.
    """
    run: list[Token] = []
    for token in (*tokens, Token(-1, -1, "other")):
        touches = bool(run) and run[-1].end == token.start
        if touches and (token.kind == "noun" or (token.kind == "suffix" and run[-1].kind == "noun")):
            run.append(token)
            continue
        yield from _parts(run)
        run = [token] if token.kind in {"noun", "prefix"} else []


def _parts(run: Sequence[Token]) -> Iterator[tuple[int, int]]:
    if not any(token.kind == "noun" for token in run):
        return
    if run[-1].end - run[0].start <= _LONGEST:
        yield run[0].start, run[-1].end
    else:
        yield from ((token.start, token.end) for token in run if token.kind == "noun")


def _most(counts: Counter[str], count: int) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:count])
