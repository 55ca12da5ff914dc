"""Which runs there are, as last seen, and when each has its turn. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

from voc_operator import runs
from voc_operator.cache import Seen, newer
from voc_operator.decision import Run
from voc_operator.runs import Known, Shelved, Tracked, Unreadable


class Agenda:
    """The runs of the namespace by UID. Everything but :meth:`sleep` returns at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with no run; ``clock`` is monotonic seconds."""
        self._clock = clock
        self._runs: Seen[Known] = Seen()
        self._due: dict[str, float] = {}
        self._bell = asyncio.Event()
        self._sleeps_until = 0.0

    # --- which runs there are

    def take(self, body: Mapping[str, Any]) -> None:
        """Take in a run as the API server shows it, unless it is old news."""
        uid, version = body["metadata"]["uid"], str(body["metadata"].get("resourceVersion") or "")
        known = self._runs.get(uid)
        if known is not None and not newer(version, known.version):
            return
        tracked = known if isinstance(known, Tracked) else None
        before = tracked.run if tracked else None
        seen = runs.first_seen(body) if known is None else runs.read_run(body, tracked)
        if not self._runs.put(uid, version, seen):
            return
        if isinstance(seen, Unreadable):
            seen.told = isinstance(known, Unreadable) and known.fault == seen.fault
        if isinstance(seen, Unreadable) or before is None or before != seen.run:
            self.mark(uid)

    def remove(self, uid: str) -> Known | None:
        """Forget a run that is gone; return what was known of it."""
        self._due.pop(uid, None)
        return self._runs.remove(uid)

    def get(self, uid: str) -> Known | None:
        """Return what is known of a run."""
        return self._runs.get(uid)

    def runs(self) -> Iterator[Run]:
        """Yield every run that this operator understands."""
        return (one.run for one in self._runs.values() if not isinstance(one, Unreadable))

    def shelve(self, known: Tracked) -> None:
        """Keep no more of a run that is over than others ask for; :meth:`take` or :meth:`unshelve` bring it back."""
        if self._runs.get(known.uid) is known:
            self._runs.change(known.uid, runs.shelved(known))

    def take_shelved(self, seen: Shelved) -> None:
        """Take in what a list shows of a run that is over, unless more is known of it."""
        if self._runs.get(seen.uid) is None and self._runs.put(seen.uid, seen.version, seen):
            self.mark(seen.uid)

    def unshelve(self, body: Mapping[str, Any]) -> None:
        """Take a shelved run up again as the API server shows it now."""
        uid = body["metadata"]["uid"]
        if isinstance(self._runs.get(uid), Shelved):
            self._runs.change(uid, runs.read_run(body, None))
            self.mark(uid)

    def before_list(self) -> int:
        """Return what :meth:`remove_missing` needs; take it before the list is asked for."""
        return self._runs.mark()

    def versions(self) -> dict[str, str]:
        """Return the resourceVersion of each run as it is known now."""
        return {one.uid: one.version for one in self._runs.values()}

    def remove_missing(self, mark: int, listed: Collection[str]) -> list[Known]:
        """Forget the runs that a list did not show and nobody told of since ``mark``; return what was known of them."""
        lost = self._runs.sweep(mark, listed)
        for one in lost:
            self.remove(one.uid)
        return lost

    # --- when each has its turn

    def mark(self, uid: str, delay: float = 0) -> None:
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

    def mark_all(self) -> None:
        """Have every run attended to."""
        for one in self._runs.values():
            self.mark(one.uid)

    def mark_unfinished(self) -> None:
        """Have those attended to that may have waited for a run which has ended."""
        for one in self._runs.values():
            if isinstance(one, Tracked) and not one.finished:
                self.mark(one.uid)

    def due(self) -> Iterator[str]:
        """Yield the runs whose time has come, each struck off when its turn begins."""
        for uid in [uid for uid, at in self._due.items() if at <= self._clock()]:
            self._due.pop(uid, None)
            yield uid

    async def sleep(self, latest: float, *, for_runs: bool) -> None:
        """Wait until ``latest``; with ``for_runs`` no longer than until a run has its turn."""
        self._bell.clear()
        self._sleeps_until = min([latest, *(self._due.values() if for_runs else ())])
        pause = self._sleeps_until - self._clock()
        if pause > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), pause)
