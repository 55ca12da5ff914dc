"""Trigger, backfill, cancel and check: what they ask of a cluster that writes down what it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from voc_models.exit_codes import DataError, ExitCode, UsageError
from voc_models.months import KST, Month
from voc_models.run import Mode, read_manifest
from voc_operator import backfill, cancel, check, monthly, trigger
from voc_operator.__main__ import parser
from voc_operator.config import OperatorConfig
from voc_operator.errors import AlreadyExistsError, NotFoundError
from voc_operator.rights import OPERATOR, TRIGGER, Right

TEMPLATES = Path(__file__).parents[2] / "charts" / "voc-nlp" / "templates"
FIRST = datetime.fromisoformat("2026-01-01T02:00:00+09:00")
NOW = datetime(2026, 1, 20, tzinfo=UTC)
CONFIG = OperatorConfig(worker_image="w", trainer_image="t", runs={Mode.FULL: {"parallelism": 8}})
NOVEMBER, DECEMBER = Month(2025, 11), Month(2025, 12)
Object = dict[str, Any]


@dataclass
class Recorder:
    """A namespace that holds runs, Jobs and pods, and writes down every change that it is asked for."""

    runs: dict[str, Object] = field(default_factory=dict)
    jobs: dict[str, Object] = field(default_factory=dict)
    pods: list[Object] = field(default_factory=list)
    changes: list[tuple[str, str, Object]] = field(default_factory=list)
    namespace: str = "voc"
    served: bool = True
    forbidden: frozenset[Right] = frozenset()

    def list_runs(self) -> list[Object]:
        """Return the runs, unless the CRD is missing."""
        if not self.served:
            raise NotFoundError("There is no such kind of object.")
        return list(self.runs.values())

    def get_run(self, name: str) -> Object:
        """Return a run."""
        return self.runs[name]

    def create_run(self, manifest: Mapping[str, Any]) -> Object:
        """Keep the run, unless there is one."""
        name = manifest["metadata"]["name"]
        if name in self.runs:
            raise AlreadyExistsError(f"{name} already exists.")
        self.runs[name] = dict(manifest)
        self.changes.append(("create", name, dict(manifest["spec"])))
        return self.runs[name]

    def patch_run_spec(self, name: str, patch: Mapping[str, Any]) -> Object:
        """Merge into a run's spec."""
        if name not in self.runs:
            raise NotFoundError(f"{name} is gone.")
        self.runs[name]["spec"] = self.runs[name]["spec"] | patch
        self.changes.append(("patch", name, dict(patch)))
        return self.runs[name]

    def get_job(self, name: str) -> Object:
        """Return a Job."""
        return self.jobs[name]

    def list_pods(self) -> list[Object]:
        """Return the pods."""
        return self.pods

    def crd_served(self) -> bool:
        """Tell whether the CRD is there."""
        return self.served

    def can_i(self, verb: str, resource: str, group: str = "", subresource: str = "") -> bool:
        """Tell whether a right is given."""
        return Right(verb, resource, group, subresource) not in self.forbidden


def stored(
    name: str, phase: str | None = None, /, mode: str = "full", month: str = "2025-12", **spec: object
) -> Object:
    """Return a run as the API server holds it."""
    status = {"phase": phase, "month": month} if phase else {}
    return {"metadata": {"name": name}, "spec": {"mode": mode, "month": month, **spec}, "status": status}


def holding(*runs: Object) -> Recorder:
    """Return a namespace with these runs."""
    return Recorder(runs={run["metadata"]["name"]: run for run in runs})


# The trigger


@pytest.mark.parametrize(
    ("mode", "scheduled", "name"),
    [
        (Mode.FULL, "2026-01-01T02:00:00+09:00", "full-2025-12"),
        (Mode.FULL, "2025-12-31T17:00:00Z", "full-2025-12"),
        (Mode.REFRESH, "2026-01-15T02:00:00+09:00", "refresh-2025-12"),
        (Mode.TRAIN, "2026-02-20T04:00:00+09:00", "train-2026-01"),
        (Mode.TAGGING_ONLY, "2026-03-01T00:00:00+09:00", "tagging-only-2026-02"),
    ],
)
def test_the_run_is_named_and_dated_by_the_scheduled_time(mode: Mode, scheduled: str, name: str) -> None:
    """Mode and the month before the scheduled time, in the time zone, make name and spec.month; the time is kept."""
    cluster = Recorder()
    said = trigger.trigger(cluster, CONFIG, mode, trigger.read_time(scheduled), KST)
    run = cluster.runs[name]
    assert run["spec"]["month"] == name[-7:]
    assert run["spec"]["timeZone"] == KST
    assert datetime.fromisoformat(run["metadata"]["annotations"][monthly.SCHEDULED_ANNOTATION]) == trigger.read_time(
        scheduled
    )
    assert name in said
    assert read_manifest(yaml.safe_dump(run)).spec.mode is mode


def test_the_configuration_says_what_scheduled_runs_ask_for() -> None:
    """Fields of `runs` go into the spec, their time zone decides the month, and what is not said is left to the CRD."""
    cluster = Recorder()
    config = CONFIG.model_copy(update={"runs": {Mode.FULL: {"parallelism": 8, "timeZone": "America/Los_Angeles"}}})
    trigger.trigger(cluster, config, Mode.FULL, FIRST, KST)
    spec = {"mode": "full", "month": "2025-11", "timeZone": "America/Los_Angeles", "parallelism": 8}
    assert cluster.runs["full-2025-11"]["spec"] == spec


def test_a_trigger_that_fires_twice_makes_one_run() -> None:
    """The second time finds the run of that name and is content, also when it has finished in between."""
    cluster = Recorder()
    trigger.trigger(cluster, CONFIG, Mode.FULL, FIRST, KST)
    cluster.runs["full-2025-12"]["status"] = {"phase": "Succeeded"}
    assert "exists already" in trigger.trigger(cluster, CONFIG, Mode.FULL, FIRST, KST)
    assert len(cluster.changes) == 1


@pytest.mark.parametrize("other", [{"mode": "refresh"}, {"month": "2025-11"}, {"buildings": ["95"]}])
def test_another_run_of_that_name_is_not_taken_for_the_months_own(other: dict[str, Any]) -> None:
    """Another mode, another month, or some buildings alone: a sentence says what is there and what to do."""
    cluster = holding(stored("full-2025-12", **other))
    with pytest.raises(monthly.TakenError, match=r"not the full run of 2025-12\. Delete it"):
        trigger.trigger(cluster, CONFIG, Mode.FULL, FIRST, KST)


def job(**annotations: str) -> Object:
    """Return a Job that was created on the third of January."""
    return {"metadata": {"creationTimestamp": "2026-01-03T00:00:00Z", "annotations": annotations}}


def test_the_scheduled_time_is_read_from_the_job() -> None:
    """The annotation of the Job that JOB_NAME names holds it, whatever the time is by now."""
    due = job(**{"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T02:00:00+09:00"})
    cluster = Recorder(jobs={"full-29451": due})
    assert trigger.scheduled_time(cluster, "full-29451", NOW) == FIRST


def test_a_job_that_a_person_made_counts_from_its_creation(caplog: pytest.LogCaptureFixture) -> None:
    """`kubectl create job --from=cronjob/…` writes no scheduled time; each try of that Job finds the same month."""
    cluster = Recorder(jobs={"by-hand": job()})
    assert trigger.scheduled_time(cluster, "by-hand", NOW) == datetime(2026, 1, 3, tzinfo=UTC)
    assert "No schedule made Job by-hand" in caplog.text


def test_outside_of_a_job_it_is_now_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """A person who types `trigger` gets the month before now, and is told how to name another."""
    assert trigger.scheduled_time(Recorder(), None, NOW) == NOW
    assert "--scheduled" in caplog.text


@pytest.mark.parametrize("text", ["2026-01-01T02:00:00", "yesterday"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    """What is no time, or could be another one elsewhere, ends with 64 and an example."""
    with pytest.raises(UsageError, match=r"Write it as 2026-01-01T02:00:00\+09:00"):
        trigger.read_time(text)


def test_wrong_fields_of_runs_are_named() -> None:
    """What no run may have is refused by the field's name."""
    config = CONFIG.model_copy(update={"runs": {Mode.FULL: {"parallelism": 0}}})
    with pytest.raises(UsageError, match=r"runs\.full is refused: parallelism"):
        monthly.manifest(Mode.FULL, DECEMBER, config, KST)


# The backfill


def planned(cluster: Recorder, *months: Month, mode: Mode = Mode.FULL) -> list[backfill.Action]:
    """Return what the months need."""
    return backfill.plan(cluster.list_runs(), mode, months, CONFIG, KST, NOW)


def test_a_missing_month_is_created_as_the_schedule_would() -> None:
    """The manifest is the trigger's but for the scheduled time."""
    cluster = Recorder()
    backfill.apply(cluster, planned(cluster, NOVEMBER, DECEMBER))
    assert list(cluster.runs) == ["full-2025-11", "full-2025-12"]
    made = cluster.runs["full-2025-12"]
    scheduled = Recorder()
    trigger.trigger(scheduled, CONFIG, Mode.FULL, FIRST, KST)
    assert made["spec"] == scheduled.runs["full-2025-12"]["spec"]


@pytest.mark.parametrize("phase", ["Failed", "PartiallySucceeded"])
def test_what_failed_is_retried(phase: str) -> None:
    """spec.retryFailed of a finished run with failures goes up by one, and nothing else of it changes."""
    cluster = holding(stored("full-2025-12", phase, retryFailed=2) | {})
    cluster.runs["full-2025-12"]["status"]["retryFailed"] = 2
    backfill.apply(cluster, planned(cluster, DECEMBER))
    assert cluster.changes == [("patch", "full-2025-12", {"retryFailed": 3})]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (stored("full-2025-12", "Succeeded"), "succeeded already"),
        (stored("by-kim", "Succeeded"), "by-kim succeeded already"),
        (stored("full-2025-12", "Running"), "is under way (Running"),
        (stored("full-2025-12"), "is under way (Pending, not begun)"),
        (stored("full-2025-12", "Suspended", suspend=True), "set spec.suspend to false"),
        (stored("full-2025-12", "Failed", retryFailed=1), "is under way (Failed"),
    ],
)
def test_what_is_fine_stays(run: Object, said: str) -> None:
    """A run that succeeded, under any name, or that goes on by itself is told and left alone."""
    cluster = holding(run)
    (action,) = planned(cluster, DECEMBER)
    backfill.apply(cluster, [action])
    assert (action.kind, said in action.sentence, cluster.changes) == ("fine", True, [])


def test_a_success_counts_although_another_run_of_the_month_failed() -> None:
    """Nothing is retried while the month has a run that succeeded."""
    cluster = holding(stored("full-2025-12", "Failed"), stored("by-kim", "Succeeded"))
    assert planned(cluster, DECEMBER)[0].kind == "fine"


def test_runs_of_some_buildings_do_not_make_a_month() -> None:
    """A run for one building that succeeded does not keep the whole month from being made."""
    cluster = holding(stored("only-95", "Succeeded", buildings=["95"]))
    assert planned(cluster, DECEMBER)[0].kind == "create"


def test_a_cancelled_run_and_a_taken_name_are_refused() -> None:
    """Neither can be made good by the command: the sentence says to delete it."""
    for run in (stored("full-2025-12", "Cancelled"), stored("full-2025-12", "Succeeded", mode="refresh")):
        (action,) = planned(holding(run), DECEMBER)
        assert action.kind == "refuse"
        assert "Delete it" in action.sentence


def test_months_are_read_once_each_and_may_not_lie_ahead() -> None:
    """Doubled months count once, in order; none, no month and a future one are refused."""
    assert backfill.read_months("2025-12, 202511,2025-12") == [NOVEMBER, DECEMBER]
    for text in (",", "2025"):
        with pytest.raises(UsageError, match="2025"):
            backfill.read_months(text)
    with pytest.raises(DataError, match="has not begun"):
        planned(Recorder(), Month(2026, 2))


def test_a_dry_run_prints_what_kubectl_takes() -> None:
    """Each manifest follows its sentence as a comment, and what is fine is a comment alone."""
    cluster = holding(stored("full-2025-12", "Failed"), stored("full-2025-10", "Succeeded", month="2025-10"))
    text = backfill.as_yaml(planned(cluster, Month(2025, 10), NOVEMBER, DECEMBER))
    nothing, created, retried = yaml.safe_load_all(text)
    assert nothing is None
    assert created == monthly.manifest(Mode.FULL, NOVEMBER, CONFIG, KST)
    assert (retried["metadata"]["name"], retried["spec"]) == ("full-2025-12", {"retryFailed": 1})
    assert "# VocMonthlyRun full-2025-12 ended as Failed: spec.retryFailed is raised to 1." in text
    assert cluster.changes == []


# The hook


class Time:
    """A clock that goes on only when somebody waits, and tells what happens meanwhile."""

    def __init__(self, *happens: object) -> None:
        self.seconds = 0.0
        self._happens = list(happens)

    def wait(self, seconds: float) -> None:
        """Let the next thing happen."""
        self.seconds += seconds
        if self._happens:
            happen = self._happens.pop(0)
            assert callable(happen)
            happen()

    @property
    def clock(self) -> cancel.Clock:
        """This clock."""
        return cancel.Clock(lambda: self.seconds, self.wait)


def test_active_runs_are_cancelled_and_waited_for_with_their_pods() -> None:
    """Finished runs stay untouched; the hook ends when no run is active and no pod lives."""
    cluster = holding(
        stored("a", "Running"), stored("b", "Succeeded"), stored("c"), stored("d", "Running", cancel=True)
    )
    cluster.pods = [{"metadata": {"name": "p"}, "status": {"phase": "Running"}}]

    def finish() -> None:
        for run in cluster.runs.values():
            run["status"] = {"phase": "Cancelled"}

    def end_pods() -> None:
        cluster.pods[0]["status"]["phase"] = "Failed"

    time = Time(finish, end_pods)
    assert cancel.cancel(cluster, 60, time.clock) == "Runs that were cancelled and have ended: 3."
    assert cluster.changes == [("patch", "a", {"cancel": True}), ("patch", "c", {"cancel": True})]
    assert time.seconds == 2 * cancel.LOOK


def test_a_run_that_appears_meanwhile_is_cancelled_too() -> None:
    """A CronJob that fires while the hook waits does not outlive it."""
    cluster = holding(stored("a", "Running"))

    def fire() -> None:
        cluster.runs["a"]["status"] = {"phase": "Cancelled"}
        cluster.runs["late"] = stored("late")

    def finish() -> None:
        cluster.runs["late"]["status"] = {"phase": "Cancelled"}

    assert cancel.cancel(cluster, 60, Time(fire, finish).clock).endswith("have ended: 2.")
    assert [name for _, name, _ in cluster.changes] == ["a", "late"]


def test_a_run_that_is_about_to_be_taken_up_again_is_cancelled_too() -> None:
    """A raised retryFailed that the operator has not seen makes a finished run active; an old or a settled one not."""
    cluster = holding(
        stored("a", "Failed", retryFailed=1),
        stored("b", "Succeeded", retryFailed=1),
        stored("c", "Cancelled", retryFailed=1),
        stored("d", "Failed"),
    )
    assert [run["metadata"]["name"] for run in cancel.active_runs(cluster.list_runs())] == ["a"]


def test_the_hook_does_not_wait_for_ever() -> None:
    """When the time is over it says what is left, and that is worth another try."""
    with pytest.raises(
        cancel.NotEndedError, match=r"After 5 seconds these runs have not ended: a\. Does the operator run"
    ) as caught:
        cancel.cancel(holding(stored("a", "Running")), 5, Time().clock)
    assert caught.value.exit_code is ExitCode.TRY_AGAIN
    pods = [{"metadata": {"name": f"p{number}"}, "status": {"phase": "Pending"}} for number in range(7)]
    with pytest.raises(cancel.NotEndedError, match="these pods have not ended: p0, p1, p2, p3, p4 and 2 more"):
        cancel.cancel(Recorder(pods=pods), 5, Time().clock)


def test_nothing_to_cancel_is_fine() -> None:
    """No run, a run deleted in the same moment, and a cluster without the CRD end at once or soon."""
    assert cancel.cancel(Recorder(), 5, Time().clock) == "No run is active."
    assert cancel.cancel(Recorder(served=False), 5, Time().clock) == "No run is active."
    cluster = holding(stored("a", "Running"))
    listed = cluster.list_runs()
    cluster.runs.clear()
    answers = [listed, []]
    cluster.list_runs = lambda: answers.pop(0)  # type: ignore[method-assign] # gone between listing and patching
    assert cancel.cancel(cluster, 5, Time().clock).endswith("have ended: 1.")


# The check


def test_the_check_asks_for_every_right() -> None:
    """All is well when the API is served and each right is given."""
    findings = list(check.examine(Recorder()))
    assert [finding.code for finding in findings] == [ExitCode.OK] * (1 + len(OPERATOR))
    check.conclude(findings)


def test_a_missing_right_or_api_is_told_with_its_exit_code() -> None:
    """A right that is not given is 64, an API that is not served 65; each line says what to do."""
    missing = Right("patch", "vocmonthlyruns", "vocnlp.io", "status")
    with pytest.raises(UsageError, match=r"may not patch vocmonthlyruns/status\.vocnlp\.io in voc\. Install with rbac"):
        check.conclude(list(check.examine(Recorder(forbidden=frozenset({missing})))))
    with pytest.raises(DataError, match=r"is not served\. Install the chart"):
        check.conclude(list(check.examine(Recorder(served=False))))


@pytest.mark.parametrize(("template", "rights"), [("operator-role", OPERATOR), ("trigger-role", TRIGGER)])
def test_the_charts_roles_give_exactly_these_rights(template: str, rights: tuple[Right, ...]) -> None:
    """The rules of the chart's Role and the rights that the check asks for are the same set."""
    text = (TEMPLATES / f"{template}.yaml").read_text(encoding="utf-8")
    (rules,) = re.findall(r"^rules:\n(.*)^\{\{- end \}\}", text, re.DOTALL | re.MULTILINE)
    given = set()
    for rule in yaml.safe_load(rules):
        for group in rule["apiGroups"]:
            for name in rule["resources"]:
                resource, _, subresource = name.partition("/")
                given |= {Right(verb, resource, group, subresource) for verb in rule["verbs"]}
    assert given == set(rights)


def test_every_command_of_the_chart_is_understood() -> None:
    """The words by which the chart starts the operator's image are commands with those options."""
    for words in (["trigger", "--mode", "full"], ["cancel", "--timeout", "210"], ["check"], ["run"]):
        assert parser().parse_args(words).command == words[0]
