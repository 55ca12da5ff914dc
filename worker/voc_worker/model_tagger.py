"""The tagger of a run: a release's models, or the keyword tagger where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from voc_models.inference import Choice, KeywordAnswer, Model, Prediction
from voc_models.labels import HEADS, OTHER, Head, Label, Taxonomy
from voc_models.loader import ModelLoader
from voc_models.model_cache import fetch
from voc_models.plan import PlannedModel
from voc_models.registry import Registry
from voc_models.session import detect_device
from voc_models.store import ObjectStore
from voc_models.text import model_input
from voc_worker.columns import CONFIDENCES, LABELS, TEXT
from voc_worker.tables import tagger_rows
from voc_worker.tagging import KeywordTagger, RowText

#: How many labels `voc classify` shows beside the best one.
RUNNERS_UP: Final = 3


class _Answers(NamedTuple):
    """What models and keyword tagger said; ``blank`` marks rows without any text."""

    predictions: Mapping[Head, Prediction]
    by_keywords: Mapping[Head, KeywordAnswer]
    blank: npt.NDArray[np.bool_]


class ModelTagger:
    """A release as a :class:`~voc_worker.tagging.Tagger`; a head that has no model is the keyword tagger's."""

    def __init__(self, name: str, model: Model, taxonomy: Taxonomy) -> None:
        """Take the release's version, its loaded heads, and the run's taxonomy."""
        self.name = name
        self._model = model
        self._keywords = KeywordTagger(taxonomy)
        self._blended = [head for head, loaded in model.heads.items() if loaded.needs_keywords]

    def tag(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Label rows as :class:`~voc_worker.tagging.Tagger` says.

        Confidences are calibrated, but for a head that the keyword tagger serves, where they are its scores. A row
        without any text is 기타/기타 with confidence 0.

        Raises:
            DataError: a model answered what cannot be a confidence.
        """
        answers = self._ask(rows)
        columns: dict[str, object] = {}
        for head in HEADS:
            labels, confidences = _best(answers, head)
            chosen = [OTHER if nothing else label for nothing, label in zip(answers.blank, labels, strict=True)]
            columns[f"{head}_major"] = [label.major for label in chosen]
            columns[f"{head}_minor"] = [label.minor for label in chosen]
            columns[f"{head}_confidence"] = np.where(answers.blank, 0.0, confidences)
        frame = pd.DataFrame(columns, index=rows.index, columns=[*LABELS, *CONFIDENCES])
        return frame.astype({**dict.fromkeys(LABELS, "str"), **dict.fromkeys(CONFIDENCES, "float64")})

    def rank(self, rows: pd.DataFrame, count: int) -> list[dict[Head, list[Choice]]]:
        """Return, row by row and for each head, the best ``count`` labels, best first.

        A head that the keyword tagger serves, and a row without any text, have one.
        """
        answers = self._ask(rows)
        return [{head: _ranked(answers, head, row, count) for head in HEADS} for row in range(len(rows))]

    def _ask(self, rows: pd.DataFrame) -> _Answers:
        inputs = [model_input(*texts) for texts in zip(*(rows[name].tolist() for name in TEXT), strict=True)]
        by_keywords = self._by_keywords(rows)
        predictions = self._model.predict(inputs, {head: by_keywords[head] for head in self._blended})
        return _Answers(predictions, by_keywords, np.asarray([not any(row) for row in inputs], dtype=np.bool_))

    def _by_keywords(self, rows: pd.DataFrame) -> dict[Head, KeywordAnswer]:
        """Ask the keyword tagger where a head is its own or blends it in."""
        if len(self._model.heads) == len(HEADS) and not self._blended:
            return {}
        tagged = self._keywords.tag(rows)
        return {
            head: KeywordAnswer(
                [Label(*pair) for pair in zip(tagged[f"{head}_major"], tagged[f"{head}_minor"], strict=True)],
                tagged[f"{head}_confidence"].to_numpy(np.float64),
            )
            for head in HEADS
        }


def _best(answers: _Answers, head: Head) -> tuple[list[Label], npt.NDArray[np.float64]]:
    if head in answers.predictions:
        return answers.predictions[head].labels, answers.predictions[head].confidences
    return list(answers.by_keywords[head].labels), answers.by_keywords[head].scores


def _ranked(answers: _Answers, head: Head, row: int, count: int) -> list[Choice]:
    if answers.blank[row]:
        return [Choice(OTHER, 0.0)]
    if head in answers.predictions:
        return answers.predictions[head].top(row, count)
    words = answers.by_keywords[head]
    return [Choice(words.labels[row], float(words.scores[row]))]


def load_tagger(
    model: PlannedModel, store: ObjectStore, taxonomy: Taxonomy, cache: Path
) -> ModelTagger | KeywordTagger:
    """Return the tagger that a plan names, ready to answer.

    Args:
        model: from the plan, or Registry.resolve().
        store: the models' store.
        taxonomy: the plan's; labels that are not active in it are never answered.
        cache: the local model directory (MODEL_DIR).

    Raises:
        DataError: the release is missing, is not what was planned, or its files do not belong together.
        UnavailableError: the store does not answer, or the cache cannot be written.
    """
    release = Registry(store).planned(model)
    if release is None:
        return KeywordTagger(taxonomy)
    device = detect_device()
    heads = fetch(store, release, cache, device)
    return ModelTagger(release.version, ModelLoader(device).load(heads, taxonomy), taxonomy)


def classify(tagger: ModelTagger | KeywordTagger, text: RowText) -> dict[Head, list[Choice]]:
    """Return, for each head, the label of one text with its confidence and up to three runners-up, best first.

    The text is cleaned and masked here. The keyword tagger's numbers are scores, and it has as many labels as it found
    keywords for.
    """
    rows = tagger_rows(pd.DataFrame([text], columns=list(TEXT)))
    if isinstance(tagger, ModelTagger):
        return tagger.rank(rows, 1 + RUNNERS_UP)[0]
    ranked = tagger.rank(RowText(*rows.iloc[0]), 1 + RUNNERS_UP)
    return {head: [Choice(label, score) for label, score in ranked[head]] for head in HEADS}
