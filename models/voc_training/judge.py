"""The frozen test: the candidate against the champion on the same rows, per precision, with the gate's answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from voc_models.artifact import GRAPHS, Device, Precision
from voc_models.labels import Head, Taxonomy
from voc_models.loader import ModelLoader
from voc_models.model_cache import fetch
from voc_models.registry import Registry
from voc_models.releases import Release
from voc_models.run import KEYWORD_MODEL
from voc_models.store import ObjectStore
from voc_training.build import Built
from voc_training.evaluate import Answers, Metrics, measure
from voc_training.gate import Decision, Judged, Sides, decide
from voc_training.quantise import LEAST_AGREEMENT
from voc_training.served import BATCHINGS, BothWays, ask, load, measured, with_graph

_CHEAPER: Final[Mapping[Device, Precision]] = {"cpu": "int8", "cuda": "fp16"}


class ChampionSays(NamedTuple):
    """The champion's labels for frozen rows; ``known`` marks the rows for which there is an answer to compare with."""

    name: str
    labels: list[str]
    known: NDArray[np.bool_]


class Verdict(NamedTuple):
    """One head's frozen test: the decision for the precision that serves, every other look, and the metrics."""

    decision: Decision
    looks: tuple[Decision, ...]
    serve: dict[Device, Precision]
    candidate: BothWays
    champion: Metrics | None
    notes: tuple[str, ...]


def champion_release(models: ObjectStore) -> tuple[str, Release | None]:
    """Return the champion's name and its release; the keyword tagger has none."""
    registry = Registry(models)
    name = registry.champion().champion.release
    return name, None if name == KEYWORD_MODEL else registry.release(name)


def champion_says(
    head: Head, frozen: pd.DataFrame, release: Release | None, models: ObjectStore, cache: Path, taxonomy: Taxonomy
) -> ChampionSays:
    """Return what the champion answers for the frozen rows.

    A release is asked through inference, today's taxonomy applied. Of the keyword tagger, which lives in the worker,
    the labels are those that it gave when it tagged the month; rows that another model tagged are left out.
    """
    entry = release.head(head) if release else None
    if release is None or entry is None:
        labels = list(frozen[f"keyword_{head}"])
        return ChampionSays(KEYWORD_MODEL, labels, np.asarray([label != "" for label in labels], dtype=bool))
    cached = [one for one in fetch(models, release, cache, "cpu") if one.manifest.head == head]
    model = ModelLoader("cpu").load([(one.directory, one.manifest) for one in cached], taxonomy)
    return ChampionSays(release.version, ask(model, head, frozen).labels, np.ones(len(frozen), dtype=bool))


def judge(built: Built, frozen: pd.DataFrame, champion: ChampionSays, taxonomy: Taxonomy) -> Verdict:
    """Let the candidate meet the frozen rows, and decide.

    fp32 (or the linear model) is judged first. Only when it passes, the cheaper graphs are judged too, each under two
    different batchings; int8 serves on CPUs, and fp16 on GPUs, when both looks pass and its labels agree with fp32.
    """
    model = load(built.directory, built.manifest, taxonomy)
    rows, labels = (
        frozen[champion.known],
        [label for label, known in zip(champion.labels, champion.known, strict=True) if known],
    )
    notes = []
    if len(rows) < len(frozen):
        notes.append(
            f"{len(frozen) - len(rows)} frozen rows are left out: another model tagged them, "
            "and what the keyword tagger would say is unknown."
        )
    answers = ask(model, built.head, rows)
    sides = Sides(built.head, champion.name, built.manifest.version, built.manifest.serve["cpu"])
    first = decide(_judged(rows, labels, answers.labels), sides)
    serve: dict[Device, Precision] = dict(built.manifest.serve)
    looks: list[Decision] = []
    if first.promote and "kobert" in built.manifest.parts:
        serve["cuda"] = "fp32"
        for device, precision in _CHEAPER.items():
            if GRAPHS[precision] not in built.manifest.files:
                continue
            agreements, passed = [], True
            for budget in BATCHINGS:
                cheaper, _ = with_graph(model, built.directory, built.manifest, precision, budget)
                found = ask(cheaper, built.head, rows).labels
                looks.append(decide(_judged(rows, labels, found), sides._replace(precision=f"{precision}/{budget}")))
                passed &= looks[-1].promote
                agreements.append(float(np.mean([a == b for a, b in zip(found, answers.labels, strict=True)])))
            if passed and min(agreements) >= LEAST_AGREEMENT:
                serve[device] = precision
            else:
                share = f"{min(agreements):.2%}"
                notes.append(f"{precision} is not served: its labels agree with fp32 in {share} of the frozen rows.")
    classes = sorted(set(rows["label"]))
    truth = list(rows["label"])
    return Verdict(
        decision=first,
        looks=tuple(looks),
        serve=serve,
        candidate=measured(model, built.head, rows, classes),
        champion=measure(Answers(truth, labels, np.ones(len(labels))), classes),
        notes=tuple(notes),
    )


def _judged(rows: pd.DataFrame, champion: list[str], candidate: list[str]) -> Judged:
    return Judged(list(rows["label"]), champion, candidate, list(rows["group"]))
