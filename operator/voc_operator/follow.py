"""Follows the operator's Jobs and pods, each kind on a thread of its own.

kopf watches the runs. Of Jobs and pods there are thousands, kept until the TTL, and kopf lists what it watches, whole
and with a task for each object: among 3,200 Jobs a start took nine seconds and 275 MB. Here nothing is listed. A watch
begins at a moment, and the controller's resync, which keeps small values only, tells what was before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import ParamSpec

from voc_operator.cluster import Cluster, Object, Watched
from voc_operator.errors import ClusterError, GoneError

_PAUSE, _MOST_PAUSE = 0.1, 15.0
#: An API server that is away at the start is waited for by the loop itself.
_BEGIN_SECONDS = 5.0
ParamT = ParamSpec("ParamT")
Missed = Callable[[], object]
logger = logging.getLogger(__name__)


class Follower:
    """One watch that is begun again for ever."""

    def __init__(self, cluster: Cluster, kind: Watched, take: Callable[[str, Object], object], begun: Missed) -> None:
        """Remember whom to tell; both are called on the follower's thread.

        Args:
            cluster: where to watch.
            kind: what to watch.
            take: told the type of every change, and the object.
            begun: told that a watch began anew: what changed before is to be looked up.
        """
        self._cluster = cluster
        self._kind = kind
        self._take = take
        self._begun = begun
        self._stopped = Event()
        #: Set as soon as the first watch has its beginning.
        self.ready = Event()

    def start(self) -> None:
        """Follow on a thread that ends with the process."""
        Thread(target=self.follow, name=f"watch-{self._kind}", daemon=True).start()

    def stop(self) -> None:
        """Tell nobody anything any more."""
        self._stopped.set()

    def follow(self) -> None:
        """Follow until :meth:`stop`."""
        version, failures = "", 0
        while not self._stopped.is_set():
            try:
                if not version:
                    version = self._cluster.newest(self._kind)
                    self._begun()
                    self.ready.set()
                for type_, body in self._cluster.changes(self._kind, version):
                    if self._stopped.is_set():
                        return
                    version, failures = str(body["metadata"]["resourceVersion"]), 0
                    if type_ != "BOOKMARK":
                        self._take(type_, body)
                # It ends every few minutes; one that ends at once must not be asked for at once.
                self._stopped.wait(_PAUSE)
            except GoneError:
                version = ""
            except ClusterError as error:
                failures += 1
                logger.warning("%s", error)
                self._stopped.wait(min(2.0 ** (failures - 1), _MOST_PAUSE))
            except Exception:
                # An operator that hears nothing any more is worse than one that looks everything up.
                version = ""
                logger.exception("The watch of %s failed.", self._kind)
                self._stopped.wait(_MOST_PAUSE)


async def follow_both(
    cluster: Cluster, jobs: Callable[[str, Object], object], pods: Callable[[str, Object], object], missed: Missed
) -> list[Follower]:
    """Follow Jobs and pods and tell on this event loop; return when both have begun, or when that takes long."""
    loop = asyncio.get_running_loop()

    def on_loop(function: Callable[ParamT, object]) -> Callable[ParamT, object]:
        return lambda *args, **kwargs: loop.call_soon_threadsafe(partial(function, *args, **kwargs))

    both = [
        Follower(cluster, "jobs", on_loop(jobs), on_loop(missed)),
        Follower(cluster, "pods", on_loop(pods), on_loop(missed)),
    ]
    for one in both:
        one.start()
    for one in both:
        await loop.run_in_executor(None, one.ready.wait, _BEGIN_SECONDS)
    return both
