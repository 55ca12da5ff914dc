"""The operator's short commands against a real API server: what they create is taken, what they change is allowed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.cluster import Cluster
from tests.cluster.installs import install_crd
from tests.cluster.pods import until
from tests.cluster.reach import Reach
from voc_models.months import month_before
from voc_models.run import GROUP, VERSION
from voc_models.settings import NO_FILE
from voc_operator.crd import PLURAL
from voc_operator.settings import Settings
from voc_operator.trigger import SCHEDULED

Command = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.usefixtures("crd")


@pytest.fixture
def command(cluster: Reach, namespace: str, tmp_path: Path) -> Command:
    """Run ``python -m voc_operator words`` on the test's namespace, with the chart's configuration file."""
    config = tmp_path / "config.yaml"
    config.write_text("workerImage: worker\ntrainerImage: trainer\nruns: {full: {parallelism: 8}}\n", encoding="utf-8")
    own = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in own} | {
        "VOC_ENV": NO_FILE,
        "KUBECONFIG": str(cluster.kubeconfig),
        "NAMESPACE": namespace,
        "CONFIG_FILE": str(config),
    }

    def run(*words: str, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "voc_operator", *words],
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


class Runs:
    """The test's runs as the API server has them."""

    def __init__(self, cluster: Reach, namespace: str) -> None:
        self._api = client.CustomObjectsApi(cluster.admin)
        self._where = (GROUP, VERSION, namespace, PLURAL)

    def specs(self) -> dict[str, dict[str, Any]]:
        """Return each run's spec by its name."""
        items = self._api.list_namespaced_custom_object(*self._where)["items"]
        return {item["metadata"]["name"]: item["spec"] for item in items}

    def end(self, name: str, phase: str) -> None:
        """Write what an operator would write at the end of a run."""
        body = {"status": {"phase": phase, "month": "2025-12"}}
        self._api.patch_namespaced_custom_object_status(*self._where, name, body)


@pytest.fixture
def runs(cluster: Reach, namespace: str) -> Runs:
    """The test's runs."""
    return Runs(cluster, namespace)


def test_a_due_cron_job_makes_one_run_however_often_it_fires(
    command: Command, runs: Runs, cluster: Reach, namespace: str
) -> None:
    """The Job's annotation has the time, the API server takes the run, and the second try finds it."""
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "full-29451", "annotations": {SCHEDULED: "2026-01-01T02:00:00+09:00"}},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]}},
        },
    }
    client.BatchV1Api(cluster.admin).create_namespaced_job(namespace, job)
    assert "full-2025-12 was created" in command("trigger", "--mode", "full", JOB_NAME="full-29451").stderr
    assert "exists already" in command("trigger", "--mode", "full", JOB_NAME="full-29451").stderr
    made = runs.specs()
    assert list(made) == ["full-2025-12"]
    assert made["full-2025-12"]["month"] == "2025-12"
    assert made["full-2025-12"]["parallelism"] == 8
    assert made["full-2025-12"]["backoffLimit"] == 2


def test_a_job_made_by_hand_makes_the_run_of_the_month_before_its_creation(
    command: Command, runs: Runs, cluster: Reach, namespace: str
) -> None:
    """`kubectl create job --from=cronjob/…` leaves no scheduled time: the Job's creation counts, and it is said."""
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "by-hand"},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]}},
        },
    }
    job = client.BatchV1Api(cluster.admin).create_namespaced_job(namespace, body)
    month = month_before(job.metadata.creation_timestamp)
    assert "No schedule made Job by-hand" in command("trigger", "--mode", "full", JOB_NAME="by-hand").stderr
    assert list(runs.specs()) == [f"full-{month}"]


def test_a_backfill_creates_what_is_missing_and_retries_what_failed(command: Command, runs: Runs) -> None:
    """A dry run changes nothing; then the missing month is created, and the failed one is asked to try again."""
    shown = command("backfill", "--months", "2025-11,2025-12", "--dry-run").stdout
    assert shown.count("kind: VocMonthlyRun") == 2
    assert runs.specs() == {}
    command("backfill", "--months", "2025-12")
    runs.end("full-2025-12", "Failed")
    printed = command("backfill", "--months", "2025-11,2025-12").stdout
    assert "full-2025-11 is created" in printed
    assert "spec.retryFailed is raised to 1" in printed
    assert {name: spec["retryFailed"] for name, spec in runs.specs().items()} == {"full-2025-11": 0, "full-2025-12": 1}


def test_cancelling_asks_every_run_and_waits_for_its_end(command: Command, runs: Runs) -> None:
    """Without an operator the time runs out with exit code 75; once the run has ended, there is nothing left to do."""
    command("backfill", "--months", "2025-12")
    late = command("cancel", "--timeout", "1", code=75)
    assert "full-2025-12" in late.stderr
    assert runs.specs()["full-2025-12"]["cancel"] is True
    runs.end("full-2025-12", "Cancelled")
    command("cancel", "--timeout", "1")


def test_the_check_passes_where_the_definition_and_the_rights_are(command: Command, namespace: str) -> None:
    """Each right has its line, and an administrator has all of them."""
    printed = command("check").stdout
    assert "FAIL" not in printed
    assert f"may patch vocmonthlyruns/status.vocnlp.io in {namespace}" in printed


def test_without_the_definition_each_command_says_what_to_install(own_cluster: Cluster, command: Command) -> None:
    """The operator does not start, the check fails, and nothing is there to cancel; with it, all is well again."""
    definitions, name = client.ApiextensionsV1Api(own_cluster.admin), f"{PLURAL}.{GROUP}"

    def conditions() -> dict[str, str] | None:
        found = [one for one in definitions.list_custom_resource_definition().items if one.metadata.name == name]
        return {one.type: one.status for one in found[0].status.conditions or []} if found else None

    definitions.delete_custom_resource_definition(name)
    try:
        until("it is gone", lambda: conditions() is None)
        remedy = "does not know VocMonthlyRun vocnlp.io/v1alpha1. Install the chart's CRD, then start again."
        assert remedy in command("run", code=64).stderr
        assert "FAIL  VocMonthlyRun vocnlp.io/v1alpha1 is not served." in command("check", code=65).stdout
        assert "No run is active" in command("cancel", "--timeout", "1").stderr
    finally:
        install_crd(own_cluster)
        until("it is established", lambda: (conditions() or {}).get("Established") == "True")
    assert "FAIL" not in command("check").stdout
