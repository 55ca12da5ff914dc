"""The rights that the operator's service account needs in its namespace: the chart's Role, and a test compares them."""

from __future__ import annotations

from typing import NamedTuple

from voc_models.run import GROUP
from voc_operator.crd import PLURAL


class Right(NamedTuple):
    """One verb on one resource."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        name = self.resource + (f"/{self.subresource}" if self.subresource else "")
        return f"{self.verb} {name}" + (f".{self.group}" if self.group else "")


def _rights(verbs: str, resource: str, group: str = "", subresource: str = "") -> tuple[Right, ...]:
    return tuple(Right(verb, resource, group, subresource) for verb in verbs.split())


#: What the operator, the hook and the check do as one service account.
OPERATOR = (
    *_rights("get list watch patch", PLURAL, GROUP),
    *_rights("patch", PLURAL, GROUP, "status"),
    *_rights("update", PLURAL, GROUP, "finalizers"),
    *_rights("get list watch create delete", "jobs", "batch"),
    *_rights("list watch", "pods"),
    *_rights("create", "events"),
)
#: What the CronJobs' service account does.
TRIGGER = (*_rights("create get", PLURAL, GROUP), *_rights("get", "jobs", "batch"))
