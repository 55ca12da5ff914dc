"""Serve a linear model over TF-IDF of character n-grams with numpy alone.

Training fits it with scikit-learn (TfidfVectorizer per field, their columns side by side, then LogisticRegression) and
saves plain arrays; here the same numbers come out without scikit-learn, without pickles, and from memory-mapped files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from voc_models.artifact import LINEAR_FILES, ArtifactError
from voc_models.calibration import Floats, softmax
from voc_models.plan import Record, read_record
from voc_models.text import ModelInput

_SETTINGS, _TERMS, _IDF, _WEIGHTS, _BIAS = LINEAR_FILES
_SPACES = re.compile(r"\s\s+")


class Block(Record):
    """One vectoriser: which segment it reads, and scikit-learn's settings of the same names."""

    field: Literal["request", "reply", "both"]
    analyzer: Literal["char", "char_wb"] = "char_wb"
    ngram_min: int = Field(1, ge=1, le=10)
    ngram_max: int = Field(4, ge=1, le=10)
    lowercase: bool = True
    sublinear_tf: bool = True
    norm: Literal["l2"] | None = "l2"


class LinearSettings(Record):
    """``linear.json``."""

    schema_version: Literal[1] = 1
    blocks: tuple[Block, ...] = Field(min_length=1)


class LinearArrays(NamedTuple):
    """The fitted numbers; features of all blocks one after another.

    ``idf`` is (features,), ``weights`` (features, classes), ``bias`` (classes,). For two classes scikit-learn has one
    column w; give [-w/2, w/2] and [-b/2, b/2], whose softmax is its sigmoid.
    """

    idf: npt.NDArray[np.floating]
    weights: npt.NDArray[np.floating]
    bias: npt.NDArray[np.floating]


def segment(row: ModelInput, field: Literal["request", "reply", "both"]) -> str:
    """Return the text that a block of that field reads."""
    if field == "both":
        return f"{row.request} {row.reply}".strip()
    return row.request if field == "request" else row.reply


def char_ngrams(text: str, low: int, high: int) -> Iterator[str]:
    """Yield the n-grams of ``text`` as scikit-learn's analyzer "char" does."""
    for size in range(low, min(high, len(text)) + 1):
        for start in range(len(text) - size + 1):
            yield text[start : start + size]


def word_ngrams(word: str, low: int, high: int) -> Iterator[str]:
    """Yield the n-grams of one word as scikit-learn's analyzer "char_wb" does: padded, a short word counted once."""
    padded = f" {word} "
    for size in range(low, high + 1):
        for start in range(max(len(padded) - size, 0) + 1):
            yield padded[start : start + size]
        if size >= len(padded):
            return


class _Vectoriser:
    """Turns text into feature numbers of one block; ``offset`` is the block's first feature."""

    def __init__(self, block: Block, terms: Sequence[str], offset: int) -> None:
        self.block = block
        self._numbers = {term: offset + number for number, term in enumerate(terms)}
        self._of_word = lru_cache(maxsize=1 << 16)(self._word_features)  # words repeat, n-grams of a word never change

    def _word_features(self, word: str) -> tuple[int, ...]:
        found = map(self._numbers.get, word_ngrams(word, self.block.ngram_min, self.block.ngram_max))
        return tuple(number for number in found if number is not None)

    def features(self, text: str) -> list[int]:
        """Return the feature numbers of ``text``, repeated as often as they occur."""
        text = _SPACES.sub(" ", text.lower() if self.block.lowercase else text)
        if self.block.analyzer == "char_wb":
            return [number for word in text.split() for number in self._of_word(word)]
        found = map(self._numbers.get, char_ngrams(text, self.block.ngram_min, self.block.ngram_max))
        return [number for number in found if number is not None]

    def weighted(self, text: str, idf: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return the distinct features of ``text`` and their TF-IDF values."""
        numbers, counts = np.unique(np.asarray(self.features(text), dtype=np.int64), return_counts=True)
        values = counts.astype(np.float64)
        if self.block.sublinear_tf:
            values = np.log(values) + 1.0
        values *= idf[numbers]
        length = np.sqrt(values @ values)
        return numbers, values / length if self.block.norm == "l2" and length > 0 else values


class LinearModel:
    """Answers class probabilities; safe to share between threads."""

    def __init__(self, settings: LinearSettings, terms: Sequence[Sequence[str]], arrays: LinearArrays) -> None:
        """Take the settings, each block's terms in the order of their features, and the fitted arrays.

        Raises:
            ArtifactError: the shapes disagree.
        """
        features = sum(len(block) for block in terms)
        shapes = (arrays.idf.shape, arrays.weights.shape[:1], arrays.weights.shape[1:])
        if len(terms) != len(settings.blocks) or shapes != ((features,), (features,), arrays.bias.shape):
            raise ArtifactError(
                f"The linear model's parts disagree: {features} terms, idf {arrays.idf.shape}, "
                f"weights {arrays.weights.shape}, bias {arrays.bias.shape}. Publish the model again."
            )
        starts = np.cumsum([0, *(len(block) for block in terms)]).tolist()
        self._arrays = arrays
        self._vectorisers = [
            _Vectoriser(block, own, start)
            for block, own, (start, _) in zip(settings.blocks, terms, pairwise(starts), strict=True)
        ]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self._arrays.bias)

    def decision(self, rows: Sequence[ModelInput]) -> Floats:
        """Return the (rows, classes) values before the softmax, in double precision."""
        scores = np.tile(self._arrays.bias.astype(np.float64), (len(rows), 1))
        for number, row in enumerate(rows):
            for vectoriser in self._vectorisers:
                found, values = vectoriser.weighted(segment(row, vectoriser.block.field), self._arrays.idf)
                if len(found):
                    scores[number] += values @ self._arrays.weights[found]
        return scores

    def probabilities(self, rows: Sequence[ModelInput]) -> Floats:
        """Return (rows, classes) probabilities."""
        return softmax(self.decision(rows))


def save_linear(
    directory: Path, settings: LinearSettings, terms: Sequence[Sequence[str]], arrays: LinearArrays
) -> None:
    """Write the model's files into ``directory``; shapes are checked first (ArtifactError)."""
    LinearModel(settings, terms, arrays)
    (directory / _SETTINGS).write_bytes(settings.to_json())
    (directory / _TERMS).write_text(json.dumps([list(block) for block in terms], ensure_ascii=False), encoding="utf-8")
    for name, array in zip((_IDF, _WEIGHTS, _BIAS), arrays, strict=True):
        np.save(directory / name, np.ascontiguousarray(array), allow_pickle=False)


def load_linear(directory: Path) -> LinearModel:
    """Load the model; the arrays stay in their files until they are read.

    Raises:
        ArtifactError: a file is missing or damaged, or the parts disagree.
    """
    try:
        settings = read_record(LinearSettings, (directory / _SETTINGS).read_bytes(), _SETTINGS)
        terms = json.loads((directory / _TERMS).read_text(encoding="utf-8"))
        idf, weights, bias = (
            np.load(directory / name, mmap_mode="r", allow_pickle=False) for name in (_IDF, _WEIGHTS, _BIAS)
        )
    except (OSError, ValueError, EOFError) as error:
        raise ArtifactError(
            f"The linear model in {directory.name} cannot be read ({error}). Publish it again."
        ) from error
    return LinearModel(settings, terms, LinearArrays(idf, weights, bias))
