"""The operator has exactly the rights that it uses: the API server's audit log against the chart's Role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.audit import requests
from tests.cluster.installs import installed
from tests.cluster.pods import until
from voc_operator.rights import OPERATOR

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.images import Images
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
#: Rights that an untroubled run does not use, and what they are for.
FOR_TROUBLE = {
    "get vocmonthlyruns.vocnlp.io": "a status patch met a conflict",
    "get jobs.batch": "a Job that is to be created exists",
    "patch vocmonthlyruns.vocnlp.io": "the uninstall hook cancels runs as the same account",
    "update vocmonthlyruns/finalizers.vocnlp.io": "asked by admission for blockOwnerDeletion, not by a request",
}


def test_every_rule_is_used_and_none_is_missing(own_cluster: Cluster, images: Images, servers: Servers) -> None:
    """A run that succeeds and loses its Jobs to the TTL needs the whole Role but for trouble, and no more."""
    with installed(own_cluster, images, servers) as one:
        name = one.apply("rights", mode="tagging-only", month="2025-12", buildings=["138"], ttlSecondsAfterFinished=1)
        assert one.finish(name)["phase"] == "Succeeded"
        until("the TTL has come", lambda: not one.kubectl("get", "jobs", "-o", "name"))
        asked = requests(own_cluster, one.namespace)
    refused = [request for request in asked if request.code == 403]
    assert not refused, refused[:3]
    used = {request.right for request in asked} - {""}
    allowed = {str(one) for one in OPERATOR}
    assert used <= allowed
    assert allowed - used <= FOR_TROUBLE.keys()
