"""A training run from reviewed rows to a decision: fit, choose, judge, publish. The one place that wires the stages."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from voc_models.artifact import TrainingFacts
from voc_models.calibration import IDENTITY
from voc_models.labels import HEAD_NAMES, HEADS, Head
from voc_models.months import KST, zone
from voc_models.plan import Plan
from voc_models.registry import Registry
from voc_models.store import ObjectStore
from voc_training.build import Built, Origin, build_head, finished
from voc_training.card import write_cards
from voc_training.data import load_reviewed
from voc_training.evaluate import Answers, expected_calibration_error
from voc_training.fit_encoder import EncoderPlan, FittedEncoder, Taught, train_encoder
from voc_training.judge import Verdict, champion_release, champion_says, judge
from voc_training.over_time import learning_curve, time_hold_out
from voc_training.publish import RunDecision, decision_of, publish, stored_decision, write_decision
from voc_training.rows import HeadRows, cleaned, head_rows
from voc_training.served import ask, load, measured
from voc_training.split import split
from voc_training.team import ALONE, Team

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """Everything a training run needs; ``clock`` returns an aware time."""

    plan: Plan
    store: ObjectStore
    models: ObjectStore
    encoder: EncoderPlan
    joint: bool
    work: Path
    cache: Path
    git_commit: str
    clock: Callable[[], datetime]
    team: Team = ALONE


def train(job: Job) -> RunDecision:
    """Run the train step: read, fit, choose, judge on the frozen rows, publish, decide. Nothing is promoted here.

    A second attempt of a run that decided returns its decision; one that was killed goes on from its checkpoints.

    Raises:
        NoReviewsError, TooFewRowsError: there is too little to learn from.
        VocError: a stage failed; see its module.
    """
    earlier = stored_decision(job.store, job.plan)
    if earlier is not None:
        log.info("Run %s has decided already: %s", job.plan.run_id, earlier.verdict)
        return earlier
    tables = _tables(job)
    taught, notes = _taught(tables, joint=job.joint, seed=job.encoder.seed)
    root = _fresh(job.work / "artifacts")
    encoders = _encoders(job, taught, root, job.work / "checkpoints")
    started = job.clock()
    version = Registry(job.models).claim_version(started.astimezone(zone(KST)).date(), job.plan.run_id)
    built = [build_head(head, taught[head], encoders.get(head), root, _origin(job, version, tables)) for head in HEADS]
    name, release = champion_release(job.models)
    verdicts: dict[Head, Verdict] = {}
    kept = release
    for one in built:
        frozen = taught[one.head].parts.frozen
        says = champion_says(one.head, frozen, release, job.models, job.cache, job.plan.taxonomy)
        kept = None if says.note else kept  # what cannot serve is not carried on beside a head that passed
        verdicts[one.head] = judge(one, frozen, says, job.plan.taxonomy)
        log.info("%s: %s", HEAD_NAMES[one.head], verdicts[one.head].decision.reason)
    done = _finish(job, built, tables, taught, verdicts, encoders, notes)
    planned = publish(job.models, job.plan, done, verdicts, kept, job.clock())
    every_note = [note for head in HEADS for note in (*notes[head], *verdicts[head].notes)]
    rows = sum(len(table.rows) for table in tables.values())
    return write_decision(
        job.store, job.plan, decision_of(job.plan, planned, name, verdicts, every_note, rows, job.clock())
    )


def _tables(job: Job) -> dict[Head, HeadRows]:
    """Read and clean the reviewed rows of every head."""
    reviewed = load_reviewed(job.store, job.plan)
    table = cleaned(reviewed, job.plan.taxonomy)
    tables = {head: head_rows(table, head, job.plan.taxonomy) for head in HEADS}
    for head, rows in tables.items():
        log.info("%s: %d reviewed rows, %d classes.", HEAD_NAMES[head], len(rows.rows), len(rows.classes))
        for note in rows.notes:
            log.info("%s: %s", HEAD_NAMES[head], note)
    return tables


def _taught(
    tables: Mapping[Head, HeadRows], *, joint: bool, seed: int
) -> tuple[dict[Head, Taught], dict[Head, tuple[str, ...]]]:
    """Split each head's rows; heads that share an encoder share the rows that validate."""
    shared: frozenset[str] | None = None
    taught: dict[Head, Taught] = {}
    for head, table in tables.items():
        parts = split(table.rows, "label", validates=shared, seed=seed)
        if joint and shared is None:
            shared = frozenset(parts.validation["group"])
        taught[head] = Taught(parts, table.classes)
    return taught, {head: table.notes for head, table in tables.items()}


def _encoders(job: Job, taught: Mapping[Head, Taught], root: Path, checkpoints: Path) -> dict[Head, FittedEncoder]:
    """Train one encoder for each head, or one for both."""
    groups: list[dict[Head, Taught]] = [dict(taught)] if job.joint else [{head: part} for head, part in taught.items()]
    fitted: dict[Head, FittedEncoder] = {}
    for group in groups:
        name = "_".join(group)
        directory = root / f"encoder_{name}"
        directory.mkdir(parents=True)
        encoder = train_encoder(group, job.encoder, directory, checkpoints / name, job.team)
        fitted |= dict.fromkeys(group, encoder)
    return fitted


def _origin(job: Job, version: str, tables: Mapping[Head, HeadRows]) -> Origin:
    months = sorted({str(month) for table in tables.values() for month in table.rows["month"]})
    details = {"run_id": job.plan.run_id, "layout": "joint" if job.joint else "separate"}
    training = TrainingFacts(months=tuple(months), started=job.clock(), seed=job.encoder.seed, details=details)
    return Origin(version, job.plan.taxonomy, training, job.git_commit)


def _finish(
    job: Job,
    built: list[Built],
    tables: Mapping[Head, HeadRows],
    taught: Mapping[Head, Taught],
    verdicts: Mapping[Head, Verdict],
    encoders: Mapping[Head, FittedEncoder],
    notes: Mapping[Head, tuple[str, ...]],
) -> list[Built]:
    """Measure what a person wants to know beyond the gate, and write metrics, cards and manifests."""
    done: list[Built] = []
    for one in built:
        metrics = _metrics(job, one, tables[one.head], taught[one.head], verdicts[one.head], encoders.get(one.head))
        metrics["notes"] = [*notes[one.head], *verdicts[one.head].notes]
        write_cards(one, metrics, verdicts[one.head].decision)
        other = done[0] if job.joint and done else None
        done.append(finished(one, {"metrics": metrics, "serve": verdicts[one.head].serve}, other))
    return done


def _metrics(
    job: Job, built: Built, table: HeadRows, taught: Taught, verdict: Verdict, encoder: FittedEncoder | None
) -> dict[str, Any]:
    model = load(built.directory, built.manifest, job.plan.taxonomy)
    validation = measured(model, built.head, taught.parts.validation, [str(label) for label in taught.classes])
    raw, bare = (_uncalibrated(job, built, taught.parts.validation, reply=reply) for reply in (True, False))
    work = _fresh(job.work / f"over_time_{built.head}")
    metrics: dict[str, Any] = {
        "frozen": verdict.candidate.record(),
        "champion": verdict.champion.model_dump(mode="json") if verdict.champion else None,
        "decision": verdict.decision.model_dump(mode="json"),
        "looks": [look.model_dump(mode="json") for look in verdict.looks],
        "validation": validation.record(),
        "validation_accuracy_by_kind": built.choice.accuracies,
        "ece": {
            "before": raw,
            "after": validation.with_reply.ece if validation.with_reply else None,
            "before_without_reply": bare,
            "after_without_reply": validation.without_reply.ece if validation.without_reply else None,
        },
        "learning_curve": learning_curve(built.head, table, taught.parts.validation, work / "curve", job.plan.taxonomy),
        "time_hold_out": time_hold_out(built, table, job.encoder, work / "hold_out", job.plan.taxonomy, job.team),
    }
    if encoder is not None:
        metrics["encoder"] = {
            "parity": {name: found._asdict() for name, found in encoder.parity.items()},
            "epochs": encoder.report.epochs,
            "notes": list(encoder.report.notes),
        }
    return metrics


def _uncalibrated(job: Job, built: Built, rows: pd.DataFrame, *, reply: bool) -> float:
    """Return the calibration error that the model would have without the final calibration."""
    identity = tuple(entry.model_copy(update={"calibration": IDENTITY}) for entry in built.manifest.calibration)
    plain = built.manifest.model_copy(update={"calibration": identity})
    answers = ask(load(built.directory, plain, job.plan.taxonomy), built.head, rows, reply=reply)
    found = Answers(list(rows["label"]), answers.labels, answers.confidences)
    right = pd.Series(found.truth).to_numpy() == pd.Series(found.predicted).to_numpy()
    return expected_calibration_error(right, found.confidence)


def _fresh(directory: Path) -> Path:
    """Return an empty directory: what a killed attempt left there is of no use."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
