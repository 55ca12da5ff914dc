"""``python -m bench.training``: a whole training on fifteen reviewed months of the sample, and what the gate says.

The store is made as the tests make theirs: every month tagged by keywords and reviewed with its true labels, 5 % of the
texts kept as 표본. Training is the product's own train step with ``baseModel: scratch``.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench.measured import Measured, machine, table
from tests.integration.fixtures_training import reviewed_store
from voc_models.labels import HEAD_NAMES
from voc_models.months import Month
from voc_models.registry import Registry
from voc_training.fit_encoder import EncoderPlan
from voc_training.pipeline import Job, train
from voc_training.publish import RunDecision

_FIRST: Final = Month(2024, 10)
_MONTHS: Final = 15


def main() -> None:
    """Train, and print the decision and the measures."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    console = Console()
    console.print(machine(), highlight=False)
    with tempfile.TemporaryDirectory(prefix="voc-training-") as folder:
        place = Path(folder)
        reviewed = reviewed_store(place / "store", [_FIRST.plus(n) for n in range(_MONTHS)], sample_rate=0.05)
        job = Job(
            plan=reviewed.plan,
            store=reviewed.store,
            models=reviewed.store,
            encoder=EncoderPlan("scratch"),
            joint=False,
            work=place / "work",
            cache=place / "cache",
            git_commit="",
            clock=lambda: datetime.now(UTC),
        )
        started = time.process_time()
        decision = train(job)
        taken = time.process_time() - started
        console.print(decision.reason, highlight=False)
        console.print(table([Measured("training, all of it", taken, "CPU s"), *_measures(job, decision)]))


def _measures(job: Job, decision: RunDecision) -> Iterator[Measured]:
    """Yield what the manifests say."""
    registry = Registry(job.models)
    release = registry.release(decision.release.release)
    for head, name in HEAD_NAMES.items():
        entry = release.head(head)
        if entry is None:
            continue
        manifest = registry.manifest(head, entry)
        metrics: Mapping[str, Any] = manifest.metrics
        for part, found in manifest.parts.items():
            yield Measured(f"{name}: weight of {part}", found.weight, "")
        for kind, accuracy in metrics["validation_accuracy_by_kind"].items():
            yield Measured(f"{name}: {kind}, validation", 100 * accuracy, "%")
        for reply in ("with_reply", "without_reply"):
            yield Measured(f"{name}: 표본 {reply}", 100 * metrics["frozen"][reply]["accuracy"], "%")
            yield Measured(f"{name}: 표본 {reply}, macro-F1", 100 * metrics["frozen"][reply]["macro_f1"], "%")
            yield Measured(f"{name}: newest month {reply}", 100 * metrics["time_hold_out"][reply]["accuracy"], "%")
        for when, value in metrics["ece"].items():
            yield Measured(f"{name}: calibration error, {when}", value, "")
        for point in metrics["learning_curve"]:
            yield Measured(f"{name}: {point['rows']} rows until {point['until']}", 100 * point["accuracy"], "%")


if __name__ == "__main__":
    main()
