"""The runs as they were last seen: read from API objects, newest version only. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from voc_models.run import RunSpec
from voc_operator.conditions import cut
from voc_operator.decision import Run, RunEvent
from voc_operator.status import FINISHED, Condition, Phase, RunStatus

#: Condition of a run that this operator cannot read; it goes when an operator that can takes over.
UNREADABLE = "SpecUnderstood"
#: etcd takes 1.5 MB at once; the rest of the object needs its room beside the status.
STATUS_BYTES = 1_250_000
#: Bytes to which the buildings' messages are cut, one after the other until the status fits; at 0 they are left out.
_CUTS = (256, 128, 64, 32, 0)


@dataclass
class _Readable:
    run: Run
    version: str

    @property
    def uid(self) -> str:
        """The run's UID."""
        return self.run.uid

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name


@dataclass
class Tracked(_Readable):
    """One run and what the controller remembers of it between two reconciles. Times are monotonic seconds.

    Attributes:
        run: spec from the API server, status as last computed.
        version: resourceVersion that the next status patch must carry.
        stored: the status that the API server holds, None when it never held one.
        patched_at: when the status was last patched.
        plan_fault: why the last reading of the plan failed.
        plan_retry_at: no reading before.
        plan_reading: one is under way.
        to_delete: Jobs that ``run.status`` gives up, name to UID; it is not stored before they are deleted.
        events: what is still to be told.
        told: when what was told, so that a repeated failure is not told again and again.
        conflicts: names of Jobs that belong to somebody else, and until when that is believed.
        failures: reconciles in a row that met an error.
        not_before: no reconcile before.
    """

    stored: RunStatus | None
    patched_at: float | None = None
    plan_fault: str = ""
    plan_retry_at: float = 0
    plan_reading: bool = False
    to_delete: dict[str, str] = field(default_factory=dict)
    events: list[RunEvent] = field(default_factory=list)
    told: dict[RunEvent, float] = field(default_factory=dict)
    conflicts: dict[str, float] = field(default_factory=dict)
    failures: int = 0
    not_before: float = 0

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return self.run.status.phase in FINISHED

    @property
    def settled(self) -> bool:
        """Whether the run has ended, and everything that follows from its object as last seen is done and stored."""
        run = self.run
        asked = run.spec.retry_failed > run.status.retry_failed and run.status.phase is not Phase.CANCELLED
        acted_on = run.status.observed_generation == run.generation and not asked
        return self.finished and acted_on and run.status == self.stored and not self.events and not self.to_delete


@dataclass
class Unreadable:
    """A run whose spec or status this operator does not understand; ``told`` once its people know."""

    name: str
    uid: str
    generation: int
    version: str
    status: Mapping[str, Any]
    fault: str
    told: bool = False


@dataclass
class Shelved(_Readable):
    """A run that is over and whose Jobs are gone: only what other runs and the metrics ask of it.

    The record stays for ever, and a thousand buildings of each would add up. Its object tells the rest when somebody
    changes it.
    """


#: A run, by what is known of it.
Known = Tracked | Unreadable | Shelved


def shelved(known: Tracked) -> Shelved:
    """Return what is kept of a run that is over."""
    status = known.run.status.model_copy(update={"buildings": {}, "steps": {}, "conditions": []})
    return Shelved(known.run._replace(status=status), known.version)


def read_run(body: Mapping[str, Any], known: Tracked | None) -> Tracked | Unreadable:
    """Return the run of an API object.

    Args:
        body: the object.
        known: what is known of it already. Its computed status and the controller's memory stay: nobody but the
            operator writes the status, and what it has computed may be newer than what the API server holds.
    """
    metadata = body["metadata"]
    version = str(metadata.get("resourceVersion") or "")
    raw = body.get("status") or {}
    try:
        spec = RunSpec.model_validate(body.get("spec") or {})
        stored = known.stored if known else (RunStatus.model_validate(raw) if raw else None)
        status = known.run.status if known else _without_mark(stored or RunStatus())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        fault = f"This operator does not understand {where}: {first['msg']}. Update the operator to the CRD's version."
        return Unreadable(metadata["name"], metadata["uid"], int(metadata.get("generation") or 0), version, raw, fault)
    run = Run(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=int(metadata.get("generation") or 0),
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        deleting=metadata.get("deletionTimestamp") is not None,
        spec=spec,
        status=status,
    )
    if known is None:
        return Tracked(run, version, stored)
    known.run, known.version = run, version
    return known


def first_seen(body: Mapping[str, Any]) -> Known:
    """Return a run that was not known: of one that is over, what is kept of it."""
    seen = read_run(body, None)
    return shelved(seen) if isinstance(seen, Tracked) and seen.settled else seen


def news(body: Mapping[str, Any], versions: Mapping[str, str]) -> tuple[str, Mapping[str, Any] | Shelved | None]:
    """Return a listed run's UID, and its object unless that very version is known: most of a list is.

    The object of a run that is over, and not known, is replaced by what is kept of it: a start lists years of them.
    """
    metadata = body["metadata"]
    known = versions.get(metadata["uid"])
    if known == str(metadata.get("resourceVersion") or ""):
        return metadata["uid"], None
    seen = first_seen(body) if known is None else None
    return metadata["uid"], seen if isinstance(seen, Shelved) else body


def marked(run: Unreadable, now: datetime) -> dict[str, Any]:
    """Return the run's status with a condition that says what is not understood; the rest stays as it is."""
    condition = Condition(
        type=UNREADABLE,
        status="False",
        reason="OperatorTooOld",
        message=run.fault[:4096],
        last_transition_time=now.replace(microsecond=0),
        observed_generation=run.generation,
    )
    others = [one for one in run.status.get("conditions") or [] if one.get("type") != UNREADABLE]
    return {**run.status, "conditions": [*others, condition.model_dump(mode="json", by_alias=True)]}


def same(status: RunStatus, other: RunStatus | None) -> bool:
    """Tell whether two statuses say the same, clocks aside."""
    return other is not None and _timeless(status) == _timeless(other)


def manifest(status: RunStatus) -> dict[str, Any]:
    """Return the status as JSON; the CRD's defaults fill in what is left out, as they are the models' own.

    The messages of thousands of failed buildings do not fit into one object; they are cut until the status does, and
    left out in the end. 10,000 failed buildings fit then, with ids of 63 bytes; beyond that etcd refuses.
    """
    body = status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    lines = [line for line in body.get("buildings", {}).values() if "message" in line]
    for most in _CUTS if lines else ():
        if len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()) <= STATUS_BYTES:
            break
        for line in lines:
            if most:
                line["message"] = cut(line["message"], most)
            else:
                del line["message"]
    return body


def _timeless(status: RunStatus) -> RunStatus:
    return status.model_copy(update={"active_seconds": 0, "counted_at": None, "eta": None})


def _without_mark(status: RunStatus) -> RunStatus:
    kept = [one for one in status.conditions if one.type != UNREADABLE]
    return status if len(kept) == len(status.conditions) else status.model_copy(update={"conditions": kept})
