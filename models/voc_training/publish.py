"""Adapter: the model store. Artifacts, release and decision go in; the switch is thrown by a second step."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from voc_models import keys
from voc_models.labels import HEAD_NAMES, Head
from voc_models.plan import Plan, PlannedModel, Record, Summary, read_record
from voc_models.registry import ChampionChangedError, Registry
from voc_models.releases import HistoryEntry, Release, ReleaseHead, release_of
from voc_models.run import KEYWORD_MODEL
from voc_models.store import ObjectNotFoundError, ObjectStore, put_or_adopt
from voc_training.gate import Decision, verdict

if TYPE_CHECKING:  # torch takes seconds to import, and promoting needs none of it
    from voc_training.build import Built
    from voc_training.judge import Verdict

log = logging.getLogger(__name__)

_JSON = "application/json"


class RunDecision(Record):
    """``decision.json``: what a training run proposes, and against which champion."""

    schema_version: Literal[1] = 1
    run_id: str
    release: PlannedModel
    compared_with: str
    verdict: Literal["promote", "refuse"]
    mode: Literal["auto", "manual", "never"]
    decisions: tuple[Decision, ...]
    notes: tuple[str, ...] = ()
    rows: int = 0
    decided: datetime

    @property
    def reason(self) -> str:
        """Every head's sentence, for people."""
        return " ".join(f"{HEAD_NAMES[decision.head]}: {decision.reason}" for decision in self.decisions)


def stored_decision(store: ObjectStore, plan: Plan) -> RunDecision | None:
    """Return the decision that an earlier attempt of this run wrote."""
    key = keys.decision(plan.month, plan.run_id)
    try:
        return read_record(RunDecision, store.get(key).data, key)
    except ObjectNotFoundError:
        return None


def publish(
    models: ObjectStore,
    plan: Plan,
    built: Sequence[Built],
    verdicts: Mapping[Head, Verdict],
    champion: Release | None,
    now: datetime,
) -> PlannedModel:
    """Upload both heads and make a release of them; nothing serves it yet.

    The release holds the heads that passed, and for the others what the champion has. When none passed it holds all new
    heads, so that a person can still promote it.
    """
    registry = Registry(models)
    version = built[0].manifest.version
    uploaded: dict[Head, ReleaseHead | None] = {one.head: registry.publish_artifact(one.directory) for one in built}
    passed = {head: entry for head, entry in uploaded.items() if verdicts[head].decision.promote}
    release = release_of(version, passed or uploaded, by=plan.run_id, created=now, champion=champion)
    scores = {f"{head}_accuracy": one.decision.candidate_accuracy for head, one in verdicts.items()}
    planned = registry.publish_release(release.model_copy(update={"scores": scores}))
    for head, one in verdicts.items():
        registry.append(_evaluated(plan, version, head, one, now))
    return planned


def _evaluated(plan: Plan, version: str, head: Head, found: Verdict, now: datetime) -> HistoryEntry:
    metrics = found.candidate.with_reply
    scores = {
        "accuracy": found.decision.candidate_accuracy,
        "champion_accuracy": found.decision.champion_accuracy,
        "rows": float(found.decision.rows),
    }
    if metrics:
        scores |= {"macro_f1": metrics.macro_f1, "ece": metrics.ece}
    return HistoryEntry(
        at=now,
        event="evaluated",
        release=version,
        by=plan.run_id,
        reason=found.decision.reason,
        head=head,
        scores=scores,
    )


def write_decision(store: ObjectStore, plan: Plan, decision: RunDecision) -> RunDecision:
    """Write the decision, or return the one that a parallel attempt wrote first."""
    key = keys.decision(plan.month, plan.run_id)
    return read_record(RunDecision, put_or_adopt(store, key, decision.to_json(), content_type=_JSON), key)


def decision_of(
    plan: Plan,
    release: PlannedModel,
    compared_with: str,
    verdicts: Mapping[Head, Verdict],
    notes: Sequence[str],
    rows: int,
    now: datetime,
) -> RunDecision:
    """Return the run's decision from its heads' verdicts."""
    decisions = tuple(one.decision for one in verdicts.values())
    return RunDecision(
        run_id=plan.run_id,
        release=release,
        compared_with=compared_with,
        verdict=verdict(decisions),
        mode=plan.train.promote if plan.train else "auto",
        decisions=decisions,
        notes=tuple(notes),
        rows=rows,
        decided=now,
    )


def apply(models: ObjectStore, decision: RunDecision, now: datetime) -> tuple[str, str]:
    """Throw the switch if the decision says so; return the champion's name afterwards, and a sentence.

    Applied twice it changes nothing more. When another release became champion since the comparison, this one is
    refused: it was never compared with that one.
    """
    registry = Registry(models)
    current = registry.champion().champion.release
    release = decision.release.release
    if current == release:
        return release, f"Release {release} is champion. {decision.reason}"
    if decision.verdict == "refuse":
        return current, _refused(registry, decision, decision.reason, now, current)
    if decision.mode != "auto":
        command = f"Promote it with: voc models promote {release}."
        return current, f"Release {release} passed and waits ({decision.mode}). {command} {decision.reason}"
    try:
        registry.promote(
            release, by=decision.run_id, reason=decision.reason, at=now, compared_with=decision.compared_with
        )
    except ChampionChangedError as error:
        log.warning("%s", error)
        current = registry.champion().champion.release
        return current, _refused(registry, decision, str(error), now, current)
    return release, f"Release {release} is champion now. {decision.reason}"


def _refused(registry: Registry, decision: RunDecision, reason: str, now: datetime, current: str) -> str:
    release = decision.release.release
    known = any(entry.event == "refused" and entry.by == decision.run_id for entry in registry.history())
    if not known:
        registry.append(HistoryEntry(at=now, event="refused", release=release, by=decision.run_id, reason=reason))
    kept = "the keyword tagger" if current == KEYWORD_MODEL else f"release {current}"
    return f"Release {release} is refused, {kept} stays. {reason}"


def write_summary(
    store: ObjectStore,
    plan: Plan,
    decision: RunDecision,
    champion: str,
    sentence: str,
    now: datetime,
    images: Mapping[str, str],
) -> str:
    """Write the run's summary for people and ``voc promote``; return its key."""
    summary = Summary(
        run_id=plan.run_id,
        mode=plan.mode,
        month=plan.month,
        model=decision.release,
        images=images,
        total=1,
        succeeded=1,
        rows=decision.rows,
        reviewed_rows=decision.rows,
        finished=now,
        details={"champion": champion, "decision": decision.model_dump(mode="json"), "sentence": sentence},
    )
    key = keys.summary(plan.month, plan.run_id)
    put_or_adopt(store, key, summary.to_json(), content_type=_JSON)
    return key
