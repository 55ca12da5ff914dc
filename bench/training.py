"""``python -m bench.training``: a whole training on fifteen reviewed months of the sample, and what the gate says.

The store is made as the tests make theirs: every month tagged by keywords and reviewed with its true labels, 5 % of the
texts kept as 표본. Training is the product's own train step with ``baseModel: scratch``. ``--samples 14`` trains on
fourteen samples of different seeds at once, about 100,000 rows, which takes an hour of a processor.
"""

from __future__ import annotations

import argparse
import logging
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Console

from bench.measured import Measured, machine, table
from tests.integration.fixtures_training import reviewed_store
from voc_models.labels import HEAD_NAMES
from voc_models.months import Month
from voc_models.registry import Registry
from voc_training.fit_encoder import EncoderPlan
from voc_training.pipeline import Job, train
from voc_training.publish import RunDecision
from voc_worker.sample.generate import SEED, Sample, generate

_FIRST: Final = Month(2024, 10)
_MONTHS: Final = 15
#: More than a sample has.
_IDS: Final = 1_000_000


def main() -> None:
    """Train, and print the decision and the measures."""
    parser = argparse.ArgumentParser(prog="python -m bench.training", description="Train on the sample, and measure.")
    parser.add_argument("--samples", type=int, default=1, help="samples of different seeds to learn from (default: 1)")
    parser.add_argument("--epochs", type=int, help="rounds of the encoder; omitted: as the product chooses")
    parser.add_argument("--joint", action="store_true", help="one encoder for both heads")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    console = Console()
    console.print(machine(), highlight=False)
    with tempfile.TemporaryDirectory(prefix="voc-training-") as folder:
        place = Path(folder)
        reviewed = reviewed_store(
            place / "store", [_FIRST.plus(n) for n in range(_MONTHS)], sample_rate=0.05,
            source=_samples(chosen.samples),
        )  # fmt: skip
        job = Job(
            plan=reviewed.plan,
            store=reviewed.store,
            models=reviewed.store,
            encoder=EncoderPlan("scratch", epochs=chosen.epochs),
            joint=chosen.joint,
            work=place / "work",
            cache=place / "cache",
            git_commit="",
            clock=lambda: datetime.now(UTC),
        )
        started = time.process_time()
        decision = train(job)
        taken = time.process_time() - started
        console.print(decision.reason, highlight=False)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        costs = [Measured("training, all of it", taken, "CPU s"), Measured("peak memory", memory, "MB")]
        console.print(table([*costs, *_measures(job, decision)]))


def _samples(count: int) -> Sample:
    """Return that many samples of different seeds as one customer's, under ids of their own."""
    several = [generate(SEED + number) for number in range(count)]
    for number, sample in enumerate(several):
        sample.voc["id"] += number * _IDS
        sample.truth["voc_id"] = (sample.truth["voc_id"].astype(int) + number * _IDS).astype(str)
    return replace(
        several[0], **{name: pd.concat([getattr(one, name) for one in several]) for name in ("voc", "truth")}
    )


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
