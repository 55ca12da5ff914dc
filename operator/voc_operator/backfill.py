"""``backfill``: make up for months that were missed or failed, by the same names that the schedules use."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

import yaml

from voc_models.exit_codes import DataError, UsageError
from voc_models.months import Month
from voc_models.run import API_VERSION, KIND, Mode, resolve_month
from voc_operator import monthly
from voc_operator.config import OperatorConfig, read_config
from voc_operator.connection import connect
from voc_operator.settings import Settings, read_text
from voc_operator.status import FINISHED, Phase

logger = logging.getLogger(__name__)


class Runs(Protocol):
    """What a backfill needs of the cluster."""

    def list_runs(self) -> list[dict[str, Any]]:
        """Return every run of the namespace."""

    def create_run(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create a run."""

    def patch_run_spec(self, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Merge into a run's spec."""


class Action(NamedTuple):
    """What one month needs; ``manifest`` is the object to create or to merge into the one that is there."""

    kind: Literal["create", "retry", "fine", "refuse"]
    sentence: str
    manifest: dict[str, Any]


class NotBackfilledError(DataError):
    """A month could not be made up for; the others were."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--months", required=True, help="such as 2025-10,2025-11")
    parser.add_argument("--mode", default=Mode.FULL.value, choices=[mode.value for mode in Mode], help="%(default)s")
    parser.add_argument("--namespace", help="of the runs; omitted: NAMESPACE, or the pod's own")
    parser.add_argument("--dry-run", action="store_true", help="print the manifests and change nothing")


def run(settings: Settings, given: argparse.Namespace) -> None:
    """Retry or create the run of each month; one line for each."""
    months = read_months(given.months)
    config = _config(settings)
    cluster = connect(settings, given.namespace)
    actions = plan(cluster.list_runs(), Mode(given.mode), months, config, settings.time_zone, datetime.now(UTC))
    if given.dry_run:
        sys.stdout.write(as_yaml(actions))
    else:
        apply(cluster, actions)
        sys.stdout.writelines(f"{action.sentence}\n" for action in actions if action.kind != "refuse")
    if refused := [action.sentence for action in actions if action.kind == "refuse"]:
        raise NotBackfilledError(" ".join(refused))


def _config(settings: Settings) -> OperatorConfig:
    """Return the operator's configuration; a person's machine has none, and then the CRD's defaults count."""
    if settings.config_file.exists():
        return read_config(read_text(settings.config_file))
    logger.warning(
        "CONFIG_FILE %s is not here: runs that are created have the defaults of %s, not the chart's `runs`.",
        settings.config_file,
        KIND,
    )
    return OperatorConfig(worker_image="-", trainer_image="-")


def read_months(text: str) -> list[Month]:
    """Return the months of a list with commas, each once, in order.

    Raises:
        UsageError: there is none, or one is no month.
    """
    months = sorted({Month.parse(part) for part in text.split(",") if part.strip()})
    if not months:
        raise UsageError("--months names no month. Write them as 2025-10,2025-11.")
    return months


def plan(
    runs: Iterable[Mapping[str, Any]],
    mode: Mode,
    months: Sequence[Month],
    config: OperatorConfig,
    default_zone: str,
    now: datetime,
) -> list[Action]:
    """Return what each month needs.

    Raises:
        DataError: a month has not begun.
    """
    known = list(runs)
    zone = monthly.time_zone(config, mode, default_zone)
    checked = [resolve_month(month, now, zone) for month in months]
    return [_action(known, mode, month, monthly.manifest(mode, month, config, default_zone)) for month in checked]


def _action(runs: list[Mapping[str, Any]], mode: Mode, month: Month, wanted: dict[str, Any]) -> Action:
    own = sorted((run for run in runs if monthly.is_run_of(run, mode, month)), key=_age)
    by_phase = {phase: [run for run in own if _phase(run) is phase] for phase in Phase}
    if done := by_phase[Phase.SUCCEEDED]:
        return Action("fine", f"{_name(done[-1])} succeeded already; nothing to do.", {})
    if active := [run for run in own if _under_way(run)]:
        return Action("fine", _still(active[-1]), {})
    if failed := by_phase[Phase.PARTIALLY_SUCCEEDED] or by_phase[Phase.FAILED]:
        return _retry(failed[-1])
    name = wanted["metadata"]["name"]
    here = next((run for run in runs if _name(run) == name), None)
    if here is None:
        return Action("create", f"{KIND} {name} is created.", wanted)
    if here in own:
        why = f"{KIND} {name} was cancelled and cannot be taken up again. Delete it and start the backfill again."
        return Action("refuse", why, {})
    return Action("refuse", str(monthly.taken(here, mode, month)), {})


def _retry(run: Mapping[str, Any]) -> Action:
    retries = int((run.get("spec") or {}).get("retryFailed", 0)) + 1
    head = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": _name(run)}}
    sentence = f"{KIND} {_name(run)} ended as {_phase(run).value}: spec.retryFailed is raised to {retries}."
    return Action("retry", sentence, {**head, "spec": {"retryFailed": retries}})


def _still(run: Mapping[str, Any]) -> str:
    spec, status = run.get("spec") or {}, run.get("status") or {}
    if spec.get("suspend"):
        return f"{KIND} {_name(run)} is suspended; set spec.suspend to false to let it go on."
    return f"{KIND} {_name(run)} is under way ({_phase(run).value}, {status.get('progress') or 'not begun'})."


def _under_way(run: Mapping[str, Any]) -> bool:
    """Tell whether the run goes on by itself, one whose raised retryFailed was not seen yet included."""
    spec, status = run.get("spec") or {}, run.get("status") or {}
    if _phase(run) not in FINISHED:
        return True
    return _phase(run) is not Phase.CANCELLED and spec.get("retryFailed", 0) > status.get("retryFailed", 0)


def _phase(run: Mapping[str, Any]) -> Phase:
    return Phase((run.get("status") or {}).get("phase") or Phase.PENDING)


def _name(run: Mapping[str, Any]) -> str:
    return str(run["metadata"]["name"])


def _age(run: Mapping[str, Any]) -> str:
    return str(run["metadata"].get("creationTimestamp") or "")


def apply(cluster: Runs, actions: Iterable[Action]) -> None:
    """Create and retry what the actions say; what is there already by now is an error of the cluster's own."""
    for action in actions:
        if action.kind == "create":
            cluster.create_run(action.manifest)
        elif action.kind == "retry":
            cluster.patch_run_spec(action.manifest["metadata"]["name"], action.manifest["spec"])


def as_yaml(actions: Iterable[Action]) -> str:
    """Return the manifests as ``kubectl apply`` and ``kubectl patch`` take them, each below its sentence."""
    parts = []
    for action in actions:
        body = yaml.safe_dump(action.manifest, sort_keys=False, allow_unicode=True) if action.manifest else ""
        parts.append(f"---\n# {action.sentence}\n{body}")
    return "".join(parts)
