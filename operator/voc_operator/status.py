"""``status`` of a VocMonthlyRun: level-based, recomputed from what is observed, finished results latched."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import ConfigDict, Field

from voc_models.months import Month
from voc_models.run import CamelModel


class Phase(StrEnum):
    """Where a run stands."""

    PENDING = "Pending"
    PREPARING = "Preparing"
    RUNNING = "Running"
    PUBLISHING = "Publishing"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


FINISHED = frozenset({Phase.SUCCEEDED, Phase.PARTIALLY_SUCCEEDED, Phase.FAILED, Phase.CANCELLED})


class BuildingPhase(StrEnum):
    """Where one building of a run stands."""

    WAITING = "Waiting"
    RUNNING = "Running"
    RETRYING = "Retrying"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class StatusModel(CamelModel):
    """Like :class:`CamelModel`, but what a newer operator wrote is kept out of the way instead of refused."""

    model_config = ConfigDict(extra="ignore")


class BuildingStatus(StatusModel):
    """One building's line."""

    phase: BuildingPhase = Field(BuildingPhase.WAITING, description="Waiting, Running, Retrying, Succeeded or Failed.")
    attempts: int = Field(0, ge=0, description="Attempts that counted, disruptions left out.")
    disruptions: int = Field(0, ge=0, description="Attempts that the platform ended; up to six are not counted.")
    jobs: int = Field(0, ge=0, description="Jobs that have ended, and so the number of the next one.")
    earlier: int = Field(0, ge=0, description="Attempts before retryFailed was last raised.")
    rows: int | None = Field(None, ge=0, description="Rows of the building's month.")
    message: str | None = Field(None, max_length=512, description="One line, only when something is wrong.")
    not_before: datetime | None = Field(None, description="No new attempt before this time.")


class ModelStatus(StatusModel):
    """The model that every building of the run uses."""

    release: str = Field(description="A release, or keyword.")
    digest: str = Field("", description="SHA-256 of the release's manifest.")


class Images(StatusModel):
    """The images that this run's Jobs use."""

    worker: str = Field("", description="Image of prepare, of buildings without a GPU and of publish.")
    worker_gpu: str = Field("", description="Image of buildings with a GPU.")
    trainer: str = Field("", description="Image of train and of its publish.")
    mixed: bool = Field(
        False, description="Whether something succeeded on other images, before retryFailed was raised."
    )


class Condition(StatusModel):
    """A standard condition."""

    type: str = Field(max_length=316, description="CamelCase name of the condition.")
    status: str = Field(pattern="^(True|False|Unknown)$", description="True, False or Unknown.")
    reason: str = Field(max_length=1024, description="CamelCase word for programs.")
    message: str = Field(max_length=4096, description="Sentence for people.")
    last_transition_time: datetime = Field(description="When the status last changed.")
    observed_generation: int = Field(0, ge=0, description="Generation of the spec that this speaks of.")


class RunStatus(StatusModel):
    """What the operator reports of a run."""

    observed_generation: int = Field(0, ge=0, description="Generation of the spec that was last acted on.")
    phase: Phase = Field(Phase.PENDING, description="Where the run stands.")
    month: Month | None = Field(None, description="The month, resolved once.")
    run_id: str | None = Field(None, description="Name of the run in the store.")
    model: ModelStatus | None = Field(None, description="The model of every building of the run.")
    images: Images | None = Field(None, description="The images of the run's Jobs.")
    total: int | None = Field(None, ge=0, description="Buildings of the run.")
    active: int = Field(0, ge=0, description="Building Jobs that are not finished.")
    succeeded: int = Field(0, ge=0, description="Buildings that succeeded.")
    failed: int = Field(0, ge=0, description="Buildings that failed.")
    progress: str | None = Field(None, description="Finished of all buildings, such as 12/40.")
    buildings: dict[str, BuildingStatus] = Field(default_factory=dict, description="Each building by its id.")
    steps: dict[str, BuildingStatus] = Field(default_factory=dict, description="prepare, train and publish.")
    retry_failed: int = Field(0, ge=0, description="The spec.retryFailed that was last acted on.")
    outages: int = Field(0, ge=0, description="Attempts in a row that found an upstream unavailable.")
    hold_until: datetime | None = Field(None, description="No new attempt before this time, because of an outage.")
    active_seconds: float = Field(0, ge=0, description="Time that counts towards activeDeadlineSeconds.")
    counted_at: datetime | None = Field(None, description="Until when activeSeconds is counted.")
    conditions: list[Condition] = Field(default_factory=list, description="Standard conditions.")
    start_time: datetime | None = Field(None, description="When the first Job was started.")
    completion_time: datetime | None = Field(None, description="When the run finished.")
    eta: datetime | None = Field(None, description="When the buildings should be done, from those that are.")
