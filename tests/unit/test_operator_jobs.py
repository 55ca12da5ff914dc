"""Job manifests: names, policies, security, words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voc_models.exit_codes import FINAL, RETRIED
from voc_models.months import Month
from voc_models.run import Mode, RunSpec, Step, TrainSpec, steps
from voc_operator.config import OperatorConfig, StepConfig
from voc_operator.jobs import (
    BUILDING_ANNOTATION,
    QUEUE_LABEL,
    Attempt,
    RunRef,
    Told,
    build_job,
    job_name,
    pinned_image,
    used_images,
)
from voc_operator.status import Images

RUN = RunRef(
    name="full-2025-12",
    namespace="voc",
    uid="1a2b3c4d-0000-0000-0000-000000000000",
    run_id="full_20260101_020000_1a2b3",
    month=Month(2025, 12),
    created="2025-12-31T17:00:00+00:00",
)
CONFIG = OperatorConfig(
    worker_image="worker:1",
    worker_gpu_image="worker-gpu:1",
    trainer_image="trainer:1",
    secrets=["database"],
    building=StepConfig(gpus=1, queue_name="gpus", runtime_class_name="nvidia", node_selector={"gpu": "yes"}),
)
FULL = RunSpec(mode=Mode.FULL)
ALL_STEPS = [(mode, step) for mode in Mode for step in steps(mode)]


def container(job: dict[str, Any]) -> dict[str, Any]:
    """Return the Job's only container."""
    (only,) = job["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


@given(st.text(min_size=1, max_size=253), st.text(max_size=63), st.integers(0, 99), st.sampled_from(list(Step)))
def test_every_name_is_a_dns_label(run: str, building: str, number: int, step: Step) -> None:
    """Whatever the run and the building are called, the Job's name is a DNS label and pods' names still fit."""
    name = job_name(RUN._replace(name=run), Attempt(step, building, number))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= 57


def test_names_tell_runs_buildings_and_attempts_apart() -> None:
    """Another run of the same name, another building and another attempt have other Jobs; the same ones the same."""
    attempt = Attempt(Step.BUILDING, "95", 0)
    others = [
        job_name(RUN._replace(uid="other"), attempt),
        job_name(RUN, attempt._replace(building="101")),
        job_name(RUN, attempt._replace(number=1)),
    ]
    assert len({job_name(RUN, attempt), *others}) == 4
    assert job_name(RUN, attempt) == job_name(RUN, Attempt(Step.BUILDING, "95", 0))


@pytest.mark.parametrize(("mode", "step"), ALL_STEPS)
def test_every_pod_obeys_the_restricted_standard(mode: Mode, step: Step) -> None:
    """Each step's pod is what Pod Security `restricted` asks for, with a read-only root and no API token."""
    job = build_job(RUN, RunSpec(mode=mode), CONFIG, Attempt(step, "95" if step is Step.BUILDING else "", 0))
    pod = job["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never"
    security = container(job)["securityContext"]
    assert security == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not [volume for volume in pod["volumes"] if "hostPath" in volume]


def test_an_attempt_is_one_pod_and_disruptions_come_first() -> None:
    """A Job never retries by itself, ignores disruptions before anything else, and knows every failing exit code."""
    spec = build_job(RUN, FULL, CONFIG, Attempt(Step.BUILDING, "95", 0))["spec"]
    first, second = spec["podFailurePolicy"]["rules"]
    assert spec["backoffLimit"] == 0
    assert spec["podReplacementPolicy"] == "Failed"
    assert "ttlSecondsAfterFinished" not in spec
    assert first == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert second["onExitCodes"]["values"] == sorted(code.value for code in FINAL | RETRIED)
    assert second["onExitCodes"]["containerName"] == container({"spec": spec})["name"]


def test_gpus_go_to_tagging_and_not_to_merging() -> None:
    """A building Job of full has its card, class, node and queue; one of refresh has none of them."""
    tagging = build_job(RUN, FULL, CONFIG, Attempt(Step.BUILDING, "95", 0))
    merging = build_job(RUN, RunSpec(mode=Mode.REFRESH), CONFIG, Attempt(Step.BUILDING, "95", 0))
    assert container(tagging)["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert container(tagging)["image"] == "worker-gpu:1"
    assert tagging["spec"]["template"]["spec"]["runtimeClassName"] == "nvidia"
    assert tagging["metadata"]["labels"][QUEUE_LABEL] == "gpus"
    assert container(merging)["resources"]["limits"] == {}
    assert container(merging)["image"] == "worker:1"
    assert QUEUE_LABEL not in merging["metadata"]["labels"]


def test_the_image_pinned_for_the_run_wins() -> None:
    """An attempt late in the run uses the image that the run began with, whatever the configuration says by then."""
    assert (
        container(build_job(RUN, FULL, CONFIG, Attempt(Step.BUILDING, "95", 2), "worker:old"))["image"] == "worker:old"
    )


def test_secrets_come_by_reference_only() -> None:
    """The manifest names the Secret and holds no value of it."""
    step = container(build_job(RUN, FULL, CONFIG, Attempt(Step.PREPARE, "", 0)))
    assert step["envFrom"] == [{"secretRef": {"name": "database"}}]


def test_the_owner_is_this_very_run() -> None:
    """The Job belongs to the run by UID, so that it dies with it and not with a later run of the same name."""
    (owner,) = build_job(RUN, FULL, CONFIG, Attempt(Step.PREPARE, "", 0))["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["kind"]) == (RUN.uid, True, "VocMonthlyRun")


def test_any_building_id_is_an_annotation_and_never_a_label() -> None:
    """A building id that is no label value is carried whole by an annotation."""
    metadata = build_job(RUN, FULL, CONFIG, Attempt(Step.BUILDING, "본관 A동/1", 0))["metadata"]
    assert metadata["annotations"][BUILDING_ANNOTATION] == "본관 A동/1"
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{0,63}", value) for value in metadata["labels"].values())


def test_the_words_are_those_of_the_worker() -> None:
    """Each step's command is the one that `voc run` starts on a laptop."""
    plan = "202512/runs/full_20260101_020000_1a2b3/plan.json"
    building = container(build_job(RUN, FULL, CONFIG, Attempt(Step.BUILDING, "95", 0)))["command"]
    assert building == ["python", "-m", "voc_worker", "building", "--plan", plan, "--building", "95"]
    train = RunSpec(mode=Mode.TRAIN, train=TrainSpec(months=[Month(2025, 11)]))
    prepare = container(build_job(RUN, train, CONFIG, Attempt(Step.PREPARE, "", 0)))["command"]
    assert json.loads(prepare[prepare.index("--train") + 1])["months"] == ["2025-11"]
    promote = container(build_job(RUN, train, CONFIG, Attempt(Step.PUBLISH, "", 0)))
    assert promote["command"] == ["python", "-m", "voc_training", "promote", "--plan", plan]
    assert promote["image"] == "trainer:1"


def test_publish_is_told_what_failed_in_one_word_that_linux_takes() -> None:
    """Publish gets building and reason of what failed; with too many reasons some are left out, none is cut."""
    attempt = Attempt(Step.PUBLISH, "", 0)
    few = container(build_job(RUN, FULL, CONFIG, attempt, told=Told({"95": "고장"}, {})))["command"]
    assert json.loads(few[few.index("--failed") + 1]) == {"95": "고장"}
    many = {str(number): "고장 " * 100 for number in range(2000)}
    word = container(build_job(RUN, FULL, CONFIG, attempt, told=Told(many, {})))["command"][-1]
    assert 50_000 < len(word.encode()) < 128 * 1024
    assert json.loads(word).items() <= many.items()
    assert "--failed" not in container(build_job(RUN, FULL, CONFIG, attempt))["command"]


def test_publish_is_told_the_images_of_the_run() -> None:
    """The summary names what ran: buildings' images and this operator's for a month, the trainer's for a training."""
    images = Images(worker="w@1", worker_gpu="g@2", trainer="t@3")
    config = CONFIG.model_copy(update={"operator_image": "o@4"})
    train, refresh = RunSpec(mode=Mode.TRAIN), RunSpec(mode=Mode.REFRESH)
    assert used_images(images, config, FULL) == {"operator": "o@4", "worker": "w@1", "workerGpu": "g@2"}
    assert used_images(images, config, refresh) == {"operator": "o@4", "worker": "w@1"}
    assert used_images(images, CONFIG, train) == {"worker": "w@1", "trainer": "t@3"}
    alone = images.model_copy(update={"worker_gpu": "w@1"})
    assert used_images(alone, CONFIG, FULL) == {"worker": "w@1"}, "values without an image for GPUs pin none"
    assert used_images(images.model_copy(update={"mixed": True}), CONFIG, FULL) == {}
    told = Told({}, {"trainer": "t@3"})
    for spec in (FULL, train):
        words = container(build_job(RUN, spec, CONFIG, Attempt(Step.PUBLISH, "", 0), told=told))["command"]
        assert json.loads(words[words.index("--images") + 1]) == {"trainer": "t@3"}


def test_each_step_uses_its_pinned_image() -> None:
    """Tagging takes the GPU image where there is one, training and its promotion the trainer's, others the worker's."""
    images = Images(worker="w", worker_gpu="g", trainer="t")
    train = RunSpec(mode=Mode.TRAIN)
    assert pinned_image(images, CONFIG, FULL, Step.BUILDING) == "g"
    assert pinned_image(images.model_copy(update={"worker_gpu": ""}), CONFIG, FULL, Step.BUILDING) == "w"
    assert pinned_image(images, CONFIG, FULL, Step.PUBLISH) == "w"
    assert pinned_image(images, CONFIG, train, Step.TRAIN) == pinned_image(images, CONFIG, train, Step.PUBLISH) == "t"
