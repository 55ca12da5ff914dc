"""All Kubernetes I/O: what the operator and its commands ask of the API server. Objects are raw JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from voc_models.run import API_VERSION, GROUP, KIND, VERSION
from voc_operator.conditions import cut
from voc_operator.crd import PLURAL
from voc_operator.decision import RunEvent
from voc_operator.errors import AlreadyExistsError, ConflictError, GoneError, NotFoundError, error_of
from voc_operator.jobs import MANAGED_BY, RUN_UID_LABEL
from voc_operator.transport import JSON_PATCH, MERGE_PATCH, METADATA_ONLY, Request, Transport

Object = dict[str, Any]
KeptT = TypeVar("KeptT")
Watched = Literal["jobs", "pods"]

MANAGED = f"app.kubernetes.io/managed-by={MANAGED_BY}"
PAGE = 500
#: A watch is ended by the API server after this long, so that a renewed token is used.
WATCH_SECONDS = "300"
#: Runs on a page: one of 10,000 buildings has a status of 0.9 MB.
PAGE_OF_RUNS = 10
#: Lists begun again because their snapshot grew too old while they were read.
_LIST_TRIES = 3
#: The API server's limit for an Event's message, in bytes.
_EVENT_MESSAGE = 1024


class Cluster:
    """One namespace of a cluster.

    Every method is synchronous, safe to call from several threads, and raises ClusterUnavailableError when the API
    server does not answer, ForbiddenError when the service account may not, and what it says besides.
    """

    def __init__(self, transport: Transport, namespace: str) -> None:
        """Remember where to ask."""
        self.transport = transport
        self.namespace = namespace
        self._runs = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}"
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._watched: dict[Watched, tuple[str, str]] = {
            "jobs": (self._jobs, "jobs.batch"),
            "pods": (self._pods, "pods"),
        }

    def list_runs(self) -> list[Object]:
        """Return every run of the namespace; NotFoundError when the CRD is not installed."""
        return self.read_runs(_whole)

    def read_runs(self, keep: Callable[[Object], KeptT]) -> list[KeptT]:
        """Return what ``keep`` makes of every run, of which no more than a page is held."""
        return self._list(self._runs, f"{PLURAL}.{GROUP}", {"limit": str(PAGE_OF_RUNS)}, keep)

    def get_run(self, name: str) -> Object:
        """Return a run; NotFoundError when there is none."""
        return self._send("GET", f"{self._runs}/{name}", "get", f"{PLURAL}.{GROUP} {name}")

    def create_run(self, manifest: Mapping[str, Any]) -> Object:
        """Create a run; AlreadyExistsError, or InvalidError with the API server's sentence."""
        name = manifest["metadata"]["name"]
        return self._send("POST", self._runs, "create", f"{PLURAL}.{GROUP} {name}", manifest)

    def patch_run_spec(self, name: str, patch: Mapping[str, Any]) -> Object:
        """Merge ``patch`` into ``spec``; NotFoundError, or InvalidError when a rule of the CRD forbids it."""
        resource = f"{PLURAL}.{GROUP} {name}"
        return self._send("PATCH", f"{self._runs}/{name}", "patch", resource, {"spec": patch}, content_type=MERGE_PATCH)

    def patch_status(self, name: str, status: Mapping[str, Any], resource_version: str) -> str:
        """Replace the whole status of the run as it was at ``resource_version``; return its new resourceVersion.

        A JSON patch, because a merge patch would keep the buildings and conditions that are not named any more.
        ConflictError when somebody changed the run in between, NotFoundError when it is gone.
        """
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "add", "path": "/status", "value": status},
        ]
        answer = self._send(
            "PATCH",
            f"{self._runs}/{name}/status",
            "patch",
            f"{PLURAL}/status.{GROUP} {name}",
            patch,
            content_type=JSON_PATCH,
            accept=METADATA_ONLY,
        )
        return str(answer["metadata"]["resourceVersion"])

    def create_job(self, manifest: Mapping[str, Any]) -> Object:
        """Create a Job and return it; AlreadyExistsError when there is one of that name."""
        return self._send("POST", self._jobs, "create", f"jobs.batch {manifest['metadata']['name']}", manifest)

    def get_job(self, name: str) -> Object:
        """Return a Job; NotFoundError when there is none."""
        return self._send("GET", f"{self._jobs}/{name}", "get", f"jobs.batch {name}")

    def delete_job(self, name: str, uid: str) -> None:
        """Delete this very Job, which stays visible until its pods are gone; one that is gone already is no error."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        try:
            self._send("DELETE", f"{self._jobs}/{name}", "delete", f"jobs.batch {name}", options, accept=METADATA_ONLY)
        except (NotFoundError, ConflictError):
            return  # gone, or another one of that name by now

    def read_jobs(self, keep: Callable[[Object], KeptT], runs: Collection[str] | None = None) -> list[KeptT]:
        """Return what ``keep`` makes of every Job of the operator, of which no more than a page is held.

        Args:
            keep: makes something small of an object.
            runs: UIDs of the only runs whose Jobs are asked for.
        """
        return self._list(self._jobs, "jobs.batch", _own(runs), keep)

    def list_pods(self) -> list[Object]:
        """Return every pod of the operator's Jobs."""
        return self.read_pods(_whole)

    def read_pods(self, keep: Callable[[Object], KeptT], runs: Collection[str] | None = None) -> list[KeptT]:
        """Return what ``keep`` makes of every pod of the operator's Jobs, as :meth:`read_jobs` does of the Jobs."""
        return self._list(self._pods, "pods", _own(runs), keep)

    def newest(self, kind: Watched) -> str:
        """Return the resourceVersion from which :meth:`changes` tells all that is to come."""
        query = {"limit": "1", "labelSelector": MANAGED}
        path, resource = self._watched[kind]
        answer = self._send("GET", path, "list", resource, query=query, accept=_LIST_METADATA_ONLY)
        return str(answer["metadata"]["resourceVersion"])

    def changes(self, kind: Watched, version: str) -> Iterator[tuple[str, Object]]:
        """Yield each change of the operator's objects after ``version``, its type and the object, until the watch ends.

        BOOKMARK is a type, too: nothing but a newer version. GoneError when ``version`` is too old.
        """
        path, resource = self._watched[kind]
        query = {
            "watch": "true",
            "labelSelector": MANAGED,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": WATCH_SECONDS,
        }
        for change in self.transport.stream(Request("GET", path, "watch", resource, query)):
            body = change.get("object") or {}
            if change.get("type") == "ERROR":
                raise error_of("watch", resource, body.get("code") or 500, body.get("reason") or "", str(body))
            yield str(change["type"]), body

    def create_event(self, name: str, uid: str, event: RunEvent, now: datetime) -> None:
        """Show ``event`` in ``kubectl describe`` of the run; the same one at the same time is stored once."""
        time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hashlib.sha256(f"{uid} {event.reason} {now.isoformat()} {event.message}".encode()).hexdigest()
        event_name = f"{name[:200].rstrip('-.')}.{digest[:16]}"
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event_name, "namespace": self.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": self.namespace,
                "name": name,
                "uid": uid,
            },
            "type": event.type,
            "reason": event.reason,
            "message": cut(event.message, _EVENT_MESSAGE),
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
            "source": {"component": MANAGED_BY},
            "reportingComponent": MANAGED_BY,
        }
        path = f"/api/v1/namespaces/{self.namespace}/events"
        try:
            self._send("POST", path, "create", f"events {event_name}", body, accept=METADATA_ONLY)
        except AlreadyExistsError:
            return

    def crd_served(self) -> bool:
        """Tell whether the API server knows VocMonthlyRun in this operator's version."""
        try:
            answer = self._send("GET", f"/apis/{GROUP}/{VERSION}", "discover", API_VERSION)
        except NotFoundError:
            return False
        return any(one.get("name") == PLURAL for one in answer.get("resources") or [])

    def can_i(self, verb: str, resource: str, group: str = "", subresource: str = "") -> bool:
        """Tell whether the API server lets this service account do that in the namespace."""
        attributes = {
            "namespace": self.namespace,
            "verb": verb,
            "resource": resource,
            "group": group,
            "subresource": subresource,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = self._send("POST", path, "create", "selfsubjectaccessreviews.authorization.k8s.io", review)
        return bool((answer.get("status") or {}).get("allowed"))

    def ping(self) -> None:
        """Ask for next to nothing, to learn whether the API server answers."""
        query = {"limit": "1"}
        self._send("GET", self._runs, "list", f"{PLURAL}.{GROUP}", query=query, accept=_LIST_METADATA_ONLY)

    def _send(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        verb: str,
        resource: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        return self.transport.send(Request(method, path, verb, resource, query or {}, body, content_type, accept))

    def _list(self, path: str, resource: str, query: Mapping[str, str], keep: Callable[[Object], KeptT]) -> list[KeptT]:
        for _ in range(_LIST_TRIES - 1):
            try:
                return [keep(one) for one in self._each(path, resource, query)]
            except GoneError:
                continue
        return [keep(one) for one in self._each(path, resource, query)]

    def _each(self, path: str, resource: str, query: Mapping[str, str]) -> Iterator[Object]:
        page = dict(query)
        while True:
            answer = self._send("GET", path, "list", resource, query=page)
            yield from answer.pop("items", None) or []
            token = (answer.get("metadata") or {}).get("continue")
            if not token:
                return
            page["continue"] = token


def _whole(body: Object) -> Object:
    return body


def _own(runs: Collection[str] | None) -> dict[str, str]:
    selector = MANAGED if runs is None else f"{MANAGED},{RUN_UID_LABEL} in ({','.join(sorted(runs))})"
    return {"limit": str(PAGE), "labelSelector": selector}


_LIST_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
