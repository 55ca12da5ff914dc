"""What the operator keeps of a run that is over, and that it can still take it up again."""

from __future__ import annotations

import copy
from pathlib import Path

from tests.unit.operator_objects import PREPARE, RUN_UID, job_body, run_body
from tests.unit.operator_turns import Operator, play
from voc_operator.cluster import Object
from voc_operator.runs import Shelved, news

RESYNC = 301


async def finish(operator: Operator) -> None:
    """Let a run of two buildings end with one that failed, and its Jobs go with the TTL."""
    operator.cluster.add_run(run_body(ttlSecondsAfterFinished=0, backoffLimit=0, minSucceeded="1%"))
    await operator.turn()
    operator.plan("95", "101")
    await operator.end(operator.only_job())
    await operator.turn()
    good, bad = (name for name in operator.cluster.jobs if "-building-" in name)
    await operator.end(good)
    failed = operator.cluster.end_job(bad, "Failed")
    failed["status"]["conditions"][0]["message"] = "Container step failed with exit code 65 matching FailJob rule"
    operator.controller.job_event("MODIFIED", failed)
    await operator.turn()
    (publish,) = (name for name in operator.cluster.jobs if "-publish-" in name)
    await operator.end(publish)
    await operator.turn(RESYNC)
    await operator.turn(RESYNC)
    assert operator.status()["phase"] == "PartiallySucceeded"
    assert operator.cluster.jobs == {}


def changed(operator: Operator, **spec: object) -> Object:
    """Return the run after a person changed its spec."""
    body = operator.cluster.runs["full-2025-12"]
    body["spec"] |= spec
    body["metadata"] |= {"generation": body["metadata"]["generation"] + 1, "resourceVersion": "900"}
    return copy.deepcopy(body)


def test_of_a_run_that_is_over_no_building_is_kept(tmp_path: Path) -> None:
    """Once its Jobs are gone the memory for a finished run does not depend on its number of buildings."""

    async def scenario(operator: Operator) -> None:
        await finish(operator)
        (run,) = operator.controller.known_runs()
        assert (run.status.phase, run.status.buildings, run.status.steps) == ("PartiallySucceeded", {}, {})

    operator = play(tmp_path, scenario)
    assert len(operator.status()["buildings"]) == 2
    assert b'voc_nlp_runs{mode="full",phase="PartiallySucceeded"} 1.0' in operator.metrics.text()


def test_a_run_that_is_over_goes_on_where_it_was_when_retry_failed_is_raised(tmp_path: Path) -> None:
    """What failed runs again, what succeeded stays as it was reported."""

    async def scenario(operator: Operator) -> None:
        await finish(operator)
        before = operator.status()["buildings"]
        operator.controller.run_event("MODIFIED", changed(operator, retryFailed=1))
        await operator.turn()
        (again,) = operator.cluster.jobs
        building = operator.cluster.jobs[again]["metadata"]["annotations"]["vocnlp.io/building"]
        after = operator.status()["buildings"]
        assert before[building]["phase"] == "Failed"
        assert after[building]["phase"] == "Running"
        assert all(after[name] == line for name, line in before.items() if name != building)

    play(tmp_path, scenario)


def test_a_change_that_asks_for_nothing_leaves_the_record_whole(tmp_path: Path) -> None:
    """A new TTL on a run that is over is acknowledged in its status, which keeps every building."""

    async def scenario(operator: Operator) -> None:
        await finish(operator)
        before = operator.status()
        operator.controller.run_event("MODIFIED", changed(operator, ttlSecondsAfterFinished=7))
        await operator.turn()
        assert operator.status() == before | {"observedGeneration": 2}
        (run,) = operator.controller.known_runs()
        assert run.status.buildings == {}

    play(tmp_path, scenario)


def test_a_job_that_turns_up_after_the_end_is_removed(tmp_path: Path) -> None:
    """A Job of a run that is over, whose creation nobody had seen, is deleted by the TTL as every other."""

    async def scenario(operator: Operator) -> None:
        await finish(operator)
        late = job_body(PREPARE._replace(number=7), "late", "901")
        operator.cluster.jobs[late["metadata"]["name"]] = late
        operator.controller.job_event("ADDED", copy.deepcopy(late))
        await operator.turn()
        await operator.turn()

    operator = play(tmp_path, scenario)
    assert operator.cluster.jobs == {}
    assert len(operator.status()["buildings"]) == 2


def test_an_operator_that_starts_keeps_nothing_of_the_buildings_either(tmp_path: Path) -> None:
    """The records of earlier years are read once, at the start, and shelved."""
    first = play(tmp_path, finish)

    async def scenario(operator: Operator) -> None:
        await operator.turn()
        (run,) = operator.controller.known_runs()
        assert (run.uid, run.status.buildings) == (RUN_UID, {})

    play(tmp_path, scenario, first.cluster)


def test_a_run_that_is_under_way_goes_on_before_finished_runs_are_looked_up(tmp_path: Path) -> None:
    """After a start a finished run with its Jobs waits for the whole list, keeps its record, and is not given up."""

    async def ended(operator: Operator) -> None:
        operator.cluster.add_run(run_body())
        await operator.turn()
        operator.plan()
        await operator.end(operator.only_job())
        await operator.turn(RESYNC)

    async def under_way(operator: Operator) -> None:
        operator.cluster.add_run(run_body("second", "2222", version="800"))
        await operator.turn()

    cluster = play(tmp_path, ended).cluster
    assert (cluster.runs["full-2025-12"]["status"]["phase"], len(cluster.jobs)) == ("Succeeded", 1)
    play(tmp_path, under_way, cluster)
    cluster.asked.clear()

    async def scenario(operator: Operator) -> None:
        (second,) = (body for body in cluster.jobs.values() if body["metadata"]["ownerReferences"][0]["uid"] == "2222")
        cluster.end_job(second["metadata"]["name"], "Failed")
        await operator.turn()
        assert ("list", "jobs of 1 runs") in cluster.asked
        assert ("list", "jobs") not in cluster.asked
        assert operator.status("second")["steps"]["prepare"]["disruptions"] == 1
        await operator.turn()
        assert ("list", "jobs") in cluster.asked
        assert len(operator.controller._cache.observed(RUN_UID).jobs) == 1

    play(tmp_path, scenario, cluster)
    assert cluster.runs["full-2025-12"]["status"]["phase"] == "Succeeded"


def test_of_finished_runs_a_start_holds_no_whole_object(tmp_path: Path) -> None:
    """A list makes a record small while it is read, and so does an event; a known version is no news."""
    first = play(tmp_path, finish)
    body = copy.deepcopy(first.cluster.runs["full-2025-12"])
    uid, seen = news(body, {})
    assert isinstance(seen, Shelved)
    assert (uid, seen.run.status.buildings, seen.run.status.phase) == (RUN_UID, {}, "PartiallySucceeded")
    assert news(body, {RUN_UID: body["metadata"]["resourceVersion"]}) == (RUN_UID, None)
    asked = changed(first, retryFailed=1)
    assert news(asked, {}) == (RUN_UID, asked), "what a person asks for meanwhile is taken up"

    async def scenario(operator: Operator) -> None:
        operator.controller.run_event(None, copy.deepcopy(body))
        (run,) = operator.controller.known_runs()
        assert run.status.buildings == {}

    play(tmp_path, scenario)
