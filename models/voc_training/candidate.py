"""Which kind of model becomes a candidate, and how its parts are mixed: judged on validation rows alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voc_models.artifact import Component, FinalCalibration, Kind, Part, Precision
from voc_models.calibration import Calibration, Floats, keyword_probabilities, mix
from voc_training.calibrate import FEW_ROWS, Numbers, fit_curve, fit_temperature, fit_weights, folds

_ORDER: Final[tuple[Component, ...]] = ("linear", "kobert", "keyword")


class KeywordSays(NamedTuple):
    """What the keyword tagger said: number of the class (None: unknown to the model, or not asked), and score."""

    best: list[int | None]
    scores: Floats


class Evidence(NamedTuple):
    """Validation rows: uncalibrated probabilities of each part, the truth, and which rows have the same text."""

    models: Mapping[Component, Floats]
    truth: Numbers
    groups: list[str]
    keyword: KeywordSays | None = None


class Choice(NamedTuple):
    """The candidate's parts, and the cross-fitted validation accuracy of every kind that was looked at."""

    kind: Kind
    parts: dict[Component, Part]
    accuracies: dict[str, float]


def choose(evidence: Evidence) -> Choice:
    """Return the best of linear, KoBERT and their calibrated blend with the keyword score.

    What has to be fitted (temperatures, curve, weights) is fitted on one half of the texts and judged on the other,
    both ways, so that the blend's freedom is no advantage. On equal accuracy the simpler kind wins; the winner's parts
    are fitted once more on all rows.
    """
    halves = folds(evidence.groups)
    options: dict[Kind, tuple[Component, ...]] = {}
    if "linear" in evidence.models:
        options["linear"] = ("linear",)
    if "kobert" in evidence.models:
        options["kobert"] = ("kobert",)
    everything = tuple(name for name in _ORDER if name in evidence.models or (name == "keyword" and evidence.keyword))
    if len(everything) > 1:
        options["blend"] = everything
    accuracies = {kind: _cross_fitted(evidence, names, halves) for kind, names in options.items()}
    best = max(options, key=lambda kind: accuracies[kind])  # the first of equals: options run from simple to complex
    parts = fit_parts(evidence, options[best])
    return Choice(_kind(parts), parts, {str(name): value for name, value in accuracies.items()})


def _kind(parts: Mapping[Component, Part]) -> Kind:
    if len(parts) > 1:
        return "blend"
    return "linear" if "linear" in parts else "kobert"


def fit_parts(evidence: Evidence, names: tuple[Component, ...]) -> dict[Component, Part]:
    """Return the parts with their calibrations and weights; a mixture always keeps a model beside the keywords."""
    calibrations: dict[Component, Calibration] = {
        name: fit_temperature(evidence.models[name], evidence.truth) for name in names if name != "keyword"
    }
    if "keyword" in names and evidence.keyword is not None:
        calibrations["keyword"] = _keyword_curve(evidence.keyword, evidence.truth)
    if len(names) == 1:
        return {names[0]: Part(weight=1.0, calibration=calibrations[names[0]])}
    weights = fit_weights(_calibrated(evidence, calibrations), evidence.truth)
    if set(weights) == {"keyword"}:
        model = next(name for name in names if name != "keyword")
        weights = {model: 0.1, "keyword": 0.9}
    return {name: Part(weight=weight, calibration=calibrations[name]) for name, weight in weights.items()}


def _keyword_curve(keyword: KeywordSays, truth: Numbers) -> Calibration:
    """Fit on the rows where the tagger found a keyword; a row without a hit says nothing when it is served either."""
    known = np.asarray([best is not None for best in keyword.best]) & (keyword.scores > 0)
    said = np.asarray([-1 if best is None else best for best in keyword.best])
    return fit_curve(keyword.scores[known], (said == truth)[known])


def _calibrated(evidence: Evidence, calibrations: Mapping[Component, Calibration]) -> dict[Component, Floats]:
    parts: dict[Component, Floats] = {}
    for name, calibration in calibrations.items():
        if name != "keyword":
            parts[name] = calibration.probabilities(evidence.models[name])
        elif evidence.keyword is not None:
            classes = next(iter(evidence.models.values())).shape[1]
            best = [b if s > 0 else None for b, s in zip(evidence.keyword.best, evidence.keyword.scores, strict=True)]
            parts[name] = keyword_probabilities(best, calibration.confidence(evidence.keyword.scores), classes)
    return parts


def mixture(evidence: Evidence, parts: Mapping[Component, Part]) -> Floats:
    """Return the mixed (rows, classes) probabilities before the final calibration, as they are served."""
    scored = _calibrated(evidence, {name: part.calibration for name, part in parts.items()})
    return mix([(part.weight, scored[name]) for name, part in parts.items()])


def select(evidence: Evidence, rows: NDArray[np.bool_]) -> Evidence:
    """Return the evidence of some rows."""
    keyword = evidence.keyword
    return Evidence(
        {name: values[rows] for name, values in evidence.models.items()},
        evidence.truth[rows],
        [group for group, kept in zip(evidence.groups, rows, strict=True) if kept],
        keyword and KeywordSays([b for b, kept in zip(keyword.best, rows, strict=True) if kept], keyword.scores[rows]),
    )


def _cross_fitted(evidence: Evidence, names: tuple[Component, ...], halves: Numbers) -> float:
    right = np.zeros(len(evidence.truth), dtype=bool)
    for half in set(halves.tolist()):
        judged = halves == half
        learnt = select(evidence, ~judged) if (~judged).any() else evidence
        parts = fit_parts(learnt, names)
        right[judged] = mixture(select(evidence, judged), parts).argmax(axis=1) == evidence.truth[judged]
    return float(right.mean()) if len(right) else 0.0


def final_calibrations(
    precision: Precision, with_reply: tuple[Floats, Numbers], without_reply: tuple[Floats, Numbers]
) -> tuple[FinalCalibration, FinalCalibration]:
    """Return the calibration after mixing, for rows with a reply and for rows without one.

    Each pair is (mixed probabilities, truth) of validation rows; with too few of one sort the other's serves both.
    """
    both = [pair if len(pair[1]) >= FEW_ROWS else None for pair in (with_reply, without_reply)]
    replied = both[0] or both[1] or with_reply
    bare = both[1] or both[0] or without_reply
    return (
        FinalCalibration(precision=precision, with_reply=True, calibration=fit_temperature(*replied)),
        FinalCalibration(precision=precision, with_reply=False, calibration=fit_temperature(*bare)),
    )
