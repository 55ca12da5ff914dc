"""What the operator does when kopf goes deaf."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress

import kopf
from kopf._cogs.aiokits.aiotasks import create_guarded_task
from kopf._core.reactor import orchestration

from tests.own_loop import run
from voc_operator.handlers import lost_watch


async def _fails() -> None:
    await asyncio.sleep(0.05)
    raise kopf.PermanentError("the server could not find the requested resource")


async def _goes_on() -> None:
    await asyncio.sleep(3600)


def test_a_watch_that_failed_for_good_is_noticed() -> None:
    """Its name is the one that kopf gives (``orchestration.spawn_missing_watchers``), and its fault is told."""
    assert 'name=f"watcher for {' in inspect.getsource(orchestration)

    async def watched() -> str:
        asked = asyncio.create_task(lost_watch(0.01))
        await asyncio.sleep(0.03)
        other = create_guarded_task(_goes_on(), "watcher for jobs.v1.batch@voc", cancellable=True)
        create_guarded_task(_fails(), "watcher for vocmonthlyruns.v1alpha1.vocnlp.io@voc", cancellable=True)
        said = await asyncio.wait_for(asked, 30)
        other.cancel()
        return said

    assert run(watched()) == (
        "The watcher for vocmonthlyruns.v1alpha1.vocnlp.io@voc has ended: "
        "the server could not find the requested resource."
    )


def test_watches_that_are_stopped_are_not_lost() -> None:
    """At SIGTERM kopf cancels them."""

    async def stopped() -> bool:
        asked = asyncio.create_task(lost_watch(0.01))
        watch = create_guarded_task(_goes_on(), "watcher for jobs.v1.batch@voc", cancellable=True)
        await asyncio.sleep(0.05)
        watch.cancel()
        await asyncio.sleep(0.05)
        done = asked.done()
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        return done

    assert not run(stopped())
