"""Requests to an API server that answers what a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from kubernetes import client

from tests.integration.operator_api import Server, answering, status
from voc_operator.cluster import Cluster
from voc_operator.decision import RunEvent
from voc_operator.errors import (
    AlreadyExistsError,
    ClusterError,
    ClusterUnavailableError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
)
from voc_operator.transport import Transport


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server on a free port."""
    with answering() as one:
        yield one


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (403, "Forbidden", ForbiddenError),
        (404, "NotFound", NotFoundError),
        (409, "AlreadyExists", AlreadyExistsError),
        (409, "Conflict", ConflictError),
        (410, "Expired", GoneError),
        (422, "Invalid", InvalidError),
    ],
)
def test_each_refusal_is_an_error_of_its_own(server: Server, code: int, reason: str, kind: type[ClusterError]) -> None:
    """The error's class follows the answer, its sentence names verb, resource and what the API server said."""
    server.answer(code, status(reason, "said the server"))
    with pytest.raises(kind, match=r"vocmonthlyruns.*said the server") as caught:
        server.cluster.get_run("full")
    assert type(caught.value) is kind
    assert server.pauses == []


def test_a_forbidden_request_names_the_right_that_is_missing(server: Server) -> None:
    """The sentence says which verb on which resource the service account lacks."""
    server.answer(403, status("Forbidden", "no"))
    with pytest.raises(ForbiddenError, match=r"forbids to delete jobs\.batch"):
        server.cluster.delete_job("one", "uid")


def test_an_overloaded_server_is_asked_again_when_it_says(server: Server) -> None:
    """A 429 is tried again after its Retry-After, and each try is counted."""
    server.answer(429, status("TooManyRequests", "slow down"), **{"Retry-After": "2"})
    server.answer(500, b"not even JSON")
    server.answer(200, {"metadata": {"name": "full"}})
    assert server.cluster.get_run("full")["metadata"]["name"] == "full"
    assert server.pauses == [2.0, 1.0]
    assert server.verbs == ["get"] * 3


def test_an_outage_ends_in_an_error_after_three_tries(server: Server) -> None:
    """No call tries for ever; the error keeps what happened as its cause."""
    for _ in range(3):
        server.answer(503, status("ServiceUnavailable", "down"))
    with pytest.raises(ClusterUnavailableError, match="down") as caught:
        server.cluster.list_pods()
    assert len(server.asked) == 3
    assert caught.value.__cause__ is not None


def test_nothing_is_tried_again_once_the_program_ends(server: Server) -> None:
    """After stop a request that fails is not repeated."""
    server.transport.stop()
    server.answer(503, status("ServiceUnavailable", "down"))
    with pytest.raises(ClusterUnavailableError):
        server.cluster.list_pods()
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_named() -> None:
    """The sentence says which address did not answer."""
    configuration = client.Configuration()
    configuration.host = "http://127.0.0.1:9"
    with pytest.raises(ClusterUnavailableError, match=r"http://127\.0\.0\.1:9 did not answer"):
        Cluster(Transport(configuration, sleep=lambda _: None), "voc").list_runs()


def test_of_a_list_one_page_is_held_at_a_time(server: Server) -> None:
    """What is to be kept of a page is taken before the next page is asked for."""
    server.answer(200, {"items": [{"n": 1}], "metadata": {"continue": "next"}})
    server.answer(200, {"items": [{"n": 2}], "metadata": {}})
    assert server.cluster.read_jobs(lambda body: (body["n"], len(server.asked))) == [(1, 1), (2, 2)]


def test_lists_come_in_pages_and_begin_again_when_their_snapshot_is_gone(server: Server) -> None:
    """Every page is asked for; a 410 in the middle begins the list anew and nothing comes twice."""
    server.answer(200, {"items": [{"n": 1}], "metadata": {"continue": "next"}})
    server.answer(410, status("Expired", "too old"))
    server.answer(200, {"items": [{"n": 1}], "metadata": {"continue": "next"}})
    server.answer(200, {"items": [{"n": 2}], "metadata": {}})
    assert [one["n"] for one in server.cluster.list_pods()] == [1, 2]
    assert "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dvoc-operator" in server.asked[0].path
    assert "continue=next" in server.asked[3].path


def test_a_status_replaces_the_one_that_was_read(server: Server) -> None:
    """The patch names the resourceVersion that it builds on and replaces the whole status, vanished keys included."""
    server.answer(200, {"metadata": {"resourceVersion": "8"}})
    assert server.cluster.patch_status("full", {"phase": "Running"}, "7") == "8"
    assert server.asked[0].body == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/status", "value": {"phase": "Running"}},
    ]
    assert server.asked[0].headers["Content-Type"] == "application/json-patch+json"
    assert server.asked[0].headers["Authorization"] == "Bearer secret"


def test_a_deletion_is_foreground_and_of_this_very_job(server: Server) -> None:
    """The request names the UID and waits for the pods; a Job that is gone, or another one, is no error."""
    server.answer(404, status("NotFound", "gone"))
    server.answer(409, status("Conflict", "another uid"))
    server.cluster.delete_job("one", "uid-1")
    server.cluster.delete_job("one", "uid-1")
    assert server.asked[0].body["propagationPolicy"] == "Foreground"
    assert server.asked[0].body["preconditions"] == {"uid": "uid-1"}


def test_an_event_fits_and_is_stored_once(server: Server) -> None:
    """A long sentence is cut to the API server's 1,024 bytes, and the same Event again is no error."""
    server.answer(201)
    server.answer(409, status("AlreadyExists", "there"))
    event = RunEvent("Warning", "Failed", "가" * 600)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    server.cluster.create_event("full", "uid", event, moment)
    server.cluster.create_event("full", "uid", event, moment)
    first, second = (one.body for one in server.asked)
    assert len(first["message"].encode()) <= 1024
    assert first["metadata"]["name"] == second["metadata"]["name"]


def test_the_crd_is_served_or_not(server: Server) -> None:
    """Discovery that knows the group but not the kind, or not even the group, means that the CRD is missing."""
    server.answer(404, status("NotFound", "no such group"))
    server.answer(200, {"resources": [{"name": "others"}]})
    server.answer(200, {"resources": [{"name": "vocmonthlyruns"}]})
    assert [server.cluster.crd_served() for _ in range(3)] == [False, False, True]


def test_a_right_is_asked_for_as_rbac_names_it(server: Server) -> None:
    """The access review names group, resource, subresource and namespace, and its answer is returned."""
    server.answer(201, {"status": {"allowed": True}})
    assert server.cluster.can_i("patch", "vocmonthlyruns", "vocnlp.io", "status")
    assert server.asked[0].body["spec"]["resourceAttributes"] == {
        "namespace": "voc",
        "verb": "patch",
        "resource": "vocmonthlyruns",
        "group": "vocnlp.io",
        "subresource": "status",
    }
