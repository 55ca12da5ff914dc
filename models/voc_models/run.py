"""The run contract: what a VocMonthlyRun says, on a cluster and in ``voc run -f`` alike."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from voc_models.exit_codes import DataError, UsageError
from voc_models.months import KST, Month, month_before, zone

GROUP = "vocnlp.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "VocMonthlyRun"
CHAMPION_MODEL = "champion"
KEYWORD_MODEL = "keyword"


class Mode(StrEnum):
    """What a run does with its month."""

    FULL = "full"
    REFRESH = "refresh"
    TAGGING_ONLY = "tagging-only"
    TRAIN = "train"


class Step(StrEnum):
    """One of the container commands of a run."""

    PREPARE = "prepare"
    BUILDING = "building"
    TRAIN = "train"
    PUBLISH = "publish"


def steps(mode: Mode) -> tuple[Step, Step, Step]:
    """Return the steps of a run in order; ``building`` is the one that fans out."""
    return (Step.PREPARE, Step.TRAIN if mode is Mode.TRAIN else Step.BUILDING, Step.PUBLISH)


class CamelModel(BaseModel):
    """A Kubernetes-style object: camelCase outside, unknown keys refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class TrainSpec(CamelModel):
    """What mode train needs beyond the common fields."""

    months: list[Month] | None = Field(
        None, min_length=1, max_length=240, description="Months whose reviews train. Omitted: every reviewed month."
    )
    base_model: str = Field(
        "skt/kobert-base-v1",
        min_length=1,
        max_length=253,
        description="Encoder to start from: a hub name, a directory, or scratch (a small one of its own).",
    )
    promote: Literal["auto", "manual", "never"] = Field(
        "auto",
        description="auto: the gate decides. manual: it decides and a person promotes. never: only measure.",
    )


BuildingId = Annotated[str, Field(min_length=1, max_length=63)]


class RunSpec(CamelModel):
    """What to do with one month of VOC. Image, resources and node settings come from the operator, never from here."""

    mode: Mode = Field(
        description="full: tag, dashboards, review sheet. tagging-only: the same without dashboards. "
        "refresh: merge the reviews into the dashboards. train: fine-tune on reviewed rows."
    )
    month: Month | None = Field(
        None, description='Month as "2025-12". Omitted: the month before creation, kept in status.month.'
    )
    time_zone: str = Field(
        KST, min_length=1, max_length=64, description="IANA time zone in which the month begins and ends."
    )
    buildings: list[BuildingId] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="Ids of the buildings. Omitted: every building with VOC in that month, listed once at the start.",
    )
    parallelism: int = Field(
        4, ge=1, le=1000, description="Most unfinished building Jobs at once, retries and queued ones included."
    )
    backoff_limit: int = Field(2, ge=0, le=20, description="Retries for each building.")
    suspend: bool = Field(False, description="Start no new attempts; those that run finish.")
    cancel: bool = Field(False, description="End everything now; cannot be taken back.")
    retry_failed: int = Field(
        0, ge=0, le=1000, description="Raise by one to run the failed buildings of a finished run again."
    )
    model_version: str = Field(
        CHAMPION_MODEL,
        pattern=r"^(champion|keyword|[0-9]{8}(-[0-9]+)?)$",
        description="champion, keyword, or a release such as 20260116. Resolved once for every building of the run.",
    )
    min_succeeded: str = Field(
        "100%",
        pattern=r"^(100|[0-9]{1,2})%$",
        description="Share of buildings below which the run is Failed; from it on, with failures, PartiallySucceeded.",
    )
    active_deadline_seconds: int = Field(
        21600, ge=1, description="Longest time the run may work; suspended, waiting and queued time does not count."
    )
    ttl_seconds_after_finished: int = Field(
        2592000, ge=0, description="Seconds after completion until the Jobs are removed; the record stays."
    )
    train: TrainSpec | None = Field(None, description="Settings of mode train, which alone may have them.")

    @model_validator(mode="after")
    def _train_belongs_to_train(self) -> RunSpec:
        if self.train is not None and self.mode is not Mode.TRAIN:
            raise ValueError("spec.train belongs to mode train alone")
        if self.buildings is not None and self.mode is Mode.TRAIN:
            raise ValueError("spec.buildings does not belong to mode train, which learns from every building")
        if self.buildings is not None and len(set(self.buildings)) != len(self.buildings):
            raise ValueError("spec.buildings names a building twice")
        return self


class ObjectMeta(BaseModel):
    """The part of Kubernetes metadata that a run uses."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(min_length=1, max_length=253)


class VocMonthlyRun(CamelModel):
    """A manifest, without its status."""

    api_version: Literal["vocnlp.io/v1alpha1"] = "vocnlp.io/v1alpha1"
    kind: Literal["VocMonthlyRun"] = "VocMonthlyRun"
    metadata: ObjectMeta
    spec: RunSpec


def read_manifest(text: str) -> VocMonthlyRun:
    """Read one VocMonthlyRun from YAML.

    Raises:
        UsageError: it is no YAML, not one document, or not a valid VocMonthlyRun; the sentence names the field.
    """
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise UsageError(f"The manifest is not valid YAML: {error}") from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise UsageError(f"The manifest holds {len(documents)} documents; give exactly one VocMonthlyRun.")
    document: dict[str, Any] = {key: value for key, value in documents[0].items() if key != "status"}
    try:
        return VocMonthlyRun.model_validate(document)
    except ValidationError as error:
        raise UsageError(f"The manifest is refused: {_first_fault(error)}.") from error


def checked_spec(**fields: object) -> RunSpec:
    """Return the spec of ``fields``, named as in Python.

    Raises:
        UsageError: a field is wrong; the sentence names it.
    """
    try:
        return RunSpec.model_validate(fields)
    except ValidationError as error:
        raise UsageError(f"The run is refused: {_first_fault(error)}.") from error


def _first_fault(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def resolve_month(spec_month: Month | None, created: datetime, time_zone: str = KST) -> Month:
    """Return the month of a run: the given one, or the one before ``created``.

    Raises:
        DataError: the month has not begun in ``time_zone``.
    """
    month = spec_month or month_before(created, time_zone)
    if month > Month.of(created, time_zone):
        raise DataError(f"Month {month} has not begun yet in {time_zone}. Choose a month up to the current one.")
    return month


_RUN_ID = re.compile(r"(full|refresh|tagging-only|train)_(\d{8}_\d{6})_([0-9a-z]{5})")


def run_id(mode: Mode, created: datetime, uid: str) -> str:
    """Return ``{mode}_{yyyymmdd}_{hhmmss}_{first 5 of the UID}``, the time in KST."""
    return f"{mode}_{created.astimezone(zone(KST)):%Y%m%d_%H%M%S}_{uid.replace('-', '').lower()[:5]}"


def checked_run_id(text: str) -> str:
    """Return ``text`` when it has the form of a run id.

    Raises:
        UsageError: it has not.
    """
    if not _RUN_ID.fullmatch(text):
        raise UsageError(f"{text!r} is not a run id; it looks like full_20260101_020000_1a2b3.")
    return text


def run_order(run: str) -> tuple[str, str]:
    """Return what sorts run ids by creation time, whatever their mode; equal seconds fall back to the UID part."""
    found = _RUN_ID.fullmatch(checked_run_id(run))
    assert found  # noqa: S101 - checked_run_id just matched it
    return (found[2], found[3])
