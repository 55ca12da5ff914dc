"""What more months are worth, and what next month will feel like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from voc_models.artifact import TrainingFacts
from voc_models.labels import Head, Label, Taxonomy
from voc_training.build import Built, Origin, build_head
from voc_training.encoder import SCRATCH
from voc_training.fit_encoder import EncoderPlan, FittedEncoder, Taught, train_encoder
from voc_training.rows import HeadRows
from voc_training.served import load, measured
from voc_training.split import newest_month, split
from voc_training.team import Team

#: Points of the learning curve, the last one with all months.
_POINTS = 4
#: A fit needs this many rows; earlier points of the curve are left out.
_LEAST = 30


def learning_curve(
    head: Head, table: HeadRows, validation: pd.DataFrame, work: Path, taxonomy: Taxonomy
) -> list[dict[str, Any]]:
    """Return the validation accuracy, with and without the reply, of the linear model taught ever more months.

    The baseline stands for all kinds: it shows whether more reviewed months still help, in seconds instead of hours.
    Nothing is looked at on the frozen rows here.
    """
    points: list[dict[str, Any]] = []
    months = sorted(set(table.rows["month"]))
    for count in sorted({-(-len(months) * step // _POINTS) for step in range(1, _POINTS + 1)}):
        rows = table.rows[table.rows["month"].isin(months[:count]) & ~table.rows["is_sample"]]
        train = rows[~rows["group"].isin(set(validation["group"]))]
        parts = split(train, "label")._replace(train=train, validation=validation)
        found = _built(head, Taught(parts, _classes(table.classes, train)), None, work / str(count), taxonomy)
        if found is None:
            continue
        model = load(found.directory, found.manifest, taxonomy)
        both = measured(model, head, validation, sorted(set(validation["label"])))
        if both.with_reply and both.without_reply:
            points.append(
                {
                    "until": months[count - 1],
                    "rows": len(train),
                    "accuracy": both.with_reply.accuracy,
                    "without_reply": both.without_reply.accuracy,
                }
            )
    return points


def time_hold_out(
    built: Built, table: HeadRows, plan: EncoderPlan, work: Path, taxonomy: Taxonomy, team: Team
) -> dict[str, Any] | None:
    """Fit the candidate's kind once more without the newest month and measure it there; None with fewer than 3 months.

    Texts of that month which occur earlier are left out, and so are its 표본 rows. A scratch encoder is not fitted a
    second time: it is the quick choice, and the baseline answers for it; ``kind`` says what was measured.
    """
    newest = newest_month(table.rows)
    if newest is None:
        return None
    rows = table.rows[~table.rows["is_sample"]]
    earlier, later = rows[rows["month"] != newest], rows[rows["month"] == newest]
    later = later[~later["group"].isin(set(earlier["group"]))]
    parts = split(earlier, "label", seed=plan.seed)
    taught = Taught(parts, _classes(table.classes, parts.train))
    encoder: FittedEncoder | None = None
    if "kobert" in built.manifest.parts and plan.base_model != SCRATCH and len(taught.classes) > 1:
        directory = work / "encoder"
        directory.mkdir(parents=True)
        encoder = train_encoder({built.head: taught}, plan, directory, work / "checkpoints", team)
    found = _built(built.head, taught, encoder, work, taxonomy)
    if found is None or later.empty:
        return None
    model = load(found.directory, found.manifest, taxonomy)
    both = measured(model, built.head, later, sorted(set(later["label"])))
    return {"month": newest, "rows": len(later), "kind": found.manifest.kind, **both.record()}


def _classes(classes: tuple[Label, ...], train: pd.DataFrame) -> tuple[Label, ...]:
    known = set(train["label"])
    return tuple(label for label in classes if str(label) in known)


def _built(head: Head, taught: Taught, encoder: FittedEncoder | None, work: Path, taxonomy: Taxonomy) -> Built | None:
    """Return a model of the rows that train, chosen and calibrated on the validation rows whose class it knows."""
    train, validation = taught.parts.train, taught.parts.validation
    judged = validation[validation["label"].isin({str(label) for label in taught.classes})]
    if len(train) < _LEAST or len(taught.classes) < 2 or judged.empty:
        return None
    work.mkdir(parents=True, exist_ok=True)
    known = Taught(taught.parts._replace(validation=judged), taught.classes)
    return build_head(head, known, encoder, work, Origin("19700101", taxonomy, TrainingFacts(), ""))
