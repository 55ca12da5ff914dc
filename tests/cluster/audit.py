"""What the operator asked of the API server, from its audit log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster


class Request(NamedTuple):
    """One request: when it came and when its answer began, in Unix seconds; verb and resource in RBAC's words.

    ``resource`` is "" for what needs no right: discovery, and reviews of one's own rights.
    """

    asked: float
    answered: float
    verb: str
    resource: str
    name: str
    code: int

    @property
    def right(self) -> str:
        """The right that it needs, "" when it needs none."""
        return f"{self.verb} {self.resource}" if self.resource else ""


def requests(cluster: Cluster, namespace: str) -> list[Request]:
    """Return every request of the operator that is installed in ``namespace``, in the order of their answers."""
    found: dict[str, Request] = {}
    for line in cluster.requests_of(f"system:serviceaccount:{namespace}:voc-nlp-operator"):
        # A watch is told twice, when it begins and when it ends.
        found.setdefault(line["auditID"], _request(line))
    return [*found.values()]


def _request(line: dict[str, Any]) -> Request:
    target = line.get("objectRef") or {}
    resource = ""
    if "resource" in target and target.get("apiGroup") != "authorization.k8s.io":
        resource = target["resource"] + (f"/{target['subresource']}" if target.get("subresource") else "")
        resource += f".{target['apiGroup']}" if target.get("apiGroup") else ""
    asked, answered = (
        datetime.fromisoformat(line[field]).timestamp() for field in ("requestReceivedTimestamp", "stageTimestamp")
    )
    code = (line.get("responseStatus") or {}).get("code", 0)
    return Request(asked, answered, line["verb"], resource, target.get("name", ""), code)
