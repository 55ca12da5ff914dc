"""What the stores say of an environment: whether its last run was green, and whether a model passed its gate.

``None`` means that nothing stands against a promotion; otherwise one sentence says what does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from voc_models import keys
from voc_models.exit_codes import UsageError
from voc_models.months import Month
from voc_models.plan import PlannedModel, Summary, read_record
from voc_models.registry import Registry, RegistryError
from voc_models.releases import PERSON, HistoryEntry
from voc_models.run import KEYWORD_MODEL, Mode, run_order
from voc_models.store import ObjectStore
from voc_worker.promotion.pins import Pins

#: Runs of older months are not looked for.
MONTHS_BACK = 24


class LastRun(NamedTuple):
    """The run that was created last; without a summary it is under way, was interrupted, or failed altogether."""

    run_id: str
    summary: Summary | None


def last_run(store: ObjectStore, now: datetime) -> LastRun | None:
    """Return the newest run of the last two years' months, by its creation time; None when there is none."""
    current = Month.of(now).plus(1)  # some zone may be a month ahead
    found: dict[str, dict[str, str]] = {}
    for back in range(MONTHS_BACK + 2):
        prefix = f"{current.plus(-back).compact}/runs/"
        for entry in store.list(prefix):
            run_id, _, name = entry.key.removeprefix(prefix).partition("/")
            if name in {"plan.json", "summary.json"}:
                with suppress(UsageError):  # a folder of somebody else
                    run_order(run_id)
                    found.setdefault(run_id, {})[name] = entry.key
    if not found:
        return None
    newest = max(found, key=run_order)
    key = found[newest].get("summary.json")
    return LastRun(newest, read_record(Summary, store.get(key).data, key) if key else None)


def run_problem(environment: str, last: LastRun | None, pins: Pins) -> str | None:
    """Say why the environment's last run proves nothing.

    Args:
        environment: its name.
        last: from :func:`last_run`.
        pins: what the environment pins: its last run must have used the model, and of the images those that it needed.
    """
    if last is None:
        return f"{environment} has no run in its store yet. Let it run what it pins first."
    if last.summary is None:
        return (
            f"The last run of {environment}, {last.run_id}, has no summary: it is under way, or it failed altogether. "
            "Wait for it, or run it again."
        )
    if not last.summary.green:
        building, why = next(iter(last.summary.failed.items()), ("", ""))
        first = f" The first: {building}: {why}" if building else ""
        done = f"{last.summary.succeeded} of {last.summary.total} buildings"
        return f"The last run of {environment}, {last.run_id}, is not green: {done} succeeded.{first}"
    pinned = pins.model
    if problem := _image_problem(last.summary, pins.images):
        return f"The last run of {environment}, {last.run_id}, {problem} Let {environment} run once with its pins."
    if pinned is not None and last.summary.mode is not Mode.TRAIN and last.summary.model != pinned:
        used = last.summary.model.release
        return (
            f"The last run of {environment}, {last.run_id}, used {used}, not {pinned.release} as it is pinned. "
            f"Let {environment} run once with its pins."
        )
    return None


def _image_problem(summary: Summary, pinned: Mapping[str, str]) -> str | None:
    if not summary.images:
        return (
            "does not say which images it used: it did not run on a cluster, or what failed was run again on others "
            "than what had succeeded."
        )
    for name, used in summary.images.items():
        digest = used.partition("@")[2] or "no digest"
        if digest != pinned.get(name, ""):
            pin = f"not {pinned[name][:19]} as it is pinned" if pinned.get(name) else "which is not pinned"
            return f"used {digest[:19]} for images.{name}, {pin}."
    return None


def store_problem(models: ObjectStore, model: PlannedModel) -> str | None:
    """Say why this very release is not in the model store."""
    if model.release == KEYWORD_MODEL:
        return None
    try:
        stored = Registry(models).resolve(model.release)
    except RegistryError as error:
        return f"{error} Looked in {models.address}."
    if stored.digest != model.digest:
        return (
            f"Release {model.release} is pinned with {model.digest[:12]}…, but {keys.release(model.release)} in "
            f"{models.address} has {stored.digest[:12]}…. Correct the pin, or restore that object."
        )
    return None


def gate_problem(history: Sequence[HistoryEntry], release: str) -> str | None:
    """Say why the model's gate is not green for a release: never promoted, refused, or rolled back from since."""
    if release == KEYWORD_MODEL:
        return None
    if problem := refusal(history, release):
        return problem
    if not any(entry.release == release and entry.event == "promoted" for entry in history):
        return f"Release {release} was never promoted. `voc models` says what its gate decided."
    left = rolled_back_from(history)
    if release in left:
        return f"Release {release} was rolled back from: {left[release]}"
    return None


def refusal(history: Iterable[HistoryEntry], release: str) -> str | None:
    """Say that the gate refused a release and never let it pass; a person's promotion in spite of it proves nothing."""
    own = [entry for entry in history if entry.release == release]
    refused = [entry for entry in own if entry.event == "refused"]
    passed = any(entry.event == "promoted" and not entry.by.startswith(PERSON) for entry in own)
    return f"The gate refused release {release}: {refused[-1].reason}" if refused and not passed else None


def rolled_back_from(history: Iterable[HistoryEntry]) -> dict[str, str]:
    """Return the releases that somebody went back from and nobody put into service again, with the reason."""
    serving, left = KEYWORD_MODEL, dict[str, str]()
    for entry in history:
        if entry.event == "rolled_back" and serving != entry.release:
            left[serving] = entry.reason
        if entry.event in {"promoted", "rolled_back"}:
            serving = entry.release
            left.pop(serving, None)
    return left


def ever_champion(history: Iterable[HistoryEntry]) -> frozenset[str]:
    """Return every release that was champion at some time; the keyword tagger is where it began."""
    switches = {"promoted", "rolled_back"}
    return frozenset({KEYWORD_MODEL}) | {entry.release for entry in history if entry.event in switches}
