"""What the cluster was last seen to hold of every run's Jobs and pods. Pure and in memory; the event loop's alone.

It is fed by the watch, by lists and by the API server's own answers. kopf's indices would not do: kopf 1.45 drops an
object from an index on a DELETED event only, and when it lists again after a broken watch it reports what is there,
never what is not there any more (``kopf/_core/engines/indexing.py``, ``kopf/_cogs/clients/watching.py``). A Job that
was deleted meanwhile would stay in the index, and its building would wait for it until the operator is restarted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from voc_operator.observed import Observed, ObservedJob, ObservedPod, read_job, read_pod

ValueT = TypeVar("ValueT")
DELETED = "DELETED"


class _Entry(NamedTuple, Generic[ValueT]):
    version: str
    turn: int
    value: ValueT


class Listed(NamedTuple, Generic[ValueT]):
    """What is kept of an object that a list showed; ``value`` is None when it is nothing of ours."""

    uid: str
    version: str
    value: ValueT | None


class Seen(Generic[ValueT]):
    """The newest version of each object by its UID; never goes back to an older one, nor to a deleted one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._entries: dict[str, _Entry[ValueT]] = {}
        self._gone: dict[str, int] = {}
        self._turn = 0

    def put(self, uid: str, version: str, value: ValueT) -> bool:
        """Keep ``value`` unless the same version, a newer one or the deletion was seen; tell whether it was kept."""
        self._turn += 1
        known = self._entries.get(uid)
        if uid in self._gone or (known is not None and not newer(version, known.version)):
            return False
        self._entries[uid] = _Entry(version, self._turn, value)
        return True

    def change(self, uid: str, value: ValueT) -> None:
        """Replace the value of a known object, whose version stays."""
        known = self._entries.get(uid)
        if known is not None:
            self._entries[uid] = known._replace(value=value)

    def remove(self, uid: str) -> ValueT | None:
        """Forget a deleted object for good; return what was known of it."""
        self._turn += 1
        self._gone[uid] = self._turn
        known = self._entries.pop(uid, None)
        return None if known is None else known.value

    def get(self, uid: str) -> ValueT | None:
        """Return what is known of the object."""
        known = self._entries.get(uid)
        return None if known is None else known.value

    def values(self) -> Iterator[ValueT]:
        """Yield what is known, in the order in which the objects were first seen."""
        return (entry.value for entry in self._entries.values())

    def mark(self) -> int:
        """Return a mark to take before a list is asked for."""
        return self._turn

    def sweep(self, mark: int, listed: Collection[str]) -> list[ValueT]:
        """Remove what a list did not show and nobody told of since ``mark``; return what was removed."""
        lost = [uid for uid, entry in self._entries.items() if uid not in listed and entry.turn <= mark]
        self._gone = {uid: turn for uid, turn in self._gone.items() if turn > mark}
        return [self._entries.pop(uid).value for uid in lost]


def newer(version: str, known: str) -> bool:
    """Tell whether a resourceVersion is newer than the known one; those that are no numbers only differ."""
    if version.isdecimal() and known.isdecimal():
        return int(version) > int(known)
    return version != known


class Cache:
    """Observed Jobs and pods by run."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._jobs: Seen[ObservedJob] = Seen()
        self._pods: Seen[ObservedPod] = Seen()
        self._by_run: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
        #: Pods that had ended when they were removed, by their Job's UID: how the Job ended is told by them alone.
        self._answers: dict[str, dict[str, ObservedPod]] = {}

    def apply_job(self, type_: str | None, body: Mapping[str, Any]) -> tuple[ObservedJob | None, ObservedJob | None]:
        """Take in a watch event of a Job; return what was known and what is known now, the same when it was old news.

        ``type_`` is ADDED, MODIFIED, DELETED, or None for an object that was listed.
        """
        uid = body["metadata"]["uid"]
        before = self._jobs.get(uid)
        if type_ == DELETED:
            self._jobs.remove(uid)
            self._job_gone(before.run_uid if before else "", uid)
            return before, None
        return before, self._put_job(listed_job(body)) or before

    def _put_job(self, seen: Listed[ObservedJob]) -> ObservedJob | None:
        """Keep a Job and return it; None when it is old news."""
        if seen.value is None or not self._jobs.put(seen.uid, seen.version, seen.value):
            return None
        self._link(0, seen.value.run_uid, seen.uid)
        return seen.value

    def apply_pod(self, type_: str | None, body: Mapping[str, Any]) -> str:
        """Take in a watch event of a pod; return the UID of the run that it changes, "" when it is none or old news."""
        uid = body["metadata"]["uid"]
        if type_ == DELETED:
            before = self._pods.remove(uid)
            if before is None:
                return ""
            self._pod_gone(read_pod(body) or before)
            return before.run_uid
        return self._put_pod(listed_pod(body))

    def _put_pod(self, seen: Listed[ObservedPod]) -> str:
        """Keep a pod and return the UID of its run; "" when it is old news."""
        if seen.value is None or not self._pods.put(seen.uid, seen.version, seen.value):
            return ""
        self._link(1, seen.value.run_uid, seen.uid)
        return seen.value.run_uid

    def expect_created(self, body: Mapping[str, Any]) -> None:
        """Take in the API server's answer to a create at once: a slow watch must not lead to a second create."""
        self.apply_job("ADDED", body)

    def expect_deleted(self, uid: str) -> None:
        """Remember that a Job's deletion was asked for, until the watch shows it."""
        job = self._jobs.get(uid)
        if job is not None:
            self._jobs.change(uid, job._replace(deleting=True))

    def mark(self) -> tuple[int, int]:
        """Return what :meth:`replace_all` needs; take it before the lists are asked for."""
        return self._jobs.mark(), self._pods.mark()

    def add_all(
        self, jobs: Iterable[Listed[ObservedJob]], pods: Iterable[Listed[ObservedPod]]
    ) -> tuple[set[str], set[str]]:
        """Take in what lists show, whole or not; return the UIDs of the Jobs and pods on them."""
        listed_jobs, listed_pods = set(), set()
        for job_seen in jobs:
            listed_jobs.add(job_seen.uid)
            self._put_job(job_seen)
        for pod_seen in pods:
            listed_pods.add(pod_seen.uid)
            self._put_pod(pod_seen)
        return listed_jobs, listed_pods

    def replace_all(
        self, jobs: Iterable[Listed[ObservedJob]], pods: Iterable[Listed[ObservedPod]], mark: tuple[int, int]
    ) -> None:
        """Take in whole lists: what they do not show is gone, unless the watch told of it since ``mark``."""
        listed_jobs, listed_pods = self.add_all(jobs, pods)
        for job in self._jobs.sweep(mark[0], listed_jobs):
            self._job_gone(job.run_uid, job.uid)
        for pod in self._pods.sweep(mark[1], listed_pods):
            self._pod_gone(pod)

    def observed(self, run_uid: str) -> Observed:
        """Return everything that is seen of one run, and of what was removed what its Jobs still need."""
        jobs, pods = self._by_run.get(run_uid, ({}, {}))
        seen_jobs = [job for uid in jobs if (job := self._jobs.get(uid)) is not None]
        seen_pods = [pod for uid in pods if (pod := self._pods.get(uid)) is not None]
        answers = [pod for uid in jobs for pod in self._answers.get(uid, {}).values()]
        return Observed(tuple(seen_jobs), (*seen_pods, *answers))

    def knows(self, run_uid: str) -> bool:
        """Tell whether anything is seen of a run."""
        return run_uid in self._by_run

    def forget(self, run_uid: str) -> None:
        """Drop what is known of a run that is gone; its Jobs' last events are no news any more."""
        jobs, pods = self._by_run.pop(run_uid, ({}, {}))
        for uid in jobs:
            self._jobs.remove(uid)
            self._answers.pop(uid, None)
        for uid in pods:
            self._pods.remove(uid)

    def _job_gone(self, run_uid: str, uid: str) -> None:
        self._unlink(0, run_uid, uid)
        self._answers.pop(uid, None)

    def _pod_gone(self, pod: ObservedPod) -> None:
        """A pod that is evicted as it ends is gone before its Job is Complete."""
        self._unlink(1, pod.run_uid, pod.uid)
        if pod.ended and self._jobs.get(pod.job_uid) is not None:
            self._answers.setdefault(pod.job_uid, {})[pod.uid] = pod

    def _link(self, side: int, run_uid: str, uid: str) -> None:
        self._by_run.setdefault(run_uid, ({}, {}))[side][uid] = None

    def _unlink(self, side: int, run_uid: str, uid: str) -> None:
        both = self._by_run.get(run_uid)
        if both is None:
            return
        both[side].pop(uid, None)
        if not both[0] and not both[1]:
            del self._by_run[run_uid]


def listed_job(body: Mapping[str, Any]) -> Listed[ObservedJob]:
    """Return what is kept of a Job."""
    return Listed(body["metadata"]["uid"], _version(body), read_job(body))


def listed_pod(body: Mapping[str, Any]) -> Listed[ObservedPod]:
    """Return what is kept of a pod."""
    return Listed(body["metadata"]["uid"], _version(body), read_pod(body))


def _version(body: Mapping[str, Any]) -> str:
    return str(body["metadata"].get("resourceVersion") or "")
