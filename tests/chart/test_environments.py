"""What an installation gets in each environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.render import (
    ENVIRONMENTS,
    EVERYTHING,
    HELMS,
    REQUIRED,
    Object,
    environment,
    environment_file,
    named,
    objects,
    pod_specs,
)
from tests.tools_go import GoTool
from voc_models.months import Month
from voc_models.run import Mode, RunSpec, Step, VocMonthlyRun
from voc_operator.config import OperatorConfig, StepConfig, read_config
from voc_operator.jobs import Attempt, RunRef, build_job
from voc_training.settings import Settings as TrainingSettings
from voc_worker.settings import Settings

TRAINS = "dev"
SETTINGS = {name.upper() for name in {**Settings.model_fields, **TrainingSettings.model_fields}}
PIN = {"MODEL_RELEASE", "MODEL_DIGEST"}


def config(found: list[Object]) -> OperatorConfig:
    """Return the operator's configuration as the operator reads it."""
    return read_config(named(found, "ConfigMap", "voc-nlp-operator")["data"]["config.yaml"])


def settings(found: list[Object]) -> dict[str, str]:
    """Return the plain settings of the steps."""
    data = named(found, "ConfigMap", "voc-nlp-jobs")["data"]
    assert isinstance(data, dict)
    return data


def values(name: str) -> dict[str, Any]:
    """Return an environment's own values."""
    read = yaml.safe_load(environment_file(name).read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("more", [(), EVERYTHING], ids=["plain", "everything"])
def test_both_versions_of_helm_render_the_same_objects(name: str, more: tuple[str, ...]) -> None:
    """Argo CD, which renders with Helm 3, gets the objects that a person gets from Helm 4."""
    four, three = (objects(tool, *environment(name), *more) for tool in HELMS.values())
    assert four == three
    assert four


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_operator_reads_its_configuration(tool: GoTool, name: str) -> None:
    """The rendered config.yaml is a valid OperatorConfig with the environment's pinned images."""
    found = config(objects(tool, *environment(name)))
    images = values(name)["images"]
    assert found.worker_image.endswith(f"/worker@{images['worker']['digest']}")
    assert found.trainer_image.endswith(f"/trainer@{images['trainer']['digest']}")
    assert found.worker_gpu_image
    assert found.worker_gpu_image.endswith(f"/worker-gpu@{images['workerGpu']['digest']}")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_pinned_image_is_run_by_its_digest(helm4: GoTool, name: str) -> None:
    """No pod of an environment runs an image by a tag, which could become another image overnight."""
    specs = pod_specs(objects(helm4, *environment(name)))
    images = [container["image"] for spec in specs.values() for container in spec["containers"]]
    assert images
    assert [image for image in images if "@sha256:" not in image] == []


def test_the_operator_reads_every_part_of_its_configuration(helm4: GoTool) -> None:
    """Cards, queue, classes and files of the steps arrive where the operator looks for them."""
    found = config(objects(helm4, *REQUIRED, *EVERYTHING))
    assert (found.building.gpus, found.building.runtime_class_name, found.prepare.runtime_class_name) == (
        1,
        "nvidia",
        None,
    )
    assert {step.queue_name for step in (found.prepare, found.building, found.refresh, found.train, found.publish)} == {
        "cards"
    }
    assert found.secrets == ["voc-database"]
    for step in (found.prepare, found.building, found.publish):
        mounted = {mount["name"] for mount in step.volume_mounts}
        assert mounted == {volume["name"] for volume in step.volumes} == {"files", "google"}


def test_the_chart_says_every_field_of_the_configuration(helm4: GoTool) -> None:
    """No field of OperatorConfig is out of the chart's reach; plain settings of the steps come by their ConfigMap."""
    words = (*REQUIRED, *EVERYTHING, '--set-json=images.pullSecrets=["registry"]', "--set=jobs.priorityClassName=low")
    found = config(
        objects(helm4, *words, '--set-json=steps.building={"nodeSelector": {"a": "b"}, "scratchSize": "1Gi"}')
    )
    assert OperatorConfig.model_fields.keys() - found.model_fields_set == {"environment"}
    said = found.building.model_fields_set | {"tolerations"}
    assert StepConfig.model_fields.keys() - said == set()


def test_the_chart_has_the_operators_own_pauses(helm4: GoTool) -> None:
    """The chart's pauses are the defaults of the operator, so that both documents say the same."""
    found = config(objects(helm4, *REQUIRED))
    pauses = [name for name in OperatorConfig.model_fields if name.endswith("_seconds")]
    defaults = {name: OperatorConfig.model_fields[name].default for name in pauses}
    assert {name: getattr(found, name) for name in pauses} == defaults


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("more", [(), EVERYTHING], ids=["plain", "everything"])
def test_the_steps_know_every_setting(
    helm4: GoTool, name: str, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each key of the steps' ConfigMap is a setting of an image, and the worker accepts its value."""
    monkeypatch.chdir(tmp_path)
    for variable in SETTINGS:
        monkeypatch.delenv(variable, raising=False)
    given = settings(objects(helm4, *environment(name), *more))
    assert given.keys() - SETTINGS == set()
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    read = Settings(_env_file=None)
    assert (read.db_host, read.store_address) == (given["DB_HOST"], given["STORE"])
    assert read.review_backend == ("sheets" if more else "workbook")


def test_files_of_the_steps_lie_where_their_settings_say(helm4: GoTool) -> None:
    """SOURCE_CONFIG, SHEETS_MAP and the Google key name files that the pods mount."""
    found = objects(helm4, *REQUIRED, *EVERYTHING)
    given = settings(found)
    files = named(found, "ConfigMap", "voc-nlp-files")["data"]
    mounts = {mount["name"]: mount["mountPath"] for mount in config(found).prepare.volume_mounts}
    assert {given["SOURCE_CONFIG"], given["SHEETS_MAP"]} == {f"{mounts['files']}/{name}" for name in files}
    assert yaml.safe_load(files["source.yaml"]) == {"voc": {"table": "cs.voc_master"}}
    assert given["GOOGLE_APPLICATION_CREDENTIALS"] == f"{mounts['google']}/google-key.json"


def test_the_workers_check_runs_as_a_step_does(helm4: GoTool) -> None:
    """`helm test` tries the worker with the settings, Secrets, files and account that the operator gives to a step."""
    found = objects(helm4, *REQUIRED, *EVERYTHING, '--set-json=extraSecrets=["proxy"]')
    run = RunRef("r", "voc", "1a2b3c4d", "full_20260101_020000_1a2b3", Month(2025, 12), "2025-12-31T17:00:00Z")
    step = build_job(run, RunSpec(mode=Mode.FULL), config(found), Attempt(Step.PREPARE, "", 0))["spec"]["template"][
        "spec"
    ]
    check = named(found, "Pod", "voc-nlp-check-worker")["spec"]
    (tried,), (real,) = check["containers"], step["containers"]
    for part in ("env", "envFrom", "image", "imagePullPolicy", "volumeMounts", "securityContext"):
        assert sorted(tried[part], key=str) == sorted(real[part], key=str), part
    assert check["serviceAccountName"] == step["serviceAccountName"]
    assert {volume["name"] for volume in check["volumes"]} == {volume["name"] for volume in step["volumes"]}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_environment_that_trains_follows_and_the_others_pin(helm4: GoTool, name: str) -> None:
    """Dev trains and follows champion.json; stage and prod have a release with its hash and no CronJob that trains."""
    found = objects(helm4, *environment(name))
    given = settings(found)
    trains = [
        one["metadata"]["name"] for one in found if one["kind"] == "CronJob" and "train" in one["metadata"]["name"]
    ]
    assert (trains, given.keys() & PIN) == ((["voc-nlp-train"], set()) if name == TRAINS else ([], PIN))


def test_environments_share_the_models_and_nothing_else() -> None:
    """One address of models, and a store and a database for each environment."""
    read = [values(name) for name in ENVIRONMENTS]
    assert len({one["store"]["modelAddress"] for one in read}) == 1
    assert len({one["store"]["address"] for one in read}) == len({one["database"]["host"] for one in read}) == 3


SCHEDULES = {Mode.FULL: "0 2 1 * *", Mode.REFRESH: "0 2 15 * *", Mode.TRAIN: "0 4 20 * *"}


@pytest.mark.parametrize(("mode", "due"), SCHEDULES.items())
def test_each_mode_is_triggered_at_its_time_in_korea(helm4: GoTool, mode: Mode, due: str) -> None:
    """A CronJob triggers its mode at the agreed time in Asia/Seoul, never twice at once, with a deadline to start."""
    spec = named(objects(helm4, *environment(TRAINS)), "CronJob", f"voc-nlp-{mode.value}")["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == (due, "Asia/Seoul", False)
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Forbid", 21600)
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["trigger", "--mode", mode.value]
    names = {variable["name"]: variable.get("valueFrom", {}).get("fieldRef", {}) for variable in container["env"]}
    assert names["JOB_NAME"] == {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}


def test_a_schedule_can_be_suspended_or_left_out(helm4: GoTool) -> None:
    """Suspend keeps the CronJob and stops it; enabled: false leaves it out."""
    found = objects(helm4, *REQUIRED, "--set=schedules.full.suspend=true", "--set=schedules.train.enabled=false")
    suspended = {one["metadata"]["name"]: one["spec"]["suspend"] for one in found if one["kind"] == "CronJob"}
    assert suspended == {"voc-nlp-full": True, "voc-nlp-refresh": False}


def smoke(*words: str) -> VocMonthlyRun:
    """Return the smoke run as the operator reads it."""
    (found,) = [one for one in objects(HELMS["helm3"], *words) if one["kind"] == "VocMonthlyRun"]
    return VocMonthlyRun.model_validate(found)


def test_the_smoke_run_is_named_by_the_pins() -> None:
    """The same pins keep the run; another image, another model or another spec is another run."""
    base = (*REQUIRED, *EVERYTHING)
    first = smoke(*base)
    assert first.spec.mode is Mode.TAGGING_ONLY
    assert smoke(*base, "--set=operator.logLevel=DEBUG").metadata.name == first.metadata.name
    digest = "a" * 64
    others = [
        smoke(*base, f"--set=images.worker.digest=sha256:{digest}"),
        smoke(*base, "--set-string=model.release=20260116", f"--set-string=model.sha256={digest}"),
        smoke(*base, "--set=smoke.month=2025-11"),
    ]
    assert len({run.metadata.name for run in (first, *others)}) == 4
