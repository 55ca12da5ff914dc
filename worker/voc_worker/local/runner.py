"""``voc run``: the steps of a run in order on this machine, each as a process, buildings in parallel."""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from voc_models import keys
from voc_models.exit_codes import RETRIED, ExitCode, UsageError, VocError
from voc_models.months import Month
from voc_models.plan import Plan, PlannedBuilding, Summary, read_record
from voc_models.run import KEYWORD_MODEL, Mode, RunSpec, run_id
from voc_models.store import ObjectStore
from voc_worker.local import runs
from voc_worker.local.processes import Processes, StepOutcome
from voc_worker.local.progress import Reporter

#: Pauses before a building's second, third, … attempt, in seconds; the last one repeats.
PAUSES = (1.0, 3.0, 10.0)
WORKER = "voc_worker"
TRAINING = "voc_training"


class RunFailedError(VocError):
    """A step of the run did not succeed; carries the exit code of the step."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = code


class Started(NamedTuple):
    """A run that has a plan, and whether it is an interrupted one taken up again."""

    plan: Plan
    resumed: bool


class LocalRun:
    """One run on this machine."""

    def __init__(self, store: ObjectStore, processes: Processes, reporter: Reporter, spec: RunSpec) -> None:
        self._store, self._processes, self._reporter, self._spec = store, processes, reporter, spec

    def execute(self, month: Month, created: datetime, identity: str, *, force: bool) -> Summary | None:
        """Run every step and return the summary; None when there was nothing to do.

        Raises:
            RunFailedError: prepare, train or publish failed, or no building succeeded.
        """
        started = self._start(month, created, identity, force=force)
        if started is None:
            return None
        plan = started.plan
        failed = self._train(plan) if plan.mode is Mode.TRAIN else self._buildings(plan, started.resumed)
        if plan.buildings and len(failed) == len(plan.buildings):
            first = next(iter(failed.values()))
            raise RunFailedError(f"Run {plan.run_id}: no building succeeded. The first reason: {first}", ExitCode.DATA)
        if plan.mode is Mode.TRAIN:
            self._need(self._step(TRAINING, "promote", plan), "promote")
        else:
            outcome = self._step(WORKER, "publish", plan, "--failed", json.dumps(failed, ensure_ascii=False))
            self._need(outcome, "publish")
        key = keys.summary(plan.month, plan.run_id)
        return read_record(Summary, self._store.get(key).data, key)

    def _start(self, month: Month, created: datetime, identity: str, *, force: bool) -> Started | None:
        spec = self._spec
        earlier = runs.known_runs(self._store, month)
        going_on = None if force else runs.unfinished(earlier, spec)
        if going_on is not None:
            self._reporter.say(f"Run {going_on.run_id} of {month} was interrupted; going on with it.")
            return Started(going_on, resumed=True)
        only = list(spec.buildings) if spec.buildings is not None else None
        if not force and spec.mode in {Mode.FULL, Mode.TAGGING_ONLY}:
            wanted = only if only is not None else [b.id for b in self.plan_only(month, created, identity).buildings]
            done = runs.finished_buildings(self._store, month, spec.mode, wanted)
            if wanted and len(done) == len(wanted):
                self._reporter.say(
                    f"Every building of {month} is finished in mode {spec.mode.value} or better: nothing to do. "
                    "Use --force to run the month again."
                )
                return None
            if done:
                self._reporter.say(f"{len(done)} of {len(wanted)} buildings of {month} are finished and are skipped.")
                only = [building for building in wanted if building not in done]
        outcome = self._processes.run(WORKER, self._prepare_arguments(month, created, identity, only), "prepare")
        self._need(outcome, "prepare")
        return Started(runs.read_plan(self._store, month, run_id(spec.mode, created, identity)), resumed=False)

    def plan_only(self, month: Month, created: datetime, identity: str) -> Plan:
        """Return the plan that a run would write; nothing is written."""
        arguments = self._prepare_arguments(month, created, identity, self._spec.buildings)
        with tempfile.TemporaryDirectory(prefix="voc-") as scratch:
            file = Path(scratch) / "plan.json"
            self._need(self._processes.run(WORKER, [*arguments, "--plan-file", str(file)], "plan"), "plan")
            return read_record(Plan, file.read_bytes(), "plan")

    def _prepare_arguments(
        self, month: Month, created: datetime, identity: str, buildings: list[str] | None
    ) -> list[str]:
        spec = self._spec
        arguments = ["prepare", "--mode", spec.mode.value, "--month", str(month), "--created", created.isoformat()]
        arguments += ["--run-id", run_id(spec.mode, created, identity), "--model-version", spec.model_version]
        arguments += ["--time-zone", spec.time_zone]
        for building in buildings or []:
            arguments += ["--building", building]
        if spec.train is not None:
            arguments += ["--train", spec.train.model_dump_json(by_alias=True)]
        return arguments

    def _step(self, module: str, step: str, plan: Plan, *more: str) -> StepOutcome:
        return self._processes.run(module, [step, "--plan", keys.plan(plan.month, plan.run_id), *more], step)

    def _train(self, plan: Plan) -> dict[str, str]:
        months = ", ".join(str(month) for month in plan.train_months)
        self._reporter.say(f"Run {plan.run_id}: training on the reviewed rows of {months}.")
        arguments = ["train", "--plan", keys.plan(plan.month, plan.run_id)]
        self._need(self._processes.run(TRAINING, arguments, "train", self._tell_training), "train")
        return {}

    def _tell_training(self, line: str) -> None:
        """Show what the trainer says of its progress: its own log lines, without time and module."""
        _, mark, said = line.partition(f" INFO {TRAINING}.")
        if mark:
            self._reporter.say("  " + said.partition(": ")[2])

    def _buildings(self, plan: Plan, resumed: bool) -> dict[str, str]:
        done = runs.published_by(self._store, plan) if resumed else set()
        waiting = [building for building in plan.buildings if building.id not in done]
        rows = sum(building.rows for building in plan.buildings)
        self._reporter.say(
            f"Run {plan.run_id}: {plan.month}, {len(plan.buildings)} buildings, {rows} rows, model {plan.model.release}"
            + (f"; {len(done)} buildings are done already." if done else ".")
        )
        by_keywords = plan.mode is not Mode.REFRESH and plan.model.release == KEYWORD_MODEL
        if by_keywords and self._spec.model_version != KEYWORD_MODEL:
            self._reporter.say("No model is in service: the keyword tagger is used. `voc train` makes one.")
        failed: dict[str, str] = {}
        parallelism = min(self._spec.parallelism, max(1, len(waiting)))
        with (
            self._reporter.counting("building", len(waiting)) as counter,
            ThreadPoolExecutor(parallelism) as pool,
        ):
            pending = {pool.submit(self._attempts, plan, building): building for building in waiting}
            try:
                while pending:
                    finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in finished:
                        building = pending.pop(future)
                        self._settle(building, future, failed)
                        counter.advance(self._line(building, future.result()))
            except BaseException:
                for future in pending:
                    future.cancel()
                self._processes.stop()
                raise
        return failed

    def _attempts(self, plan: Plan, building: PlannedBuilding) -> StepOutcome:
        arguments = ["building", "--plan", keys.plan(plan.month, plan.run_id), "--building", building.id]
        for attempt in range(self._spec.backoff_limit + 1):
            outcome = self._processes.run(WORKER, arguments, f"building-{building.id}")
            again = outcome.code < 0 or outcome.code in set(RETRIED)
            if not again or attempt == self._spec.backoff_limit or self._processes.stopping:
                break
            time.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
        return outcome

    def _settle(self, building: PlannedBuilding, future: Future[StepOutcome], failed: dict[str, str]) -> None:
        outcome = future.result()
        if outcome.code == ExitCode.USAGE:
            raise UsageError(f"Building {building.id}: {outcome.reason} The run stops here; fix this and run it again.")
        if not outcome.ok:
            failed[building.id] = outcome.reason

    @staticmethod
    def _line(building: PlannedBuilding, outcome: StepOutcome) -> str:
        name = f"{building.id} {building.name}"
        if outcome.ok:
            return f"{name}: {outcome.answer.rows} rows in {outcome.answer.seconds:.1f} s"
        return f"{name}: failed: {outcome.reason}"

    @staticmethod
    def _need(outcome: StepOutcome, step: str) -> None:
        if outcome.ok:
            return
        known = outcome.code in {code.value for code in ExitCode}
        raise RunFailedError(f"Step {step} failed: {outcome.reason}", ExitCode(outcome.code) if known else ExitCode.BUG)


def new_identity() -> tuple[datetime, str]:
    """Return what a cluster would give a run: its creation time and its UID."""
    return datetime.now(UTC).replace(microsecond=0), str(uuid4())
