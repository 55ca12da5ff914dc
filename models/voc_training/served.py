"""Ask a model exactly as the worker asks it: every number that is published comes through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from voc_models.artifact import GRAPHS, Device, Manifest, Precision, file_path
from voc_models.inference import Model
from voc_models.labels import Head, Taxonomy
from voc_models.loader import ModelLoader
from voc_models.session import Graph, device_of
from voc_models.threads import available_cpus
from voc_training.build import keyword_answer
from voc_training.evaluate import Answers, Metrics, measure
from voc_training.fit_encoder import inputs_of

#: Tokens of a batch, for asking the same graph under two different batchings.
BATCHINGS = (512, 4096)


class Served(NamedTuple):
    """Joined labels and confidences, row by row."""

    labels: list[str]
    confidences: NDArray[np.float64]


class BothWays(NamedTuple):
    """Metrics of rows as they are, and of the same rows before their reply existed."""

    with_reply: Metrics | None
    without_reply: Metrics | None

    def record(self) -> dict[str, object]:
        """Return what goes into the manifest."""
        return {name: value.model_dump(mode="json") if value else None for name, value in self._asdict().items()}


def load(directory: Path, manifest: Manifest, taxonomy: Taxonomy, device: Device = "cpu") -> Model:
    """Open one head as the worker opens it, all checks included."""
    return ModelLoader(device).load([(directory, manifest)], taxonomy)


def with_graph(
    model: Model, directory: Path, manifest: Manifest, precision: Precision, token_budget: int
) -> tuple[Model, Manifest]:
    """Return the model served by another precision's graph, batched by another budget."""
    changed = manifest.model_copy(update={"serve": {**manifest.serve, "cpu": precision}})
    path = file_path(directory, manifest, GRAPHS[precision])
    graph = Graph(path, device_of(precision), workers=available_cpus(), token_budget=token_budget)
    return Model({manifest.head: replace(model.heads[manifest.head], manifest=changed, graph=graph)}), changed


def ask(model: Model, head: Head, rows: pd.DataFrame, *, reply: bool = True) -> Served:
    """Return the model's answers for ``rows``."""
    if rows.empty:
        return Served([], np.zeros(0))
    answer = model.predict(inputs_of(rows, reply=reply), {head: keyword_answer(rows, head, reply=reply)})[head]
    return Served([str(label) for label in answer.labels], answer.confidences)


def measured(model: Model, head: Head, rows: pd.DataFrame, labels: Sequence[str]) -> BothWays:
    """Return the metrics of the model on ``rows`` (column ``label``), with and without the reply."""
    found: Mapping[bool, Served] = {reply: ask(model, head, rows, reply=reply) for reply in (True, False)}
    truth = list(rows["label"])
    return BothWays(
        *(measure(Answers(truth, found[reply].labels, found[reply].confidences), labels) for reply in (True, False))
    )
