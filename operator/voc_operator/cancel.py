"""``cancel``: what the chart's pre-delete hook runs. It cancels every active run and waits until their pods ended."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from voc_models.exit_codes import TryAgainError
from voc_operator.connection import connect
from voc_operator.errors import NotFoundError
from voc_operator.settings import Settings
from voc_operator.status import FINISHED, Phase

logger = logging.getLogger(__name__)

#: Between two looks, in seconds.
LOOK = 2.0
_SHOWN = 5


class Runs(Protocol):
    """What cancelling needs of the cluster."""

    def list_runs(self) -> list[dict[str, Any]]:
        """Return every run of the namespace."""

    def list_pods(self) -> list[dict[str, Any]]:
        """Return the pods of runs."""

    def patch_run_spec(self, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Merge into a run's spec."""


class NotEndedError(TryAgainError):
    """Runs or pods were still there when the time was over."""


class Clock(NamedTuple):
    """Monotonic seconds, and waiting."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--timeout", type=float, default=210.0, metavar="SECONDS", help="how long to wait, %(default)s")


def run(settings: Settings, given: argparse.Namespace) -> None:
    """Cancel and wait."""
    logger.info("%s", cancel(connect(settings), given.timeout))


def cancel(cluster: Runs, timeout: float, clock: Clock = Clock()) -> str:  # noqa: B008 - an immutable default
    """Cancel every active run, also those that appear meanwhile; return a sentence once they and their pods ended.

    Raises:
        NotEndedError: something was still there after ``timeout`` seconds; the sentence names it.
    """
    end, cancelled = clock.now() + timeout, set[str]()
    while True:
        active = active_runs(_runs(cluster))
        for one in active:
            if not (one.get("spec") or {}).get("cancel"):
                _cancel(cluster, one["metadata"]["name"])
            cancelled.add(one["metadata"]["name"])
        pods = [] if active else living_pods(cluster.list_pods())
        if not active and not pods:
            return f"Runs that were cancelled and have ended: {len(cancelled)}." if cancelled else "No run is active."
        if clock.now() >= end:
            raise NotEndedError(_left([one["metadata"]["name"] for one in active], pods, timeout))
        clock.sleep(LOOK)


def _runs(cluster: Runs) -> list[dict[str, Any]]:
    try:
        return cluster.list_runs()
    except NotFoundError:
        return []  # without the CRD there are none


def _cancel(cluster: Runs, name: str) -> None:
    try:
        cluster.patch_run_spec(name, {"cancel": True})
    except NotFoundError:
        return  # deleted in between
    logger.info("Run %s is being cancelled.", name)


def active_runs(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs that go on by themselves: unfinished ones, and those whose raised retryFailed nobody saw yet."""
    return [run for run in runs if _goes_on(run.get("spec") or {}, run.get("status") or {})]


def _goes_on(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    phase = status.get("phase", Phase.PENDING.value)
    if phase not in {one.value for one in FINISHED}:
        return True
    retried = spec.get("retryFailed", 0) > status.get("retryFailed", 0)
    return retried and phase not in {Phase.CANCELLED.value, Phase.SUCCEEDED.value}


def living_pods(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of pods whose containers may still work."""
    ended = {"Succeeded", "Failed"}
    return [pod["metadata"]["name"] for pod in pods if (pod.get("status") or {}).get("phase") not in ended]


def _left(runs: list[str], pods: list[str], timeout: float) -> str:
    kind, names = ("runs", runs) if runs else ("pods", pods)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        f"After {timeout:.0f} seconds these {kind} have not ended: {', '.join(names[:_SHOWN])}{more}. "
        "Does the operator run? Look at `kubectl get vmr,pods`, then uninstall again, or with --no-hooks."
    )
