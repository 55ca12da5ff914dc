"""One run's turn: reconcile, act, store the status, tell.

A decision is acted upon before its status is stored. That is safe because a Job of a finished attempt stays until the
TTL: an operator that is killed in between finds the Jobs and comes to the same status again. So Jobs that are finished
are deleted only after the status that holds their result is stored; and a status that gives up a Job that is not
finished is stored only after that Job's deletion was asked for, because only its being there leads to the deletion.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice

from voc_models.run import Step
from voc_operator import runs, waiting
from voc_operator.actions import Actions
from voc_operator.agenda import Agenda
from voc_operator.cache import Cache, newer
from voc_operator.conditions import with_condition
from voc_operator.decision import AttemptEnd, Decision, Facts, RunEvent
from voc_operator.errors import ClusterError, ClusterUnavailableError, ConflictError
from voc_operator.metrics import Metrics
from voc_operator.observed import JobState, Observed
from voc_operator.outcome import Outcome
from voc_operator.plan_reader import PlanReader
from voc_operator.reconcile import reconcile
from voc_operator.runs import Tracked, Unreadable

#: Time that only moves the run's clocks is stored this often.
CLOCK_SECONDS = 60.0
PLAN_SECONDS = 10.0
CONFLICT_SECONDS = 60.0
#: The same Event is not told twice within this time.
REPEAT_SECONDS = 600.0
#: Least pause between two reconciles of one run, so that many small changes make one turn, and how many times longer
#: than the reconcile it is.
PAUSE_SECONDS, PAUSE_FACTOR = 0.2, 4.0
#: Finished Jobs of one run that are deleted in one turn; other runs have their turn in between.
MOST_DELETES = 256
REFUSED = "JobsRefused"

logger = logging.getLogger(__name__)


class Driver:
    """Gives runs their turn. Its errors are the cluster's; what it has done before one stays done."""

    def __init__(
        self,
        actions: Actions,
        plans: PlanReader,
        metrics: Metrics,
        agenda: Agenda,
        cache: Cache,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """Remember the parts."""
        self._actions = actions
        self._cluster = actions.cluster
        self._plans = plans
        self._metrics = metrics
        self._agenda = agenda
        self._cache = cache
        self._now = now
        self._clock = clock
        self._store_threads = ThreadPoolExecutor(2, "store")
        self._readings: set[asyncio.Task[None]] = set()

    @property
    def reading(self) -> bool:
        """Whether a plan is being read."""
        return bool(self._readings)

    def close(self) -> None:
        """Stop what runs beside the turns."""
        for task in self._readings:
            task.cancel()
        self._store_threads.shutdown(wait=False, cancel_futures=True)

    async def turn(self, known: Tracked) -> None:
        """Reconcile a run and carry out what follows."""
        uid = known.run.uid
        observed = self._cache.observed(uid)
        was_finished = known.finished
        decision = self._decide(known, observed)
        given_up = {job.name: job.uid for job in observed.jobs if job.name in decision.delete and not _over(job.state)}
        known.to_delete |= given_up
        known.run = known.run._replace(status=decision.status)
        known.events += decision.events
        for ended in decision.ended:
            self._note(known, ended)
        if decision.needs_plan:
            self._read_plan(known)
        if decision.wake is not None:
            self._agenda.mark(uid, max(0.0, (decision.wake - self._now()).total_seconds()))
        if known.finished and not was_finished:
            self._plans.forget(decision.status.run_id or "")
            self._agenda.mark_unfinished()
        await self._delete(known.to_delete)
        fault = await self._create(known, decision)
        stored = await self._store(known)
        if stored:
            over = {job.name: job.uid for job in observed.jobs if job.name in decision.delete and _over(job.state)}
            await self._delete(dict(islice(over.items(), MOST_DELETES)))
            if len(over) > MOST_DELETES:
                self._agenda.mark(uid)
        await self._tell(known)
        if fault is not None:
            raise fault
        if known.settled and not self._cache.knows(uid):
            self._agenda.shelve(known)

    def _note(self, known: Tracked, ended: AttemptEnd) -> None:
        """Count an attempt that ended, and log why: after a retry that succeeds nothing else tells of it."""
        step, building, number = ended.attempt
        if step is Step.BUILDING:
            self._metrics.outcomes.labels(ended.outcome).inc()
        level = logging.INFO if ended.outcome == Outcome.SUCCEEDED else logging.WARNING
        sentence = f"Attempt {number} of {step.value} ended: {ended.outcome}. {ended.message}".rstrip()
        logger.log(level, "%s", sentence, extra={"run": known.name, "building": building})

    def _decide(self, known: Tracked, observed: Observed) -> Decision:
        begun = self._clock()
        known.conflicts = {name: until for name, until in known.conflicts.items() if until > begun}
        run = known.run
        facts = Facts(
            now=self._now(),
            plan=self._plans.known(run.status.run_id) if run.status.run_id else None,
            plan_fault=known.plan_fault,
            blocked_by=waiting.blocking(run, self._agenda.runs()),
            conflicts=frozenset(known.conflicts),
        )
        decision = reconcile(run, observed, facts, self._actions.config)
        spent = self._clock() - begun
        self._metrics.reconcile_seconds.observe(spent)
        known.not_before = self._clock() + max(PAUSE_SECONDS, PAUSE_FACTOR * spent)
        return decision

    async def _delete(self, jobs: dict[str, str]) -> None:
        """Delete Jobs, name to UID, and take those that are deleted out of ``jobs``."""
        if not jobs:
            return
        done, fault = await self._actions.delete(jobs)
        for name in done:
            self._cache.expect_deleted(jobs.pop(name))
        if fault is not None:
            raise fault

    async def _create(self, known: Tracked, decision: Decision) -> ClusterError | None:
        if not decision.create:
            return None
        created = await self._actions.create(known.run, decision.create)
        for body in created.jobs:
            self._cache.expect_created(body)
        until = self._clock() + CONFLICT_SECONDS
        known.conflicts |= dict.fromkeys(created.conflicts, until)
        self._agenda.mark(known.run.uid)
        refused = created.fault is not None and not isinstance(created.fault, ClusterUnavailableError)
        if refused:
            sentence = str(created.fault)
            known.events.append(RunEvent("Warning", REFUSED, sentence))
            self._set_refused(known, refused=True, message=sentence)
        elif created.jobs and any(one.type == REFUSED for one in known.run.status.conditions):
            self._set_refused(known, refused=False, message="The API server takes the run's Jobs.")
        return created.fault

    def _set_refused(self, known: Tracked, *, refused: bool, message: str) -> None:
        run = known.run
        conditions = with_condition(
            run.status.conditions,
            REFUSED,
            refused,
            "CreateFailed" if refused else "Created",
            message,
            now=self._now(),
            generation=run.generation,
        )
        known.run = run._replace(status=run.status.model_copy(update={"conditions": conditions}))

    async def _store(self, known: Tracked) -> bool:
        """Patch the status if that is due; tell whether the API server holds what was computed."""
        status = known.run.status
        changed = not runs.same(status, known.stored)
        if not changed and status == known.stored:
            return True
        now = self._clock()
        interval = self._actions.config.status_interval_seconds if changed else CLOCK_SECONDS
        if known.patched_at is not None and now < known.patched_at + interval:
            self._agenda.mark(known.run.uid, known.patched_at + interval - now)
            return not changed
        try:
            manifest = runs.manifest(status)
            version = await self._actions.call(self._cluster.patch_status, known.run.name, manifest, known.version)
        except ConflictError:
            self._agenda.take(await self._actions.call(self._cluster.get_run, known.run.name))
            self._agenda.mark(known.run.uid)
            return False
        known.patched_at = now
        known.stored = status
        if newer(version, known.version):
            known.version = version
        return True

    async def _tell(self, known: Tracked) -> None:
        now = self._clock()
        known.told = {event: at for event, at in known.told.items() if at > now - REPEAT_SECONDS}
        while known.events:
            event = known.events[0]
            if event not in known.told:
                run = known.run
                level = logging.WARNING if event.type == "Warning" else logging.INFO
                logger.log(level, "%s: %s", event.reason, event.message, extra={"run": run.name})
                await self._post(run.name, run.uid, event)
                known.told[event] = now
            known.events.pop(0)

    async def tell_unreadable(self, run: Unreadable) -> None:
        """Say on the run that this operator does not understand it, and leave it alone."""
        if run.told:
            return
        logger.warning("%s", run.fault, extra={"run": run.name})
        status = runs.marked(run, self._now())
        run.version = await self._actions.call(self._cluster.patch_status, run.name, status, run.version)
        run.told = True
        await self._post(run.name, run.uid, RunEvent("Warning", "OperatorTooOld", run.fault))

    async def _post(self, name: str, uid: str, event: RunEvent) -> None:
        """Show an Event. One that the API server refuses is only logged: no run waits for its Events."""
        try:
            await self._actions.call(self._cluster.create_event, name, uid, event, self._now())
        except ClusterUnavailableError:
            raise
        except ClusterError as error:
            logger.warning("%s", error, extra={"run": name})

    # --- plans

    def _read_plan(self, known: Tracked) -> None:
        if known.plan_reading or self._clock() < known.plan_retry_at:
            return
        known.plan_reading = True
        task = asyncio.get_running_loop().create_task(self._fetch_plan(known))
        self._readings.add(task)
        task.add_done_callback(self._readings.discard)

    async def _fetch_plan(self, known: Tracked) -> None:
        status = known.run.status
        loop = asyncio.get_running_loop()
        try:
            if status.month is None or status.run_id is None:
                raise ValueError("the run's id and month are not settled")
            known.plan_fault = await loop.run_in_executor(
                self._store_threads, self._plans.read, status.month, status.run_id
            )
        except Exception as error:
            logger.exception("The plan could not be read.", extra={"run": known.run.name})
            known.plan_fault = f"Reading it failed: {error}."
        finally:
            known.plan_reading = False
        known.plan_retry_at = self._clock() + PLAN_SECONDS if known.plan_fault else 0.0
        self._agenda.mark(known.run.uid)


def _over(state: JobState) -> bool:
    return state is not JobState.ACTIVE
