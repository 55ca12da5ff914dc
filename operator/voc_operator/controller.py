"""The loop that drives every run: takes in what the watch shows, reconciles, acts, stores the status.

A decision is acted upon before its status is stored. That is safe because a Job of a finished attempt stays until the
TTL: an operator that is killed in between finds the Jobs and comes to the same status again. So Jobs that are finished
are deleted only after the status that holds their result is stored; and a status that gives up a Job that is not
finished is stored only after that Job's deletion was asked for, because only its being there leads to the deletion.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from voc_operator import runs, waiting
from voc_operator.actions import Actions
from voc_operator.cache import DELETED, Cache, Seen, newer
from voc_operator.conditions import with_condition
from voc_operator.decision import Decision, Facts, Run, RunEvent
from voc_operator.errors import ClusterError, ClusterUnavailableError, ConflictError, NotFoundError
from voc_operator.metrics import Metrics
from voc_operator.observed import JobState, Observed
from voc_operator.plan_reader import PlanReader
from voc_operator.reconcile import reconcile
from voc_operator.runs import Tracked, Unreadable

RESYNC_SECONDS = 300.0
#: The loop goes round at least this often.
TICK_SECONDS = 5.0
#: Without any answer for this long the API server is asked for next to nothing.
PING_SECONDS = 20.0
#: Without a round, or an answer, for this long the operator is not healthy.
STALE_SECONDS, SILENT_SECONDS = 60.0, 90.0
#: Time that only moves the run's clocks is stored this often.
CLOCK_SECONDS = 60.0
PLAN_SECONDS = 10.0
CONFLICT_SECONDS = 60.0
#: The same Event is not told twice within this time.
REPEAT_SECONDS = 600.0
#: Least pause between two reconciles of one run, and how many times longer than the reconcile it is.
PAUSE_SECONDS, PAUSE_FACTOR = 0.05, 4.0
#: Finished Jobs of one run that are deleted in one round; other runs have their turn in between.
MOST_DELETES = 256
_MOST_BACKOFF = 60.0
REFUSED = "JobsRefused"

logger = logging.getLogger(__name__)


class Controller:
    """Drives the runs of one namespace. Everything but :meth:`work` is called on the event loop and returns at once."""

    def __init__(
        self,
        actions: Actions,
        plans: PlanReader,
        metrics: Metrics,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with nothing seen.

        Args:
            actions: what can be done to the cluster.
            plans: reads plans from the store.
            metrics: told what happens.
            now: the time of day.
            clock: monotonic seconds.
        """
        self._actions = actions
        self._cluster = actions.cluster
        self._plans = plans
        self._metrics = metrics
        self._now = now
        self._clock = clock
        self._cache = Cache()
        self._runs: Seen[Tracked | Unreadable] = Seen()
        self._due: dict[str, float] = {}
        self._bell = asyncio.Event()
        self._sleeps_until = 0.0
        self._store_threads = ThreadPoolExecutor(2, "store")
        self._tasks: set[asyncio.Task[None]] = set()
        self._resync_at: float | None = clock()
        self._synced = False
        self._resync_failures = 0
        #: Monotonic seconds of the last round.
        self.processed_at = clock()
        metrics.watch(self.known_runs, lambda: now().timestamp() - (clock() - self.processed_at))

    # --- what is seen

    def run_event(self, type_: str | None, body: Mapping[str, Any]) -> None:
        """Take in a watch event of a run; None is the type of a listed object."""
        uid = body["metadata"]["uid"]
        if type_ == DELETED:
            self._drop(uid)
            return
        if type_ is None:
            self._ask_for_resync()
        self._take(body)

    def job_event(self, type_: str | None, body: Mapping[str, Any]) -> None:
        """Take in a watch event of a Job."""
        before, after = self._cache.apply_job(type_, body)
        job = after or before
        if job is not None and before != after:
            self._mark(job.run_uid)
        if type_ is None:
            self._ask_for_resync()

    def pod_event(self, type_: str | None, body: Mapping[str, Any]) -> None:
        """Take in a watch event of a pod."""
        uid = self._cache.apply_pod(type_, body)
        if uid:
            self._mark(uid)

    def known_runs(self) -> Iterator[Run]:
        """Yield every run that this operator understands."""
        return (one.run for one in self._runs.values() if isinstance(one, Tracked))

    def fault(self) -> str:
        """Return why this operator does not work, as one sentence; "" while it does."""
        now = self._clock()
        if now - self.processed_at > STALE_SECONDS:
            return f"Nothing was processed for {now - self.processed_at:.0f} s. See the operator's log."
        silent = now - self._cluster.transport.answered_at
        if silent > SILENT_SECONDS:
            return f"The API server has not answered for {silent:.0f} s."
        return ""

    # --- the loop

    async def work(self) -> None:
        """Go round for ever."""
        while True:
            self._bell.clear()
            self._sleeps_until = self._next()
            pause = self._sleeps_until - self._clock()
            if pause > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._bell.wait(), pause)
            await self.turn()

    async def turn(self) -> None:
        """Go round once: resync if that is due, then attend to every run whose time has come."""
        try:
            await self._keep_in_touch()
            if self._synced:
                for uid in [uid for uid, due in self._due.items() if due <= self._clock()]:
                    self._due.pop(uid, None)
                    await self._attend(uid)
        except Exception:
            # A bug in one round must not end the operator; the next round begins anew.
            logger.exception("A round failed.")
        self.processed_at = self._clock()

    def close(self) -> None:
        """Stop what runs beside the loop."""
        for task in self._tasks:
            task.cancel()
        self._store_threads.shutdown(wait=False, cancel_futures=True)
        self._actions.close()

    def _next(self) -> float:
        soon = self._clock() + TICK_SECONDS
        due = [*self._due.values()] if self._synced else []
        return min([soon, *due, *([self._resync_at] if self._resync_at is not None else [])])

    def _mark(self, uid: str, delay: float = 0) -> None:
        """Have the run attended to in ``delay`` seconds, or earlier if somebody asked for that."""
        known = self._runs.get(uid)
        if known is None:
            return
        at = self._clock() + delay
        if isinstance(known, Tracked):
            at = max(at, known.not_before)
        at = min(at, self._due.get(uid, at))
        self._due[uid] = at
        if at < self._sleeps_until:
            self._bell.set()

    # --- runs

    def _take(self, body: Mapping[str, Any]) -> None:
        uid, version = body["metadata"]["uid"], str(body["metadata"].get("resourceVersion") or "")
        known = self._runs.get(uid)
        if known is not None and not newer(version, known.version):
            return
        tracked = known if isinstance(known, Tracked) else None
        before = tracked.run if tracked else None
        seen = runs.read_run(body, tracked)
        if not self._runs.put(uid, version, seen):
            return
        if isinstance(seen, Unreadable):
            seen.told = isinstance(known, Unreadable) and known.fault == seen.fault
        if isinstance(seen, Unreadable) or before is None or before != seen.run:
            self._mark(uid)

    def _drop(self, uid: str) -> None:
        gone = self._runs.remove(uid)
        self._due.pop(uid, None)
        self._cache.forget(uid)
        if isinstance(gone, Tracked) and gone.run.status.run_id:
            self._plans.forget(gone.run.status.run_id)
        self._wake_unfinished()

    def _wake_unfinished(self) -> None:
        for one in self._runs.values():
            if isinstance(one, Tracked) and not one.finished:
                self._mark(one.run.uid)

    # --- staying in touch

    def _ask_for_resync(self) -> None:
        """A listed object means that a watch began anew: deletions may have been missed meanwhile."""
        if self._synced and self._resync_at is not None:
            self._resync_at = min(self._resync_at, self._clock() + 1)

    async def _keep_in_touch(self) -> None:
        now = self._clock()
        try:
            if self._resync_at is not None and now >= self._resync_at:
                await self._resync()
            elif now - self._cluster.transport.answered_at > PING_SECONDS:
                await self._actions.call(self._cluster.ping)
        except ClusterError as error:
            self._resync_failures += 1
            self._resync_at = self._clock() + min(2.0 ** (self._resync_failures - 1), 15.0)
            logger.warning("%s", error)

    async def _resync(self) -> None:
        mark, runs_mark = self._cache.mark(), self._runs.mark()
        listed, jobs, pods = await asyncio.gather(
            self._actions.call(self._cluster.list_runs),
            self._actions.call(self._cluster.list_jobs),
            self._actions.call(self._cluster.list_pods),
        )
        for body in listed:
            self._take(body)
        for gone in self._runs.sweep(runs_mark, {body["metadata"]["uid"] for body in listed}):
            self._drop(gone.run.uid if isinstance(gone, Tracked) else gone.uid)
        self._cache.replace_all(jobs, pods, mark)
        self._synced = True
        self._resync_failures = 0
        self._resync_at = self._clock() + RESYNC_SECONDS
        for one in self._runs.values():
            self._mark(one.run.uid if isinstance(one, Tracked) else one.uid)

    # --- one run

    async def _attend(self, uid: str) -> None:
        known = self._runs.get(uid)
        try:
            if isinstance(known, Unreadable):
                await self._tell_unreadable(known)
            elif known is not None and not known.run.deleting:
                await self._reconcile(known)
                known.failures = 0
        except NotFoundError:
            self._drop(uid)
        except ClusterError as error:
            self._back_off(known, error)
            logger.warning("%s", error, extra={"run": _name(known)})
        except Exception:
            # One run that cannot be reconciled must not stop the others.
            self._back_off(known, None)
            logger.exception("The run could not be reconciled.", extra={"run": _name(known)})

    def _back_off(self, known: Tracked | Unreadable | None, error: ClusterError | None) -> None:
        if isinstance(error, ClusterUnavailableError) and self._resync_at is not None:
            # What the watch showed meanwhile may have holes.
            self._resync_at = min(self._resync_at, self._clock() + 1)
        if isinstance(known, Tracked):
            known.failures += 1
            known.not_before = self._clock() + min(2.0 ** (known.failures - 1), _MOST_BACKOFF)
            self._mark(known.run.uid)
        elif known is not None:
            self._mark(known.uid, _MOST_BACKOFF)

    async def _reconcile(self, known: Tracked) -> None:
        uid = known.run.uid
        observed = self._cache.observed(uid)
        was_finished = known.finished
        decision = self._decide(known, observed)
        given_up = {job.name: job.uid for job in observed.jobs if job.name in decision.delete and not _over(job.state)}
        known.to_delete |= given_up
        known.run = known.run._replace(status=decision.status)
        known.events += decision.events
        for outcome in decision.outcomes:
            self._metrics.outcomes.labels(outcome).inc()
        if decision.needs_plan:
            self._read_plan(known)
        if decision.wake is not None:
            self._mark(uid, max(0.0, (decision.wake - self._now()).total_seconds()))
        if known.finished and not was_finished:
            self._plans.forget(decision.status.run_id or "")
            self._wake_unfinished()
        await self._delete(known.to_delete)
        fault = await self._create(known, decision)
        stored = await self._store(known)
        if stored:
            over = {job.name: job.uid for job in observed.jobs if job.name in decision.delete and _over(job.state)}
            await self._delete(dict(islice(over.items(), MOST_DELETES)))
            if len(over) > MOST_DELETES:
                self._mark(uid)
        await self._tell(known)
        if fault is not None:
            raise fault

    def _decide(self, known: Tracked, observed: Observed) -> Decision:
        begun = self._clock()
        known.conflicts = {name: until for name, until in known.conflicts.items() if until > begun}
        run = known.run
        facts = Facts(
            now=self._now(),
            plan=self._plans.known(run.status.run_id) if run.status.run_id else None,
            plan_fault=known.plan_fault,
            blocked_by=waiting.blocking(run, self.known_runs()),
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
        self._mark(known.run.uid)
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
            self._mark(known.run.uid, known.patched_at + interval - now)
            return not changed
        try:
            manifest = runs.manifest(status)
            version = await self._actions.call(self._cluster.patch_status, known.run.name, manifest, known.version)
        except ConflictError:
            self._take(await self._actions.call(self._cluster.get_run, known.run.name))
            self._mark(known.run.uid)
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

    async def _tell_unreadable(self, run: Unreadable) -> None:
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
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        self._mark(known.run.uid)


def _over(state: JobState) -> bool:
    return state is not JobState.ACTIVE


def _name(known: Tracked | Unreadable | None) -> str:
    if isinstance(known, Tracked):
        return known.run.name
    return known.name if known else ""
