"""The controller's loop against an API server in memory and a clock that stands still."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operator_objects import RUN_UID, FakeCluster, run_body
from tests.unit.operator_turns import Operator, begin, play
from voc_operator.errors import ClusterUnavailableError, ForbiddenError


def test_a_run_goes_from_prepare_to_its_end(tmp_path: Path) -> None:
    """Prepare, each building and publish get their Job in turn, and the stored status ends as Succeeded."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        operator.plan("95", "101")
        await operator.end(operator.only_job())
        await operator.turn()
        buildings = [name for name in operator.cluster.jobs if "-building-" in name]
        assert len(buildings) == 2
        for name in buildings:
            await operator.end(name)
        (publish,) = [name for name in operator.cluster.jobs if "-publish-" in name]
        await operator.end(publish)

    operator = play(tmp_path, scenario)
    assert (operator.status()["phase"], operator.status()["progress"]) == ("Succeeded", "2/2")
    assert operator.cluster.events[-1].reason == "Succeeded"
    assert len(operator.cluster.named("create")) == 4
    assert b'voc_nlp_building_jobs_total{outcome="Succeeded"} 2.0' in operator.metrics.text()
    assert b'voc_nlp_runs{mode="full",phase="Succeeded"} 1.0' in operator.metrics.text()
    assert b'voc_nlp_last_success_timestamp_seconds{mode="full"}' in operator.metrics.text()


def test_another_operator_goes_on_where_one_was_killed(tmp_path: Path) -> None:
    """One killed between creating a Job and storing the status is followed by one that creates nothing twice."""
    cluster = FakeCluster()
    cluster.faults["patch"] = [ClusterUnavailableError("It was killed here.")]
    play(tmp_path, begin, cluster)
    assert len(cluster.jobs) == 1
    assert not cluster.runs["full-2025-12"].get("status")

    async def scenario(operator: Operator) -> None:
        await operator.turn()

    play(tmp_path, scenario, cluster)
    assert len(cluster.named("create")) == 1
    assert cluster.runs["full-2025-12"]["status"]["phase"] == "Preparing"


def test_a_jobs_deletion_that_no_watch_told_is_found_by_the_resync(tmp_path: Path) -> None:
    """A Job deleted while the watch was down is created anew after the next resync, without any event."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        await operator.turn()
        operator.cluster.jobs.clear()
        await operator.turn()
        assert operator.cluster.jobs == {}
        await operator.turn(301)
        assert len(operator.cluster.jobs) == 1

    play(tmp_path, scenario)


def test_what_a_watch_may_have_missed_is_looked_up_soon(tmp_path: Path) -> None:
    """A watch that begins anew is followed by a resync, also when one was under way and had listed already."""

    async def scenario(operator: Operator) -> None:
        cluster, controller = operator.cluster, operator.controller
        await begin(operator)
        cluster.jobs.clear()
        controller.missed()
        await operator.turn(2)
        await operator.turn()
        assert len(cluster.jobs) == 1
        cluster.jobs.clear()
        cluster.on_list = controller.missed
        await operator.turn(301)
        cluster.jobs.clear()
        cluster.on_list = None
        await operator.turn(2)
        await operator.turn()
        assert len(cluster.jobs) == 1

    play(tmp_path, scenario)


def test_status_patches_keep_their_distance(tmp_path: Path) -> None:
    """However many events come, a run's status is patched at most once in statusIntervalSeconds."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        operator.plan(*[str(number) for number in range(20)])
        await operator.end(operator.only_job())
        await operator.turn()
        before = len(operator.cluster.named("patch"))
        for name in [name for name in operator.cluster.jobs if "-building-" in name]:
            operator.controller.job_event("MODIFIED", operator.cluster.end_job(name))
            await operator.turn(0.1)
        assert len(operator.cluster.named("patch")) == before
        await operator.turn(3)
        assert len(operator.cluster.named("patch")) == before + 1

    play(tmp_path, scenario)


def test_nothing_is_patched_while_nothing_happens_but_the_clock(tmp_path: Path) -> None:
    """A run that only waits for its Job stores its counted time once a minute at most."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        await operator.turn()
        before = len(operator.cluster.named("patch"))
        for _ in range(20):
            await operator.turn(3)
        assert len(operator.cluster.named("patch")) - before <= 1

    play(tmp_path, scenario)


def test_a_status_that_met_a_conflict_is_stored_on_what_the_server_has(tmp_path: Path) -> None:
    """When a person changed the run in between, the next patch carries the new version and the new spec counts."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        operator.plan("95", "101")
        run = operator.cluster.runs["full-2025-12"]
        run["spec"]["suspend"] = True
        run["metadata"] |= {"resourceVersion": "900", "generation": 2}
        await operator.end(operator.only_job())
        await operator.turn()
        await operator.turn()
        assert operator.status()["observedGeneration"] == 2
        assert operator.condition("Suspended")[0] == "True"

    play(tmp_path, scenario)


def test_a_job_of_somebody_else_is_told_and_left_alone(tmp_path: Path) -> None:
    """A Job of the wanted name that another owner has is not adopted; the attempt counts as failed."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        name = operator.only_job()
        operator.cluster.jobs[name]["metadata"]["ownerReferences"][0]["uid"] = "somebody-else"
        operator.controller.job_event("DELETED", {"metadata": {"uid": f"uid-{name}"}})
        await operator.turn()
        await operator.turn()
        assert operator.cluster.jobs[name]["metadata"]["ownerReferences"][0]["uid"] == "somebody-else"
        assert name in operator.status()["steps"]["prepare"]["message"]
        await operator.turn(30)
        assert len(operator.cluster.jobs) == 2

    play(tmp_path, scenario)


def test_an_own_job_that_exists_already_is_adopted(tmp_path: Path) -> None:
    """A Job whose create was never answered is found by the next try and not created again."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        name = operator.only_job()
        operator.controller._cache.apply_job("DELETED", operator.cluster.jobs[name])
        operator.cluster.jobs[name]["metadata"]["uid"] = "other-uid"
        await operator.turn(301)
        assert [job.uid for job in operator.controller._cache.observed(RUN_UID).jobs] == ["other-uid"]

    play(tmp_path, scenario)


def test_a_refused_job_is_a_condition_and_an_event(tmp_path: Path) -> None:
    """What the API server refuses stands in a condition and, once, in an Event; when it accepts, the condition goes."""

    async def scenario(operator: Operator) -> None:
        operator.cluster.faults["create"] = [ForbiddenError("Quota exceeded.")] * 3
        await begin(operator)
        await operator.turn()
        await operator.turn(5)
        assert operator.condition("JobsRefused") == ("True", "Quota exceeded.")
        assert [one.reason for one in operator.cluster.events].count("JobsRefused") == 1
        await operator.turn(61)
        await operator.turn(61)
        assert operator.condition("JobsRefused")[0] == "False"
        assert len(operator.cluster.jobs) == 1

    play(tmp_path, scenario)


def test_an_outage_of_the_api_server_is_waited_out(tmp_path: Path) -> None:
    """Requests that fail are made again later, with growing pauses, and the run goes on."""

    async def scenario(operator: Operator) -> None:
        operator.cluster.faults["list"] = [ClusterUnavailableError("Down.")] * 2
        operator.cluster.faults["create"] = [ClusterUnavailableError("Down.")] * 2
        operator.cluster.add_run(run_body())
        for _ in range(8):
            await operator.turn(10)
        assert len(operator.cluster.jobs) == 1
        assert operator.status()["phase"] == "Preparing"

    play(tmp_path, scenario)


def test_a_store_that_is_down_is_a_condition_and_not_the_end(tmp_path: Path) -> None:
    """The plan is asked for until the store gives it; meanwhile a condition says why the run stands still."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        operator.store_down = True
        await operator.end(operator.only_job())
        await operator.turn()
        assert operator.condition("UpstreamUnavailable")[0] == "True"
        operator.store_down = False
        operator.plan("95")
        await operator.turn(15)
        await operator.turn()
        assert operator.condition("UpstreamUnavailable")[0] == "False"
        assert any("-building-" in name for name in operator.cluster.jobs)

    play(tmp_path, scenario)


def test_a_run_of_a_newer_crd_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    """A spec that this operator does not understand gets one Event and a condition; its status stays otherwise."""

    async def scenario(operator: Operator) -> None:
        strange = run_body("strange", "9" * 8, version="11", shiny=True)
        strange["status"] = {"phase": "Running", "future": 1}
        operator.cluster.add_run(strange)
        await begin(operator)
        await operator.turn(301)
        assert "shiny" in operator.condition("SpecUnderstood", "strange")[1]
        assert operator.status("strange")["future"] == 1
        assert [one.reason for one in operator.cluster.events].count("OperatorTooOld") == 1
        assert len(operator.cluster.jobs) == 1

    play(tmp_path, scenario)


def test_a_run_that_is_being_deleted_gets_nothing_new(tmp_path: Path) -> None:
    """No Job is created and no status stored for a run that is on its way out."""

    async def scenario(operator: Operator) -> None:
        body = run_body()
        body["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z"
        operator.cluster.add_run(body)
        await operator.turn()

    operator = play(tmp_path, scenario)
    assert (operator.cluster.jobs, operator.cluster.named("patch")) == ({}, [])


def test_a_second_run_of_the_month_goes_on_when_the_first_is_deleted(tmp_path: Path) -> None:
    """The second run waits for the first by name and begins as soon as that one is gone."""

    async def scenario(operator: Operator) -> None:
        second = run_body("second", "2222", version="11")
        second["metadata"]["creationTimestamp"] = "2026-01-01T00:05:00Z"
        operator.cluster.add_run(second)
        await begin(operator)
        await operator.turn()
        assert "full-2025-12" in operator.condition("Waiting", "second")[1]
        operator.controller.run_event("DELETED", operator.cluster.runs.pop("full-2025-12"))
        await operator.turn()
        assert operator.status("second")["phase"] == "Preparing"

    play(tmp_path, scenario)


def test_finished_jobs_are_deleted_after_the_status_that_holds_their_result(tmp_path: Path) -> None:
    """When the TTL is over, the Jobs go only once the status is stored, and not while it cannot be."""

    async def scenario(operator: Operator) -> None:
        operator.cluster.add_run(run_body(ttlSecondsAfterFinished=0))
        await operator.turn()
        operator.plan()
        await operator.end(operator.only_job())
        operator.cluster.faults["patch"] = [ClusterUnavailableError("Down.")]
        await operator.turn()
        assert operator.cluster.named("delete") == []
        for _ in range(4):
            await operator.turn(5)

    operator = play(tmp_path, scenario)
    verbs = [verb for verb, _ in operator.cluster.asked]
    assert operator.status()["phase"] == "Succeeded"
    assert operator.cluster.jobs == {}
    assert max(place for place, verb in enumerate(verbs) if verb == "patch") < verbs.index("delete")


def test_a_given_up_job_is_deleted_before_the_status_that_gives_it_up(tmp_path: Path) -> None:
    """A deletion that fails holds the status back, because only the Job's being there leads to the deletion."""

    async def scenario(operator: Operator) -> None:
        operator.cluster.add_run(run_body(activeDeadlineSeconds=10))
        await operator.turn()
        await operator.turn()
        before = len(operator.cluster.named("patch"))
        operator.cluster.faults["delete"] = [ClusterUnavailableError("Down.")]
        await operator.turn(400)
        assert len(operator.cluster.named("patch")) == before
        await operator.turn(400)
        await operator.turn()
        assert operator.cluster.jobs == {}
        assert len(operator.cluster.named("patch")) > before

    play(tmp_path, scenario)


def test_a_loop_that_stands_still_is_not_healthy(tmp_path: Path) -> None:
    """Health tells of a loop that has not gone round for a minute, and of an API server that does not answer."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        assert operator.controller.fault() == ""
        operator.seconds += 61
        assert "61 s" in operator.controller.fault()
        operator.controller.processed_at = operator.seconds = operator.seconds + 40
        assert "API server" in operator.controller.fault()

    play(tmp_path, scenario)


def test_an_operator_with_nothing_to_do_asks_whether_the_api_server_answers(tmp_path: Path) -> None:
    """After some silence one small request shows that the connection still works."""

    async def scenario(operator: Operator) -> None:
        await operator.turn()
        operator.seconds += 25
        await operator.controller.turn()

    assert play(tmp_path, scenario).cluster.named("ping") == [""]


@pytest.mark.parametrize("word", ["run", "building", "job"])
def test_no_metric_has_a_label_per_run_or_building(tmp_path: Path, word: str) -> None:
    """Whatever runs, the number of time series stays the same."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)

    assert f'{word}="' not in play(tmp_path, scenario).metrics.text().decode()


def test_a_bug_in_a_resync_does_not_ask_for_list_after_list(tmp_path: Path) -> None:
    """An object that cannot be read is looked at again after a pause, not at once and for ever."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        await operator.turn()
        operator.cluster.jobs["odd"] = {"metadata": {"labels": {}}}
        before = len(operator.cluster.named("list"))
        await operator.turn(301)
        for _ in range(10):
            await operator.turn(1)
        assert len(operator.cluster.named("list")) - before == 2
        del operator.cluster.jobs["odd"]
        await operator.turn(20)
        assert operator.controller.fault() == ""

    play(tmp_path, scenario)


def test_the_log_says_how_each_attempt_ended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After a retry that succeeds neither the status nor an Event tells why the first attempt did not."""

    async def scenario(operator: Operator) -> None:
        await begin(operator)
        operator.plan("95")
        failed = operator.cluster.end_job(operator.only_job(), "Failed")
        failed["status"]["conditions"][0]["message"] = "Container step failed with exit code 70 matching FailJob rule"
        operator.controller.job_event("MODIFIED", failed)
        await operator.turn()

    play(tmp_path, scenario)
    (line,) = [one for one in caplog.records if " ended: " in one.getMessage()]
    assert line.getMessage() == "Attempt 0 of prepare ended: Retry. Exit code 70: a bug; see the pod's log."
    assert (line.levelname, line.__dict__["run"]) == ("WARNING", "full-2025-12")
