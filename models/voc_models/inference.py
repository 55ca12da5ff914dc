"""From a row's text to a label and a calibrated confidence, for both heads, with whatever kind of model serves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from voc_models import calibration as cal
from voc_models.artifact import ArtifactError, Device, Manifest
from voc_models.calibration import Floats
from voc_models.encoding import Encoded, encode_inputs
from voc_models.labels import Head, Label
from voc_models.linear import LinearModel
from voc_models.session import Graph, Logits
from voc_models.text import ModelInput
from voc_models.tokenizer import Tokenizer


class KeywordAnswer(NamedTuple):
    """What the keyword tagger says of each row: a label and its score in [0, 1]; an input of blended heads."""

    labels: Sequence[Label]
    scores: Floats


class Choice(NamedTuple):
    """A label and its confidence."""

    label: Label
    confidence: float


@dataclass(frozen=True)
class Prediction:
    """One head's answer for all rows.

    Attributes:
        classes: the model's labels in the order of the columns.
        probabilities: (rows, classes), mixed, masked and after the temperature; each row sums to 1.
        confidences: (rows,), calibrated, of the best class.
    """

    classes: tuple[Label, ...]
    probabilities: Floats
    confidences: Floats

    @property
    def labels(self) -> list[Label]:
        """The best label of each row; a tie goes to the first class."""
        return [self.classes[number] for number in self.probabilities.argmax(axis=1)]

    def top(self, row: int, count: int) -> list[Choice]:
        """Return the best ``count`` labels of a row, best first.

        The first has the calibrated confidence; the others keep their shares of what it leaves, never above it.
        """
        values = self.probabilities[row]
        order = np.argsort(-values, kind="stable")[:count]
        best, confidence = float(values[order[0]]), float(self.confidences[row])
        left = (1 - confidence) / (1 - best) if best < 1 else 0.0
        scale = min(confidence / best, left)
        others = [Choice(self.classes[number], float(values[number]) * scale) for number in order[1:]]
        return [Choice(self.classes[order[0]], confidence), *others]


@dataclass(frozen=True)
class LoadedHead:
    """A head's manifest with what serves it.

    Attributes:
        manifest: the artifact's.
        allowed: (classes,), False for labels that left the taxonomy.
        device: where the graph runs.
        graph: of a KoBERT part, with its ``tokenizer``.
        tokenizer: of a KoBERT part.
        linear: of a linear part.
    """

    manifest: Manifest
    allowed: npt.NDArray[np.bool_]
    device: Device
    graph: Graph | None = None
    tokenizer: Tokenizer | None = None
    linear: LinearModel | None = None

    @property
    def needs_keywords(self) -> bool:
        """Whether the mixture asks the keyword tagger too."""
        return "keyword" in self.manifest.parts

    def combine(self, parts: Sequence[tuple[float, Floats]], replied: npt.NDArray[np.bool_]) -> Prediction:
        """Mix, mask and calibrate (weight, probabilities) parts; ``replied`` says which rows have a reply."""
        mixed = cal.mix(parts)
        probabilities, confidences = np.empty_like(mixed), np.empty(len(mixed))
        precision = self.manifest.precision(self.device)
        for with_reply in (False, True):
            rows = replied == with_reply
            final = self.manifest.final_calibration(precision, with_reply=with_reply)
            probabilities[rows] = cal.masked(final.probabilities(mixed[rows]), self.allowed)
            confidences[rows] = final.confidence(probabilities[rows].max(axis=1))
        return Prediction(self.manifest.label_list, probabilities, confidences)


class Model:
    """One or both heads, ready to answer."""

    def __init__(self, heads: Mapping[Head, LoadedHead]) -> None:
        self.heads = dict(heads)

    def predict(
        self, rows: Sequence[ModelInput], keywords: Mapping[Head, KeywordAnswer] | None = None
    ) -> dict[Head, Prediction]:
        """Answer every row for every head; equal rows are computed once.

        Args:
            rows: built by voc_models.text.model_input.
            keywords: the keyword tagger's answers, row by row, for the heads that need them.

        Raises:
            ArtifactError: a head needs keyword answers and got none, or a graph fails.
            NotFiniteError: a model answered NaN or infinity.
        """
        distinct = list(dict.fromkeys(rows))
        number = {row: position for position, row in enumerate(distinct)}
        back = np.asarray([number[row] for row in rows], dtype=np.int64)
        replied = np.asarray([bool(row.reply) for row in rows], dtype=np.bool_)
        logits = self._logits(distinct)
        return {
            head: loaded.combine(self._parts(head, distinct, back, logits, keywords or {}), replied)
            for head, loaded in self.heads.items()
        }

    def _parts(
        self,
        head: Head,
        distinct: Sequence[ModelInput],
        back: npt.NDArray[np.int64],
        logits: Mapping[Head, Floats],
        keywords: Mapping[Head, KeywordAnswer],
    ) -> list[tuple[float, Floats]]:
        loaded = self.heads[head]
        answered: list[tuple[float, Floats]] = []
        for component, part in loaded.manifest.parts.items():
            if component == "keyword":
                answered.append((part.weight, _keyword_part(loaded, keywords.get(head), len(back))))
                continue
            values = logits[head] if component == "kobert" else _linear(loaded, distinct)
            answered.append((part.weight, part.calibration.probabilities(cal.softmax(values))[back]))
        return answered

    def _logits(self, rows: Sequence[ModelInput]) -> dict[Head, Floats]:
        """Return the encoders' logits; heads that share a graph or a tokenizer share the work."""
        encoded: dict[tuple[str, int], list[Encoded]] = {}
        answers: dict[Graph, Logits] = {}
        result: dict[Head, Floats] = {}
        for head, loaded in self.heads.items():
            manifest, graph, tokenizer = loaded.manifest, loaded.graph, loaded.tokenizer
            if not (graph and tokenizer and manifest.tokenizer and manifest.max_length and manifest.output):
                continue
            key = (manifest.tokenizer.sha256, manifest.max_length)
            if key not in encoded:
                encoded[key] = encode_inputs(tokenizer, rows, manifest.max_length)
            if graph not in answers:
                answers[graph] = graph.run(encoded[key])
            result[head] = checked_width(answers[graph][manifest.output], manifest).astype(np.float64)
        return result


def _linear(loaded: LoadedHead, rows: Sequence[ModelInput]) -> Floats:
    assert loaded.linear is not None  # noqa: S101 - load_head gives every linear part its model
    return loaded.linear.decision(rows)


def checked_width(logits: npt.NDArray[np.floating], manifest: Manifest) -> npt.NDArray[np.floating]:
    """Return the logits as (rows, labels); ArtifactError when the graph answers another number of classes."""
    if len(logits) and logits.shape[1] != len(manifest.labels):
        raise ArtifactError(
            f"{manifest.folder} has {len(manifest.labels)} labels, its graph answers {logits.shape[1]}. "
            "Publish the model again."
        )
    return logits.reshape(len(logits), len(manifest.labels))


def _keyword_part(loaded: LoadedHead, answer: KeywordAnswer | None, rows: int) -> Floats:
    """Return the keyword tagger's share; a row that it does not know (score 0) says nothing about the classes."""
    if answer is None or len(answer.labels) != rows:
        raise ArtifactError(f"{loaded.manifest.folder} blends in the keyword tagger and was asked without its answers.")
    classes = loaded.manifest.label_list
    number = {label: position for position, label in enumerate(classes)}
    scores = np.asarray(answer.scores, dtype=np.float64)
    best = [number.get(label) if score > 0 else None for label, score in zip(answer.labels, scores, strict=True)]
    confidences = loaded.manifest.parts["keyword"].calibration.confidence(scores)
    return cal.keyword_probabilities(best, confidences, len(classes))
