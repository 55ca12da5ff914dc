"""The frozen test: the candidate against the champion on the same rows, per precision, with the gate's answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from voc_models.artifact import GRAPHS, Device, Precision
from voc_models.labels import Head, Taxonomy
from voc_models.loader import ModelLoader
from voc_models.model_cache import fetch
from voc_models.registry import Registry
from voc_models.releases import Release
from voc_models.run import KEYWORD_MODEL
from voc_models.store import ObjectStore
from voc_models.text import TEXT_VERSION
from voc_training.build import Built
from voc_training.evaluate import Answers, Metrics, measure
from voc_training.gate import Decision, Judged, Sides, decide
from voc_training.quantise import LEAST_AGREEMENT
from voc_training.rows import keyword_columns
from voc_training.served import BATCHINGS, BothWays, ask, load, measured, with_graph

_CHEAPER: Final[Mapping[Device, Precision]] = {"cpu": "int8", "cuda": "fp16"}


class ChampionSays(NamedTuple):
    """The champion's labels for the frozen rows, row by row; ``note`` says when another one answers in its place."""

    name: str
    labels: list[str]
    note: str = ""


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

    A release is asked through inference, and where it leaves the head to keywords, the keyword tagger: whoever tagged
    the rows then, the answer is today's, with today's taxonomy. So does it for a release whose text this program no
    longer makes: that one can serve no month either, and would otherwise stand in the way of every successor.
    """
    keyword = list(frozen[keyword_columns(reply=True)[head][0]])
    entry = release.head(head) if release else None
    if release is None or entry is None:
        return ChampionSays(KEYWORD_MODEL, keyword)
    cached = [one for one in fetch(models, release, cache, "cpu") if one.manifest.head == head]
    if any(one.manifest.text_version != TEXT_VERSION for one in cached):
        note = f"Release {release.version} reads text that this program no longer makes: the keyword tagger answered."
        return ChampionSays(KEYWORD_MODEL, keyword, note)
    model = ModelLoader("cpu").load([(one.directory, one.manifest) for one in cached], taxonomy)
    return ChampionSays(release.version, ask(model, head, frozen).labels)


def judge(built: Built, frozen: pd.DataFrame, champion: ChampionSays, taxonomy: Taxonomy) -> Verdict:
    """Let the candidate meet the frozen rows, and decide.

    fp32 (or the linear model) is judged first. Only when it passes, the cheaper graphs are judged too, each under two
    different batchings; int8 serves on CPUs, and fp16 on GPUs, when both looks pass and its labels agree with fp32.
    """
    model = load(built.directory, built.manifest, taxonomy)
    notes = [champion.note] if champion.note else []
    answers = ask(model, built.head, frozen)
    sides = Sides(built.head, champion.name, built.manifest.version, built.manifest.serve["cpu"])
    first = decide(_judged(frozen, champion.labels, answers.labels), sides)
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
                found = ask(cheaper, built.head, frozen).labels
                looks.append(
                    decide(_judged(frozen, champion.labels, found), sides._replace(precision=f"{precision}/{budget}"))
                )
                passed &= looks[-1].promote
                agreements.append(float(np.mean([a == b for a, b in zip(found, answers.labels, strict=True)])))
            if passed and min(agreements) >= LEAST_AGREEMENT:
                serve[device] = precision
            else:
                share = f"{min(agreements):.2%}"
                notes.append(f"{precision} is not served: its labels agree with fp32 in {share} of the frozen rows.")
    classes = sorted(set(frozen["label"]))
    truth = list(frozen["label"])
    return Verdict(
        decision=first,
        looks=tuple(looks),
        serve=serve,
        candidate=measured(model, built.head, frozen, classes),
        champion=measure(Answers(truth, champion.labels, np.ones(len(truth))), classes),
        notes=tuple(notes),
    )


def _judged(rows: pd.DataFrame, champion: list[str], candidate: list[str]) -> Judged:
    return Judged(list(rows["label"]), champion, candidate, list(rows["group"]))
