"""What kopf is told: to watch the runs, one start-up task, and to write nothing into anybody's objects. Only kopf here.

Timers, daemons and change-detecting handlers would put finalizers and annotations on the runs; so there are none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import kopf

from voc_models.run import GROUP, VERSION
from voc_operator.cluster import PAGE_OF_RUNS, Cluster
from voc_operator.controller import Controller
from voc_operator.crd import PLURAL
from voc_operator.follow import Follower, follow_both
from voc_operator.http_server import HttpServer

#: How kopf names the tasks that watch.
_WATCHER = "watcher for "


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings: no cluster-wide scanning, no Events."""
    chosen = kopf.OperatorSettings()
    chosen.scanning.disabled = True
    chosen.posting.enabled = False
    chosen.watching.chunk_size = PAGE_OF_RUNS
    chosen.watching.connect_timeout = 5
    chosen.networking.connect_timeout = 5
    chosen.networking.request_timeout = 30
    # An outage of the API server: ask every five seconds for an hour, then let the pod be restarted.
    chosen.networking.error_backoffs = (1, 1, 2, 3, *[5] * 720)
    return chosen


def registry(controller: Controller, cluster: Cluster, server: HttpServer, deaf: Future[str]) -> kopf.OperatorRegistry:
    """Return the handlers that feed ``controller`` and run its loop and the server beside them.

    Args:
        controller: told what the watches show.
        cluster: where Jobs and pods are followed.
        server: answers while the operator runs.
        deaf: gets a sentence when a watch has ended for good; kopf is to stop then.
    """
    handlers = kopf.OperatorRegistry()
    tasks: list[asyncio.Task[None]] = []
    followers: list[Follower] = []

    @kopf.on.startup(registry=handlers, errors=kopf.ErrorsMode.PERMANENT)
    async def start(**_: object) -> None:
        await server.start()
        # They begin before the first resync, which looks up what was before them.
        followers.extend(await follow_both(cluster, controller.job_event, controller.pod_event, controller.missed))
        loop = asyncio.get_running_loop()
        tasks.append(loop.create_task(controller.work()))
        tasks.append(loop.create_task(listen()))

    async def listen() -> None:
        deaf.set_result(await lost_watch())

    @kopf.on.cleanup(registry=handlers)
    async def stop(**_: object) -> None:
        # A thread of kopf's waits for it, and the process for that thread.
        deaf.cancel()
        for one in followers:
            one.stop()
        controller.close()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await server.stop()

    @kopf.on.login(registry=handlers)
    async def login(**given: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's own keyword arguments
        # By the address that every pod is told: kopf's own way asks DNS for kubernetes.default.svc, which a cluster may
        # not have and an egress policy may forbid. Asked again when the token has been renewed.
        return kopf.login_via_client(**given)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)
    async def run(event: Mapping[str, Any], **_: object) -> None:
        controller.run_event(event["type"], event["object"])

    return handlers


async def lost_watch(pause: float = 1.0) -> str:
    """Return a sentence once a watch has ended by itself: kopf logs that and goes on without it, deaf."""
    known: set[asyncio.Task[Any]] = set()
    while True:
        known |= {task for task in asyncio.all_tasks() if task.get_name().startswith(_WATCHER)}
        for task in known:
            if task.done() and not task.cancelled():
                return f"The {task.get_name()} has ended: {task.exception() or 'nobody knows why'}."
        await asyncio.sleep(pause)
