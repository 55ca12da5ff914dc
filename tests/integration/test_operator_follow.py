"""The watches of Jobs and pods: nothing is missed, and nothing ends them but the program's end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.operator_api import Server, answering, status
from tests.own_loop import run
from voc_operator.errors import ClusterUnavailableError, GoneError
from voc_operator.follow import Follower, follow_both


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server on a free port."""
    with answering() as one:
        yield one


def listed(version: str) -> dict[str, Any]:
    """Return a list's metadata."""
    return {"metadata": {"resourceVersion": version}, "items": []}


def lines(*changes: tuple[str, str]) -> bytes:
    """Return a watch's answer: type and version of each change."""
    told = [
        {"type": kind, "object": {"metadata": {"name": "a", "resourceVersion": version}}} for kind, version in changes
    ]
    return b"".join(json.dumps(one).encode() + b"\n" for one in told)


class Heard:
    """What a follower told; it is stopped by the last of ``wanted`` versions."""

    def __init__(self, server: Server, last: str) -> None:
        self.changes: list[tuple[str, str]] = []
        self.begun = 0
        self.last = last
        self.follower = Follower(server.cluster, "jobs", self.take, self.begin)

    def begin(self) -> None:
        """Count."""
        self.begun += 1

    def take(self, kind: str, body: dict[str, Any]) -> None:
        """Remember the change."""
        self.changes.append((kind, body["metadata"]["resourceVersion"]))
        if body["metadata"]["resourceVersion"] == self.last:
            self.follower.stop()


def watched(server: Server) -> list[str]:
    """Return the resourceVersion from which each watch was asked for."""
    return [
        one.path.partition("resourceVersion=")[2].partition("&")[0] for one in server.asked if "watch=true" in one.path
    ]


def test_changes_are_told_in_order_and_a_watch_that_ends_goes_on_where_it_was(server: Server) -> None:
    """The API server ends every watch after a while; the next one begins after the last change, or bookmark."""
    server.answer(200, listed("5"))
    server.answer(200, lines(("ADDED", "6"), ("BOOKMARK", "9")))
    server.answer(200, lines(("MODIFIED", "10"), ("DELETED", "11")))
    heard = Heard(server, "11")
    heard.follower.follow()
    assert heard.changes == [("ADDED", "6"), ("MODIFIED", "10"), ("DELETED", "11")]
    assert (watched(server), heard.begun) == (["5", "9"], 1)
    assert all("labelSelector=app.kubernetes.io%2Fmanaged-by%3Dvoc-operator" in one.path for one in server.asked)


def test_a_watch_whose_version_is_too_old_begins_anew_and_says_so(server: Server) -> None:
    """What changed in between is to be looked up: the follower says that something may have been missed."""
    server.answer(200, listed("5"))
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
    server.answer(200, lines(("ADDED", "6")) + json.dumps(gone).encode() + b"\n")
    server.answer(200, listed("50"))
    server.answer(200, lines(("ADDED", "51")))
    heard = Heard(server, "51")
    heard.follower.follow()
    assert (watched(server), heard.begun) == (["5", "50"], 2)


def test_an_outage_in_the_middle_is_followed_by_the_same_watch(server: Server) -> None:
    """A line that was cut, or an API server that is overloaded, loses no change."""
    server.answer(200, listed("5"))
    server.answer(200, lines(("ADDED", "6")) + b'{"type": "MODI')
    server.answer(503, status("ServiceUnavailable", "down"))
    server.answer(200, lines(("MODIFIED", "7")))
    heard = Heard(server, "7")
    heard.follower.follow()
    assert (watched(server), heard.begun) == (["5", "6", "6"], 1)
    assert heard.changes == [("ADDED", "6"), ("MODIFIED", "7")]


def test_a_watch_is_refused_by_the_errors_of_other_requests(server: Server) -> None:
    """A server that is away and a version that is too old are told apart."""
    server.answer(410, status("Expired", "too old"))
    with pytest.raises(GoneError):
        list(server.cluster.changes("pods", "1"))
    server.answer(500, b"not even JSON")
    with pytest.raises(ClusterUnavailableError):
        list(server.cluster.changes("pods", "1"))
    assert server.pauses == []


def test_both_kinds_are_told_on_the_event_loop(server: Server) -> None:
    """Callbacks come on the loop's own thread, and both watches have begun when that is said."""
    told: list[bool] = []
    server.always = {"watch=true": b"", "": listed("5")}

    async def scenario() -> list[Follower]:
        loop = asyncio.get_running_loop()

        def note(*_: object) -> None:
            told.append(asyncio.get_running_loop() is loop)

        both = await follow_both(server.cluster, note, note, note)
        for one in both:
            one.stop()
        await asyncio.sleep(0)
        return both

    assert all(one.ready.is_set() for one in run(scenario()))
    assert told == [True, True]
