"""The loop that drives every run: takes in what the watch shows, stays in touch, and gives each run its turn."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from voc_operator.actions import Actions
from voc_operator.agenda import Agenda
from voc_operator.cache import DELETED, Cache, listed_job, listed_pod
from voc_operator.decision import Run
from voc_operator.drive import Driver
from voc_operator.errors import ClusterError, ClusterUnavailableError, NotFoundError
from voc_operator.metrics import Metrics
from voc_operator.plan_reader import PlanReader
from voc_operator.runs import Known, Shelved, Tracked, Unreadable, news
from voc_operator.status import FINISHED

RESYNC_SECONDS = 300.0
#: After a start the runs that are under way have this long to go on before everything else is looked up.
FIRST_SECONDS = 3.0
#: After a round that failed by a bug no list is asked for during this time.
FAILED_SECONDS = 15.0
#: More unfinished runs than this are not asked for by name.
_MOST_NAMED = 50
#: The loop goes round at least this often.
TICK_SECONDS = 5.0
#: Without any answer for this long the API server is asked for next to nothing.
PING_SECONDS = 20.0
#: Without a round, or an answer, for this long the operator is not healthy.
STALE_SECONDS, SILENT_SECONDS = 60.0, 90.0
_MOST_BACKOFF = 60.0

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
        self._clock = clock
        self._cache = Cache()
        self._agenda = Agenda(clock)
        self._driver = Driver(actions, plans, metrics, self._agenda, self._cache, now=now, clock=clock)
        self._resync_at = clock()
        #: Begun: what unfinished runs need is known. Synced: everything is.
        self._begun = self._synced = self._missed = False
        self._resync_failures = 0
        #: Monotonic seconds of the last round.
        self.processed_at = clock()
        metrics.watch(self.known_runs, lambda: now().timestamp() - (clock() - self.processed_at))

    # --- what is seen

    def run_event(self, type_: str | None, body: Mapping[str, Any]) -> None:
        """Take in a watch event of a run; None is the type of a listed object."""
        if type_ == DELETED:
            self._drop(body["metadata"]["uid"])
            return
        if type_ is None:
            self.missed()
        self._agenda.take(body)

    def job_event(self, type_: str, body: Mapping[str, Any]) -> None:
        """Take in a watch event of a Job."""
        before, after = self._cache.apply_job(type_, body)
        job = after or before
        if job is not None and before != after:
            self._agenda.mark(job.run_uid)

    def pod_event(self, type_: str, body: Mapping[str, Any]) -> None:
        """Take in a watch event of a pod."""
        uid = self._cache.apply_pod(type_, body)
        if uid:
            self._agenda.mark(uid)

    def missed(self) -> None:
        """Take in that a watch began anew: what changed before it is looked up."""
        self._missed = True
        if self._synced:
            self._resync_soon()

    def known_runs(self) -> Iterator[Run]:
        """Yield every run that this operator understands."""
        return self._agenda.runs()

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
            latest = min(self._clock() + TICK_SECONDS, self._resync_at)
            await self._agenda.sleep(latest, for_runs=self._begun)
            await self.turn()

    async def turn(self) -> None:
        """Go round once: resync if that is due, then attend to every run whose time has come."""
        try:
            await self._keep_in_touch()
            if self._begun:
                for uid in self._agenda.due():
                    await self._attend(uid)
        except Exception:
            # A bug in one round must not end the operator; the next round begins anew, after a pause.
            self._resync_at = max(self._resync_at, self._clock() + FAILED_SECONDS)
            logger.exception("A round failed.")
        self.processed_at = self._clock()

    @property
    def reading(self) -> bool:
        """Whether a plan is being read beside the loop."""
        return self._driver.reading

    def close(self) -> None:
        """Stop what runs beside the loop."""
        self._driver.close()
        self._actions.close()

    # --- staying in touch

    def _resync_soon(self) -> None:
        self._resync_at = min(self._resync_at, self._clock() + 1)

    async def _keep_in_touch(self) -> None:
        now = self._clock()
        try:
            if now >= self._resync_at:
                await (self._resync() if self._begun else self._begin())
            elif now - self._cluster.transport.answered_at > PING_SECONDS:
                await self._actions.call(self._cluster.ping)
        except ClusterError as error:
            self._resync_failures += 1
            self._resync_at = self._clock() + min(2.0 ** (self._resync_failures - 1), 15.0)
            logger.warning("%s", error)

    async def _begin(self) -> None:
        """Look up what is under way: thousands of finished Jobs, kept until the TTL, must not hold it up."""
        await self._list_runs()
        unfinished = [run.uid for run in self._agenda.runs() if run.status.phase not in FINISHED]
        if 0 < len(unfinished) <= _MOST_NAMED:
            jobs, pods = await asyncio.gather(
                self._actions.call(self._cluster.read_jobs, listed_job, unfinished),
                self._actions.call(self._cluster.read_pods, listed_pod, unfinished),
            )
            self._cache.add_all(jobs, pods)
            self._resync_at = self._clock() + FIRST_SECONDS
        else:
            await self._resync()
        self._resync_failures = 0
        self._begun = True

    async def _resync(self) -> None:
        self._missed = False
        mark, runs_mark = self._cache.mark(), self._agenda.before_list()
        listed, jobs, pods = await asyncio.gather(
            self._list_runs(),
            self._actions.call(self._cluster.read_jobs, listed_job),
            self._actions.call(self._cluster.read_pods, listed_pod),
        )
        for gone in self._agenda.remove_missing(runs_mark, listed):
            self._forget(gone.uid, gone)
        self._cache.replace_all(jobs, pods, mark)
        self._synced = True
        self._resync_failures = 0
        self._resync_at = self._clock() + (1.0 if self._missed else RESYNC_SECONDS)
        self._agenda.mark_all()

    async def _list_runs(self) -> set[str]:
        """Take in every run that is news; return the UIDs of all."""
        versions = self._agenda.versions()
        listed = await self._actions.call(self._cluster.read_runs, lambda body: news(body, versions))
        for _, seen in listed:
            if isinstance(seen, Shelved):
                self._agenda.take_shelved(seen)
            elif seen is not None:
                self._agenda.take(seen)
        return {uid for uid, _ in listed}

    def _drop(self, uid: str) -> None:
        self._forget(uid, self._agenda.remove(uid))

    def _forget(self, uid: str, gone: Known | None) -> None:
        """Forget what else is known of a run that is gone; those that waited for it have their turn."""
        self._cache.forget(uid)
        if isinstance(gone, Tracked) and gone.run.status.run_id:
            self._plans.forget(gone.run.status.run_id)
        self._agenda.mark_unfinished()

    # --- one run

    async def _attend(self, uid: str) -> None:
        known = self._agenda.get(uid)
        if known is None:
            return
        try:
            if isinstance(known, Unreadable):
                await self._driver.tell_unreadable(known)
            elif isinstance(known, Shelved):
                if self._cache.knows(uid):
                    self._agenda.unshelve(await self._actions.call(self._cluster.get_run, known.name))
            elif known.finished and not self._synced:
                return  # Its Jobs are not known yet; the resync gives it its turn.
            elif not known.run.deleting:
                await self._driver.turn(known)
                known.failures = 0
        except NotFoundError:
            self._drop(uid)
        except ClusterError as error:
            self._back_off(known, error)
            logger.warning("%s", error, extra={"run": known.name})
        except Exception:
            # One run that cannot be reconciled must not stop the others.
            self._back_off(known, None)
            logger.exception("The run could not be reconciled.", extra={"run": known.name})

    def _back_off(self, known: Known, error: ClusterError | None) -> None:
        if isinstance(error, ClusterUnavailableError):
            # What the watch showed meanwhile may have holes.
            self._resync_soon()
        if isinstance(known, Tracked):
            known.failures += 1
            known.not_before = self._clock() + min(2.0 ** (known.failures - 1), _MOST_BACKOFF)
            self._agenda.mark(known.uid)
        else:
            self._agenda.mark(known.uid, _MOST_BACKOFF)
