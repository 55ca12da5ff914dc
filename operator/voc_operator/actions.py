"""Carries out what a reconcile decided: deletes, creates, Events. At most ``THREADS`` requests at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar

from voc_models.run import Step
from voc_operator.cluster import Cluster, Object
from voc_operator.config import OperatorConfig
from voc_operator.decision import Run
from voc_operator.errors import AlreadyExistsError, ClusterError, NotFoundError
from voc_operator.jobs import Attempt, RunRef, Told, build_job, pinned_image, used_images
from voc_operator.status import BuildingPhase, Images, RunStatus

THREADS = 8
ParamT = ParamSpec("ParamT")
ResultT = TypeVar("ResultT")
logger = logging.getLogger(__name__)


class Created(NamedTuple):
    """What became of the Jobs to create.

    Attributes:
        jobs: the API server's own answers, Jobs of an earlier try included.
        conflicts: names that belong to somebody else.
        fault: the first error; what was not tried after it is left out.
    """

    jobs: tuple[Object, ...]
    conflicts: frozenset[str]
    fault: ClusterError | None


class Actions:
    """What the controller does to the cluster."""

    def __init__(self, cluster: Cluster, config: OperatorConfig) -> None:
        """Remember where to act."""
        self.cluster = cluster
        self.config = config
        self._pool = ThreadPoolExecutor(THREADS, "cluster")

    async def call(self, function: Callable[ParamT, ResultT], *args: ParamT.args, **kwargs: ParamT.kwargs) -> ResultT:
        """Return ``function``'s result from a thread, so that a slow API server never stops the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *args, **kwargs))

    async def delete(self, jobs: Mapping[str, str]) -> tuple[tuple[str, ...], ClusterError | None]:
        """Delete Jobs, name to UID; return the names that are deleted now, and the first error."""
        done: list[str] = []
        fault: list[ClusterError] = []

        async def one(name: str, uid: str) -> None:
            try:
                await self.call(_unless(fault, self.cluster.delete_job), name, uid)
            except _SkippedError:
                return
            except ClusterError as error:
                fault.append(error)
            else:
                done.append(name)

        await asyncio.gather(*(one(name, uid) for name, uid in jobs.items()))
        return tuple(done), fault[0] if fault else None

    async def create(self, run: Run, attempts: Iterable[Attempt]) -> Created:
        """Create the Jobs of ``attempts``; ``run.status`` says run id, month and images."""
        jobs: list[Object] = []
        conflicts: set[str] = set()
        fault: list[ClusterError] = []

        async def one(attempt: Attempt) -> None:
            manifest = job_of(run, self.config, attempt)
            name = manifest["metadata"]["name"]
            try:
                body = await self.call(_unless(fault, self._create_or_find), manifest)
            except _SkippedError:
                return
            except ClusterError as error:
                fault.append(error)
                return
            if body is None:
                return  # It went away while it was looked at; the run's next turn creates it.
            if _controller(body) != run.uid:
                conflicts.add(name)
            else:
                jobs.append(body)
                fields = {"run": run.name, "building": attempt.building, "job": name}
                logger.info("Attempt %d of %s has its Job.", attempt.number, attempt.step.value, extra=fields)

        await asyncio.gather(*(one(attempt) for attempt in attempts))
        return Created(tuple(jobs), frozenset(conflicts), fault[0] if fault else None)

    def _create_or_find(self, manifest: Mapping[str, Any]) -> Object | None:
        try:
            return self.cluster.create_job(manifest)
        except AlreadyExistsError:
            try:
                return self.cluster.get_job(manifest["metadata"]["name"])
            except NotFoundError:
                return None

    def close(self) -> None:
        """Let no further request begin."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def job_of(run: Run, config: OperatorConfig, attempt: Attempt) -> Object:
    """Return the manifest of an attempt, with the run's pinned image."""
    status = run.status
    if status.run_id is None or status.month is None:
        raise ValueError("an attempt was decided before the run's id and month were settled")
    ref = RunRef(run.name, run.namespace, run.uid, status.run_id, status.month, run.created.isoformat())
    image = pinned_image(status.images or Images(), config, run.spec, attempt.step)
    told = None
    if attempt.step is Step.PUBLISH:
        told = Told(_failed(status), used_images(status.images or Images(), config, run.spec))
    return build_job(ref, run.spec, config, attempt, image, told)


def _failed(status: RunStatus) -> dict[str, str]:
    """Return each failed building with why."""
    lines = status.buildings.items()
    return {name: line.message or "It failed." for name, line in lines if line.phase is BuildingPhase.FAILED}


def _controller(body: Object) -> str:
    owners = body["metadata"].get("ownerReferences") or []
    return next((str(one["uid"]) for one in owners if one.get("controller")), "")


class _SkippedError(Exception):
    """Not tried: another request of the same round has just met an error."""


def _unless(fault: list[ClusterError], function: Callable[ParamT, ResultT]) -> Callable[ParamT, ResultT]:
    """Return ``function``, not called any more once there is a fault: an outage is waited out once, not 64 times."""

    def guarded(*args: ParamT.args, **kwargs: ParamT.kwargs) -> ResultT:
        if fault:
            raise _SkippedError
        return function(*args, **kwargs)

    return guarded
