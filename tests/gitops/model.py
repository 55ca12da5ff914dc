"""A model that was really trained and really judged, in the environments' common model store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.integration.fixtures_training import reviewed_store
from voc_models.months import Month
from voc_models.registry import Registry
from voc_training.fit_encoder import EncoderPlan
from voc_training.pipeline import Job, train
from voc_training.publish import apply

if TYPE_CHECKING:
    from pathlib import Path

    from voc_models.plan import PlannedModel
    from voc_models.store import ObjectStore

_MONTHS = (Month(2025, 9), Month(2025, 10), Month(2025, 11))


def trained_champion(models: ObjectStore, folder: Path) -> PlannedModel:
    """Train on three reviewed months of the sample, let the gate decide, and return the release that serves now."""
    reviewed = reviewed_store(folder / "store", _MONTHS)
    job = Job(
        plan=reviewed.plan,
        store=reviewed.store,
        models=models,
        encoder=EncoderPlan("scratch", epochs=1, tokens=48),
        joint=False,
        work=folder / "work",
        cache=folder / "cache",
        git_commit="abc",
        clock=lambda: datetime.now(UTC),
    )
    release, sentence = apply(models, train(job), datetime.now(UTC))
    assert release != "keyword", sentence
    return Registry(models).resolve("champion")
