"""A stand-in for Kueue, which cannot be had on the test machine: it suspends queued Jobs and admits them one by one.

What it does as Kueue's documentation says: a Job with the label ``kueue.x-k8s.io/queue-name`` is suspended when it is
created (by Kueue's webhook; here by an admission policy of the API server), and starts when a controller sets
``spec.suspend`` to false because the quota allows it. A queue on hold admits nothing more, and what is admitted goes
on. A preempted Job is suspended again, so that the Job controller removes its pods, and waits for its next turn.

What Kueue does besides: it keeps a Workload for each Job, counts resources by flavour instead of Jobs, lends quota
between queues, writes the flavour's node selector into the admitted Job, and waits for admission checks.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from kubernetes.client import AdmissionregistrationV1Api, ApiException

from tests.cluster.pods import until
from voc_operator.jobs import QUEUE_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.reach import Live, Reach

_PAUSE: Final = 0.2


class Kueue:
    """One queue of one namespace: at most ``quota`` of its Jobs are admitted and unfinished at once."""

    def __init__(self, cluster: Reach, namespace: str, quota: int) -> None:
        """Take what is to be managed."""
        self._batch, self._namespace, self._quota = cluster.batch, namespace, quota
        self._ends = threading.Event()
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.held = False
        #: Most unfinished Jobs that were seen at once, queued ones included, and most admitted ones.
        self.most_unfinished = self.most_admitted = 0
        self.admitted: list[str] = []

    def queued(self) -> list[str]:
        """Return the names of the Jobs that wait."""
        return [job.metadata.name for job in self._unfinished() if job.spec.suspend]

    def running(self) -> list[str]:
        """Return the names of the Jobs that are admitted and have not ended."""
        return [job.metadata.name for job in self._unfinished() if not job.spec.suspend]

    def preempt(self, name: str) -> None:
        """Take a Job's admission back."""
        self._suspend(name, suspend=True)

    def __enter__(self) -> Self:
        """Begin to admit."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Admit nothing more."""
        self._ends.set()
        self._thread.join()
        if self._fault is not None:
            raise self._fault

    def _work(self) -> None:
        try:
            self._admit()
        except Exception as error:
            self._fault = error
            raise

    def _admit(self) -> None:
        while not self._ends.wait(_PAUSE):
            unfinished = self._unfinished()
            admitted = [job for job in unfinished if not job.spec.suspend]
            waiting = [job for job in unfinished if job.spec.suspend]
            self.most_unfinished = max(self.most_unfinished, len(unfinished))
            self.most_admitted = max(self.most_admitted, len(admitted))
            if waiting and not self.held and len(admitted) < self._quota:
                first = min(waiting, key=lambda job: (job.metadata.creation_timestamp, job.metadata.name))
                self._suspend(first.metadata.name, suspend=False)
                self.admitted.append(first.metadata.name)

    def _unfinished(self) -> list[Live]:
        jobs = self._batch.list_namespaced_job(self._namespace, label_selector=QUEUE_LABEL).items
        return [job for job in jobs if not _over(job) and not job.metadata.deletion_timestamp]

    def _suspend(self, name: str, *, suspend: bool) -> None:
        try:
            self._batch.patch_namespaced_job(name, self._namespace, {"spec": {"suspend": suspend}})
        except ApiException as error:
            if error.status != 404:  # deleted meanwhile
                raise


@contextmanager
def kueue(cluster: Reach, namespace: str, quota: int) -> Iterator[Kueue]:
    """Queue the namespace's Jobs while the block runs."""
    api = AdmissionregistrationV1Api(cluster.admin)
    name = f"queue-{namespace}"
    api.create_mutating_admission_policy(_policy(name, namespace))
    api.create_mutating_admission_policy_binding({"metadata": {"name": name}, "spec": {"policyName": name}})
    one = Kueue(cluster, namespace, quota)
    try:
        until("the admission policy is in force", lambda: _suspends(cluster, namespace))
        with one:
            yield one
    finally:
        api.delete_mutating_admission_policy_binding(name)
        api.delete_mutating_admission_policy(name)


def _policy(name: str, namespace: str) -> dict[str, Any]:
    """Suspend every Job that is created with a queue's name, as Kueue's webhook does."""
    labels = "has(object.metadata.labels)"
    return {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [
                    {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
                ],
            },
            "matchConditions": [
                {"name": "queued", "expression": f"{labels} && '{QUEUE_LABEL}' in object.metadata.labels"}
            ],
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": "Object{spec: Object.spec{suspend: true}}"},
                }
            ],
        },
    }


def _suspends(cluster: Reach, namespace: str) -> bool:
    """Try the policy on a Job that is not kept."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "none", "image": "none"}]}
    job = {
        "metadata": {"generateName": "try-", "labels": {QUEUE_LABEL: "any"}},
        "spec": {"template": {"spec": pod}},
    }
    tried = cluster.batch.create_namespaced_job(namespace, job, dry_run="All")
    return bool(tried.spec.suspend)


def _over(job: Live) -> bool:
    return any(one.type in {"Complete", "Failed"} and one.status == "True" for one in job.status.conditions or [])
