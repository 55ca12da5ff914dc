"""From a run, the configuration and a building to a Job manifest. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from voc_models.exit_codes import FINAL, RETRIED, ExitCode
from voc_models.keys import plan as plan_key
from voc_models.months import Month
from voc_models.run import API_VERSION, GROUP, KIND, Mode, RunSpec, Step, steps
from voc_operator.config import OperatorConfig, StepConfig
from voc_operator.status import Images

MANAGED_BY = "voc-operator"
RUN_LABEL = f"{GROUP}/run"
RUN_UID_LABEL = f"{GROUP}/run-uid"
STEP_LABEL = f"{GROUP}/step"
#: A building id may be no label value (Hangul, long), so the label is a hash and the annotation the id.
BUILDING_LABEL = f"{GROUP}/building-hash"
BUILDING_ANNOTATION = f"{GROUP}/building"
ATTEMPT_LABEL = f"{GROUP}/attempt"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
CONTAINER = "step"
_NAME_PART = 20
#: Most bytes of the failed buildings' reasons on publish's command line; Linux takes 128 KiB a word.
FAILED_BYTES = 60_000


class RunRef(NamedTuple):
    """What a Job must know of its run."""

    name: str
    namespace: str
    uid: str
    run_id: str
    month: Month
    created: str


class Attempt(NamedTuple):
    """One attempt of one step; ``building`` is "" for prepare, train and publish, ``number`` starts at 0."""

    step: Step
    building: str
    number: int


class Told(NamedTuple):
    """What publish is told for the summary: failed buildings with one line of why, and the images of the run."""

    failed: Mapping[str, str]
    images: Mapping[str, str]


class Named(Protocol):
    """Anything that has a run's name and UID."""

    @property
    def name(self) -> str:
        """The run's name."""

    @property
    def uid(self) -> str:
        """The run's UID."""


def job_name(run: Named, attempt: Attempt) -> str:
    """Return ``{run, at most 20}-{step}-{hash of run UID, step, building, attempt}``: a DNS label, always the same."""
    digest = _digest(run.uid, attempt.step.value, attempt.building, str(attempt.number))
    prefix = re.sub(r"[^a-z0-9-]", "-", run.name.lower())[:_NAME_PART].strip("-") or "run"
    return f"{prefix}-{attempt.step.value}-{digest}"


def building_hash(building: str) -> str:
    """Return what labels carry instead of the building's id."""
    return _digest(building) if building else "none"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def build_job(
    run: RunRef,
    spec: RunSpec,
    config: OperatorConfig,
    attempt: Attempt,
    image: str = "",
    told: Told | None = None,
) -> dict[str, Any]:
    """Return the manifest of one attempt.

    Args:
        run: the owner.
        spec: the run's spec.
        config: the cluster's configuration.
        attempt: step, building and number.
        image: the image pinned for this run; the configured one when "".
        told: for publish.
    """
    step = config.step(attempt.step, refresh=spec.mode is Mode.REFRESH)
    labels = _labels(run, attempt)
    job_labels = labels | ({QUEUE_LABEL: step.queue_name} if step.queue_name else {})
    annotations = {BUILDING_ANNOTATION: attempt.building} if attempt.building else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(run, attempt),
            "namespace": run.namespace,
            "labels": job_labels,
            "annotations": annotations,
            "ownerReferences": [_owner(run)],
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": config.attempt_deadline_seconds,
            # Two pods must never work on one building: a new one only after the old one is gone for good.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": failure_rules()},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": _pod(
                    config,
                    step,
                    command(run, spec, attempt, told),
                    image or default_image(config, spec, attempt.step),
                ),
            },
        },
    }


def default_image(config: OperatorConfig, spec: RunSpec, step: Step) -> str:
    """Return the configured image of a step."""
    today = Images(worker=config.worker_image, worker_gpu=config.worker_gpu_image or "", trainer=config.trainer_image)
    return pinned_image(today, config, spec, step)


def pinned_image(images: Images, config: OperatorConfig, spec: RunSpec, step: Step) -> str:
    """Return the one of ``images`` that a step uses; the decision of a training is applied by the trainer's image."""
    if step is Step.TRAIN or (step is Step.PUBLISH and spec.mode is Mode.TRAIN):
        return images.trainer
    with_gpu = config.step(step, refresh=spec.mode is Mode.REFRESH).gpus > 0
    return (images.worker_gpu if with_gpu else "") or images.worker


def used_images(images: Images, config: OperatorConfig, spec: RunSpec) -> dict[str, str]:
    """Return the images that a run's steps and this operator run, by the names that the chart's values have.

    Nothing when what succeeded before a retry ran on others: no pins can be said to have proved themselves then.
    """
    if images.mixed:
        return {}
    used = {pinned_image(images, config, spec, step) for step in steps(spec.mode)}
    named = {"worker": images.worker, "trainer": images.trainer}
    # Without an image of its own a step with cards runs on the worker's.
    if images.worker_gpu != images.worker:
        named["workerGpu"] = images.worker_gpu
    own = {"operator": config.operator_image} if config.operator_image else {}
    return own | {name: image for name, image in named.items() if image in used}


def failure_rules() -> list[dict[str, Any]]:
    """Return podFailurePolicy: the platform's disruptions first, then the table of exit codes.

    FailJob ends the Job at once; the operator reads the exit code and decides about the next attempt.
    """
    codes = sorted(code.value for code in FINAL | RETRIED if code is not ExitCode.OK)
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": codes}},
    ]


def command(run: RunRef, spec: RunSpec, attempt: Attempt, told: Told | None = None) -> list[str]:
    """Return what the container runs: the same words that ``voc run`` uses on a laptop; ``told`` is publish's."""
    if attempt.step is Step.PREPARE:
        return _prepare_command(run, spec)
    plan = ["--plan", plan_key(run.month, run.run_id)]
    if attempt.step is Step.TRAIN:
        return ["python", "-m", "voc_training", "train", *plan]
    if attempt.step is Step.PUBLISH and spec.mode is Mode.TRAIN:
        return ["python", "-m", "voc_training", "promote", *plan, *_images_words(told)]
    if attempt.step is Step.PUBLISH:
        failed = _failed_words(told.failed if told else {})
        return ["python", "-m", "voc_worker", "publish", *plan, *_images_words(told), *failed]
    return ["python", "-m", "voc_worker", "building", *plan, "--building", attempt.building]


def _images_words(told: Told | None) -> list[str]:
    return ["--images", json.dumps(told.images)] if told and told.images else []


def _failed_words(failed: Mapping[str, str]) -> list[str]:
    """Return ``--failed`` with as many reasons as one word may hold; publish finds the others itself."""
    told: dict[str, str] = {}
    room = FAILED_BYTES
    for building, why in failed.items():
        room -= len(json.dumps({building: why}, ensure_ascii=False).encode())
        if room < 0:
            break
        told[building] = why
    return ["--failed", json.dumps(told, ensure_ascii=False)] if told else []


def _prepare_command(run: RunRef, spec: RunSpec) -> list[str]:
    words = ["python", "-m", "voc_worker", "prepare", "--mode", spec.mode.value, "--month", str(run.month)]
    words += ["--run-id", run.run_id, "--created", run.created, "--time-zone", spec.time_zone]
    words += ["--model-version", spec.model_version]
    for building in spec.buildings or []:
        words += ["--building", building]
    if spec.train is not None:
        words += ["--train", spec.train.model_dump_json(by_alias=True)]
    return words


def _labels(run: RunRef, attempt: Attempt) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "voc-nlp",
        "app.kubernetes.io/component": attempt.step.value,
        "app.kubernetes.io/managed-by": MANAGED_BY,
        RUN_UID_LABEL: run.uid,
        # A run's name may have 253 characters, a label value 63.
        RUN_LABEL: run.name[:63].rstrip("-."),
        STEP_LABEL: attempt.step.value,
        BUILDING_LABEL: building_hash(attempt.building),
        ATTEMPT_LABEL: str(attempt.number),
    }


def _owner(run: RunRef) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": run.name,
        "uid": run.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _pod(config: OperatorConfig, step: StepConfig, words: list[str], image: str) -> dict[str, Any]:
    gpus = {config.gpu_resource: str(step.gpus)} if step.gpus else {}
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": config.service_account,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": config.termination_grace_period_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": name} for name in config.image_pull_secrets],
        "nodeSelector": step.node_selector,
        "tolerations": step.tolerations,
        "containers": [
            {
                "name": CONTAINER,
                "image": image,
                "imagePullPolicy": config.image_pull_policy,
                "command": words,
                "env": [{"name": name, "value": value} for name, value in _environment(config).items()],
                "envFrom": [{"configMapRef": {"name": name}} for name in config.config_maps]
                + [{"secretRef": {"name": name}} for name in config.secrets],
                "resources": {"requests": step.resources.requests, "limits": step.resources.limits | gpus},
                "terminationMessagePolicy": "File",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, *step.volume_mounts],  # noqa: S108 - the pod's own emptyDir
            }
        ],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": step.scratch_size}}, *step.volumes],
    }
    if step.runtime_class_name:
        pod["runtimeClassName"] = step.runtime_class_name
    if step.priority_class_name:
        pod["priorityClassName"] = step.priority_class_name
    return pod


def _environment(config: OperatorConfig) -> dict[str, str]:
    """Return the settings of every step: the only writable place is the scratch folder."""
    scratch = {"BASE_DIR": "/tmp", "OUT_DIR": "/tmp/var", "LOG_DIR": "/tmp/logs", "MODEL_DIR": "/tmp/models"}  # noqa: S108 - see above
    return scratch | {"HOME": "/tmp", "LOG_FORMAT": "json"} | config.environment  # noqa: S108 - see above
