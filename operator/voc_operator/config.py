"""What the operator is told about its cluster: images, resources, nodes, queue. The chart writes it, users never do."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError, model_validator
from yaml import YAMLError, safe_load

from voc_models.exit_codes import UsageError
from voc_models.run import CamelModel, Mode, RunSpec, Step


class Resources(CamelModel):
    """Kubernetes resource quantities of one step."""

    requests: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)


class StepConfig(CamelModel):
    """How the pods of one step run."""

    resources: Resources = Resources()
    gpus: int = Field(0, ge=0, description="Cards of gpuResource for each pod.")
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: list[dict[str, Any]] = Field(default_factory=list)
    runtime_class_name: str | None = None
    priority_class_name: str | None = None
    queue_name: str | None = Field(None, description="Kueue's LocalQueue; the label goes on every Job.")
    scratch_size: str = Field("2Gi", description="Size limit of the emptyDir at /tmp.")
    volumes: list[dict[str, Any]] = Field(default_factory=list)
    volume_mounts: list[dict[str, Any]] = Field(default_factory=list)


class OperatorConfig(CamelModel):
    """The operator's configuration file."""

    worker_image: str = Field(min_length=1)
    worker_gpu_image: str | None = Field(None, description="For building Jobs with GPUs; workerImage without it.")
    trainer_image: str = Field(min_length=1)
    operator_image: str = Field("", description="This operator's own, which a run's summary names.")
    image_pull_policy: str = Field("IfNotPresent", pattern="^(Always|IfNotPresent|Never)$")
    image_pull_secrets: list[str] = Field(default_factory=list)
    service_account: str = "default"
    gpu_resource: str = "nvidia.com/gpu"
    environment: dict[str, str] = Field(default_factory=dict, description="Plain settings of the steps.")
    config_maps: list[str] = Field(default_factory=list, description="ConfigMaps whose keys become settings.")
    secrets: list[str] = Field(default_factory=list, description="Secrets whose keys become settings, by reference.")
    termination_grace_period_seconds: int = Field(60, ge=1)
    attempt_deadline_seconds: int = Field(7200, ge=1, description="Longest time of one attempt of any step.")
    retry_pause_seconds: float = Field(10, gt=0, description="Before the first retry; doubles up to 30 times that.")
    outage_pause_seconds: float = Field(
        30, gt=0, description="After three exit codes 69 in a row; doubles up to 20 times that."
    )
    lost_pod_seconds: float = Field(
        300, gt=0, description="A pod that should have ended this long ago is lost with its node."
    )
    blocked_seconds: float = Field(
        60, gt=0, description="A pod that cannot start is reported in a condition after this time."
    )
    status_interval_seconds: float = Field(2, gt=0, description="Least time between two status patches of one run.")
    runs: dict[Mode, dict[str, Any]] = Field(
        default_factory=dict, description="Spec fields of the runs that trigger and backfill create, by mode."
    )
    prepare: StepConfig = StepConfig()
    building: StepConfig = StepConfig(gpus=1)
    refresh: StepConfig = StepConfig()
    train: StepConfig = StepConfig(gpus=1)
    publish: StepConfig = StepConfig()

    @model_validator(mode="after")
    def _runs_are_specs(self) -> OperatorConfig:
        for mode, fields in self.runs.items():
            if taken := fields.keys() & {"mode", "month"}:
                raise ValueError(f"runs.{mode} must not name {', '.join(sorted(taken))}: the schedule decides")
            RunSpec.model_validate({"mode": mode, **fields})
        return self

    def step(self, step: Step, *, refresh: bool) -> StepConfig:
        """Return how pods of ``step`` run; building Jobs of a refresh merge reviews and need no GPU."""
        if step is Step.BUILDING and refresh:
            return self.refresh
        by_step = {
            Step.PREPARE: self.prepare,
            Step.BUILDING: self.building,
            Step.TRAIN: self.train,
            Step.PUBLISH: self.publish,
        }
        return by_step[step]


def read_config(text: str) -> OperatorConfig:
    """Read the configuration file.

    Raises:
        UsageError: it is no YAML or a field is wrong; the sentence names the field.
    """
    try:
        return OperatorConfig.model_validate(safe_load(text) or {})
    except YAMLError as error:
        raise UsageError(f"The operator's configuration is not valid YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"The operator's configuration is refused: {where}: {first['msg']}.") from error
