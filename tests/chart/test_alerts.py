"""Alerts are asked of Prometheus's own engine: what is made up of metrics, and which alerts are then true."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.chart.render import REQUIRED, ROOT, Object, objects
from tests.tools_go import GoTool, local_program

RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTING = (*REQUIRED, "--set=monitoring.prometheusRule.enabled=true", "--namespace=voc")
DAY = 86400


def rules(tool: GoTool, *words: str) -> Object:
    """Return the spec of the PrometheusRule."""
    (found,) = [one for one in objects(tool, *ALERTING, *words) if one["kind"] == "PrometheusRule"]
    spec = found["spec"]
    assert isinstance(spec, dict)
    return spec


def at(text: str) -> int:
    """Return a Korean time in seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Seoul")).timestamp())


def series(name: str, samples: list[tuple[int, float]], **labels: str) -> dict[str, Any]:
    """Return a series of the operator in namespace voc."""
    return {"labels": {"__name__": name, "namespace": "voc", "pod": "operator-1", **labels}, "samples": samples}


def alive(*times: int) -> dict[str, Any]:
    """Return the metric of an operator that has just looked at its runs at each of ``times``."""
    return series("voc_nlp_last_processed_timestamp_seconds", [(time, time - 5) for time in times])


def firing(tool: GoTool, found: list[dict[str, Any]], *times: int, words: tuple[str, ...] = ()) -> list[list[str]]:
    """Return the alerts whose expressions are true at each of ``times``; ``for`` is not waited for."""
    asked = {"rules": yaml.safe_dump(rules(tool, *words)), "series": found, "at": times}
    answer = subprocess.run(
        [local_program("rules")], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert isinstance(told, list)
    return told


def test_every_alert_has_its_runbook(helm4: GoTool) -> None:
    """Each alert links a page that exists, and each page belongs to an alert."""
    alerts = [rule for group in rules(helm4)["groups"] for rule in group["rules"]]
    for rule in alerts:
        assert (ROOT / rule["annotations"]["runbook_url"]).is_file()
        assert rule["annotations"]["summary"].endswith(".")
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {rule["alert"] for rule in alerts}
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\((\w+)\.md\)", index)) == pages
    linked = rules(helm4, "--set=monitoring.prometheusRule.runbookBaseUrl=https://docs.example.com/runbooks/")
    assert linked["groups"][0]["rules"][0]["annotations"]["runbook_url"].startswith(
        "https://docs.example.com/runbooks/Voc"
    )


def test_all_is_quiet_when_all_is_well(helm4: GoTool) -> None:
    """An operator that works, runs that succeeded on time and an old failure alert nobody."""
    now = at("2026-01-21 12:00")
    found = [
        alive(now),
        series("voc_nlp_runs", [(now - DAY, 1), (now, 1)], mode="full", phase="Failed"),
        series("voc_nlp_runs", [(now, 3)], mode="full", phase="Succeeded"),
        *(
            series("voc_nlp_last_success_timestamp_seconds", [(now, at(done))], mode=mode)
            for mode, done in (
                ("full", "2026-01-01 03:00"),
                ("refresh", "2026-01-15 02:30"),
                ("train", "2026-01-20 06:00"),
            )
        ),
    ]
    assert firing(helm4, found, now) == [[]]


@pytest.mark.parametrize(
    ("phase", "alert"), [("Failed", "VocNlpRunFailed"), ("PartiallySucceeded", "VocNlpRunPartiallySucceeded")]
)
@pytest.mark.parametrize("before", [None, 2], ids=["the first ever", "one more than yesterday"])
def test_a_run_that_went_wrong_alerts_for_a_day(helm4: GoTool, phase: str, alert: str, before: int | None) -> None:
    """A run that ends badly alerts, whether or not there were others, and no longer than a day."""
    now = at("2026-01-01 05:00")
    earlier = [] if before is None else [(now - DAY, float(before))]
    count = float((before or 0) + 1)
    runs = series("voc_nlp_runs", [*earlier, (now, count), (now + DAY, count)], mode="full", phase=phase)
    assert firing(helm4, [alive(now, now + DAY), runs], now, now + DAY) == [[alert], []]


def test_a_run_counts_whichever_pod_of_the_operator_tells(helm4: GoTool) -> None:
    """A restart of the operator, which changes the pod's name, makes no old failure new."""
    now = at("2026-01-02 05:00")
    old = series("voc_nlp_runs", [(now - DAY, 1)], mode="full", phase="Failed")
    new = series("voc_nlp_runs", [(now, 1)], mode="full", phase="Failed")
    new["labels"]["pod"] = "operator-2"
    assert firing(helm4, [alive(now), old, new], now) == [[]]


@pytest.mark.parametrize("phase", ["Pending", "Preparing", "Running", "Publishing"])
def test_an_unfinished_run_is_watched(helm4: GoTool, phase: str) -> None:
    """A run in any unfinished phase but Suspended counts for the alert that waits 12 hours."""
    now = at("2026-01-01 05:00")
    runs = [series("voc_nlp_runs", [(now, 1)], mode="full", phase=one) for one in (phase, "Suspended", "Succeeded")]
    assert firing(helm4, [alive(now), *runs], now) == [["VocNlpRunNotFinishing"]]
    assert firing(helm4, [alive(now), *runs[1:]], now) == [[]]


@pytest.mark.parametrize(
    ("mode", "done", "quiet", "missed"),
    [
        ("full", "2025-12-01 03:00", "2026-01-01 23:50", "2026-01-02 00:10"),
        ("full", "2025-12-31 23:50", "2026-01-01 23:50", "2026-01-02 00:10"),
        ("full", "2026-02-01 03:00", "2026-03-01 23:50", "2026-03-02 00:10"),
        ("refresh", "2025-12-15 03:00", "2026-01-15 12:00", "2026-01-16 00:10"),
        ("refresh", "2026-01-02 03:00", "2026-01-15 12:00", "2026-01-31 12:00"),
        ("train", "2025-12-20 06:00", "2026-01-20 12:00", "2026-01-21 00:10"),
    ],
)
def test_a_missed_month_is_noticed_the_day_after(helm4: GoTool, mode: str, done: str, quiet: str, missed: str) -> None:
    """Without a success since the due day began, the alert comes when that day is over in Korea, and not before."""
    times = at(quiet), at(missed)
    last = series("voc_nlp_last_success_timestamp_seconds", [(time, at(done)) for time in times], mode=mode)
    assert firing(helm4, [alive(*times), last], *times) == [[], ["VocNlpMonthMissed"]]


def test_a_success_on_the_due_day_ends_it(helm4: GoTool) -> None:
    """The scheduled run's success, however early on its day, is the month's."""
    now = at("2026-01-31 23:00")
    last = series("voc_nlp_last_success_timestamp_seconds", [(now, at("2026-01-01 02:10"))], mode="full")
    assert firing(helm4, [alive(now), last], now) == [[]]


def test_a_schedule_without_a_plain_day_is_watched_by_age(helm4: GoTool) -> None:
    """Where the cron expression names no day of the month, 33 days without a success are too many."""
    words = ("--set=schedules.full.schedule=0 2 * * 1",)
    times = at("2026-02-01 12:00"), at("2026-02-04 12:00")
    last = series(
        "voc_nlp_last_success_timestamp_seconds", [(one, at("2026-01-01 03:00")) for one in times], mode="full"
    )
    assert firing(helm4, [alive(*times), last], *times, words=words) == [[], ["VocNlpMonthMissed"]]


def test_what_does_not_run_here_is_not_missed(helm4: GoTool) -> None:
    """A mode that is suspended or switched off makes no alert; with all of them off there is no such group."""
    words = (
        "--set=schedules.full.suspend=true",
        "--set=schedules.refresh.enabled=false",
        "--set=schedules.train.enabled=false",
    )
    assert [group["name"] for group in rules(helm4, *words)["groups"]] == ["voc-nlp.runs", "voc-nlp.operator"]


def test_an_operator_that_stands_still_is_noticed(helm4: GoTool) -> None:
    """Neither an old sign of life nor none at all passes for a working operator."""
    now = at("2026-01-05 12:00")
    old = series("voc_nlp_last_processed_timestamp_seconds", [(now, now - 1200)])
    assert firing(helm4, [old], now) == firing(helm4, [], now) == [["VocNlpOperatorNotProcessing"]]
    assert firing(helm4, [old], now, words=("--set=monitoring.prometheusRule.notProcessingMinutes=30",)) == [[]]
