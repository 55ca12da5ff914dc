"""Finding the runs of a month in the store: which one was interrupted, and which buildings are finished."""

from __future__ import annotations

from typing import NamedTuple

from voc_models import keys
from voc_models.months import Month
from voc_models.plan import Plan, Summary, read_record
from voc_models.run import Mode, RunSpec, TrainSpec, run_order
from voc_models.store import ObjectStore
from voc_worker import publication


class KnownRun(NamedTuple):
    """A run whose plan lies in the store; ``summary`` is None while it is unfinished."""

    plan: Plan
    summary: Summary | None


def known_runs(store: ObjectStore, month: Month) -> list[KnownRun]:
    """Return the month's runs, oldest first."""
    found: dict[str, Plan] = {}
    summaries: dict[str, Summary] = {}
    for entry in store.list(f"{month.compact}/runs/"):
        run_id, _, name = entry.key.removeprefix(f"{month.compact}/runs/").partition("/")
        if name == "plan.json":
            found[run_id] = read_record(Plan, store.get(entry.key).data, entry.key)
        elif name == "summary.json":
            summaries[run_id] = read_record(Summary, store.get(entry.key).data, entry.key)
    return [KnownRun(found[run_id], summaries.get(run_id)) for run_id in sorted(found, key=run_order)]


def unfinished(runs: list[KnownRun], spec: RunSpec) -> Plan | None:
    """Return the plan to go on with: the newest run, when it has this mode, was interrupted and asked for the same."""
    if not runs or runs[-1].summary is not None:
        return None
    plan = runs[-1].plan
    same_buildings = spec.buildings is None or {b.id for b in plan.buildings} == set(spec.buildings)
    same_model = spec.model_version in {"champion", plan.model.release}
    # Whoever names another base model, after the first could not be fetched, means another training.
    same_training = (plan.train or TrainSpec()) == (spec.train or TrainSpec())
    return plan if plan.mode is spec.mode and same_buildings and same_model and same_training else None


def finished_buildings(store: ObjectStore, month: Month, mode: Mode, building_ids: list[str]) -> set[str]:
    """Return the buildings that need no second run of ``mode``: the month in force has at least what it makes.

    A refresh is never finished: reviewers may have gone on since the last one.
    """
    enough = {Mode.FULL: {Mode.FULL, Mode.REFRESH}, Mode.TAGGING_ONLY: {Mode.FULL, Mode.REFRESH, Mode.TAGGING_ONLY}}
    done = set()
    for building_id in building_ids:
        now = publication.current(store, month, building_id)
        if now is not None and now.latest.mode in enough.get(mode, set()):
            done.add(building_id)
    return done


def published_by(store: ObjectStore, plan: Plan) -> set[str]:
    """Return the buildings whose month in force was made by this run."""
    done = set()
    for building in plan.buildings:
        now = publication.current(store, plan.month, building.id)
        if now is not None and now.latest.run_id == plan.run_id:
            done.add(building.id)
    return done


def read_plan(store: ObjectStore, month: Month, run_id: str) -> Plan:
    """Return a run's plan."""
    key = keys.plan(month, run_id)
    return read_record(Plan, store.get(key).data, key)
