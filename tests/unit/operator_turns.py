"""An operator on an API server in memory and a clock that stands still: its loop goes round when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests import own_loop
from tests.unit.operator_objects import CONFIG, RUN_UID, FakeCluster, run_body
from voc_models.exit_codes import UnavailableError
from voc_models.keys import plan as plan_key
from voc_models.labels import Taxonomy
from voc_models.months import Month
from voc_models.plan import Plan, PlannedBuilding
from voc_models.run import Mode, run_id
from voc_models.store import ObjectStore
from voc_models.store_file import FileStore
from voc_operator.actions import Actions
from voc_operator.cluster import Object
from voc_operator.controller import Controller
from voc_operator.metrics import Metrics
from voc_operator.plan_reader import PlanReader

BEGIN = datetime(2026, 1, 1, 0, 0, tzinfo=UTC)
MONTH = Month(2025, 12)


class Operator:
    """A controller, its cluster, its store and its clock."""

    def __init__(self, folder: Path, cluster: FakeCluster | None = None) -> None:
        self.cluster = cluster or FakeCluster()
        self.seconds = 1000.0
        self.store: ObjectStore = FileStore(folder.as_uri())
        self.metrics = Metrics()
        self.store_down = False
        self.controller = Controller(
            Actions(self.cluster, CONFIG),
            PlanReader(self._open),
            self.metrics,
            now=lambda: BEGIN + timedelta(seconds=self.seconds),
            clock=self.clock,
        )

    def clock(self) -> float:
        """Return the time, at which the API server has just answered."""
        return self.seconds

    def _open(self) -> ObjectStore:
        if self.store_down:
            raise UnavailableError("The store is down.")
        return self.store

    async def turn(self, seconds: float = 3.0) -> None:
        """Let time pass and go round once, until what runs beside the loop has ended."""
        self.seconds += seconds
        self.cluster.transport.answered_at = self.seconds
        await self.controller.turn()
        for _ in range(200):
            await asyncio.sleep(0.001)
            if not self.controller.reading:
                break

    def status(self, name: str = "full-2025-12") -> Object:
        """Return the stored status."""
        return self.cluster.runs[name].get("status") or {}

    def condition(self, kind: str, name: str = "full-2025-12") -> tuple[str, str]:
        """Return a condition's status and message."""
        (found,) = [one for one in self.status(name)["conditions"] if one["type"] == kind]
        return found["status"], found["message"]

    def only_job(self) -> str:
        """Return the name of the only Job."""
        (name,) = self.cluster.jobs
        return name

    def plan(self, *buildings: str) -> None:
        """Put the plan into the store, as `prepare` does."""
        created = datetime(2026, 1, 1, tzinfo=UTC)
        identity = run_id(Mode.FULL, created, RUN_UID)
        planned = tuple(PlannedBuilding(id=one, name=one, rows=1) for one in buildings)
        plan = Plan(
            run_id=identity,
            mode=Mode.FULL,
            month=MONTH,
            created=created,
            buildings=planned,
            taxonomy=Taxonomy(entries=()),
        )
        self.store.put(plan_key(MONTH, identity), plan.to_json())

    async def end(self, name: str, end: str = "Complete") -> None:
        """Let a Job end and show it to the controller."""
        self.controller.job_event("MODIFIED", self.cluster.end_job(name, end))
        await self.turn()


Scenario = Callable[[Operator], Coroutine[Any, Any, None]]


def play(folder: Path, scenario: Scenario, cluster: FakeCluster | None = None) -> Operator:
    """Play a scenario on an event loop of its own."""

    async def whole() -> Operator:
        operator = Operator(folder, cluster)
        try:
            await scenario(operator)
        finally:
            operator.controller.close()
        return operator

    return own_loop.run(whole())


async def begin(operator: Operator) -> None:
    """Apply a run and go round."""
    operator.cluster.add_run(run_body())
    await operator.turn()
