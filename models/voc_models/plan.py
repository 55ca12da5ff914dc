"""``plan.json``: what must be the same for every building of one run; and the pointers and summaries beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voc_models.exit_codes import DataError
from voc_models.labels import Taxonomy
from voc_models.months import KST, Month
from voc_models.run import KEYWORD_MODEL, Mode, TrainSpec


class Record(BaseModel):
    """A JSON object that this project writes into the store."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def to_json(self) -> bytes:
        """Return UTF-8 JSON, the same bytes for the same content."""
        return (self.model_dump_json(indent=1) + "\n").encode()


class PlannedBuilding(Record):
    """A building of the run; ``closed`` ones count but are not named in the fleet report."""

    id: str
    name: str
    rows: int = Field(0, ge=0)
    closed: bool = False


class PlannedModel(Record):
    """The release in service for this run; the keyword tagger has no digest."""

    release: str = KEYWORD_MODEL
    digest: str = ""


class Plan(Record):
    """Written once by ``prepare``, read by every other step and by the operator."""

    schema_version: Literal[1] = 1
    run_id: str
    mode: Mode
    month: Month
    time_zone: str = KST
    created: datetime
    buildings: tuple[PlannedBuilding, ...] = ()
    model: PlannedModel = PlannedModel()
    taxonomy: Taxonomy
    company_medians: dict[str, float | None] = Field(default_factory=dict)
    sample_rate: float = Field(0.05, ge=0, le=1)
    review_snapshot: str | None = None
    train: TrainSpec | None = None
    train_months: tuple[Month, ...] = ()

    def building(self, building_id: str) -> PlannedBuilding:
        """Return the planned building called ``building_id``.

        Raises:
            DataError: the plan does not hold it.
        """
        for building in self.buildings:
            if building.id == building_id:
                return building
        raise DataError(f"Building {building_id} is not part of run {self.run_id}. See the plan's list of buildings.")


class StoredObject(Record):
    """A key and the SHA-256 of what lies there."""

    key: str
    sha256: str


class Latest(Record):
    """``latest.json``: the month in force of one building, changed by one conditional write."""

    schema_version: Literal[1] = 1
    run_id: str
    mode: Mode
    month: Month
    building_id: str
    model: PlannedModel
    rows: int
    reviewed_rows: int = 0
    tagged: StoredObject
    reviewed: StoredObject | None = None
    dashboard: StoredObject | None = None


RecordT = TypeVar("RecordT", bound=Record)


def read_record(kind: type[RecordT], data: bytes, key: str) -> RecordT:
    """Read a stored record of ``kind``.

    Raises:
        DataError: it is not what this version writes.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "content"
        raise DataError(f"{key} is not a valid {kind.__name__}: {where}: {first['msg']}.") from error


class Summary(Record):
    """``summary.json``: what became of a run, for people and for ``voc promote``."""

    schema_version: Literal[1] = 1
    run_id: str
    mode: Mode
    month: Month
    model: PlannedModel
    images: Mapping[str, str] = Field(
        default_factory=dict,
        description="What the cluster's Jobs and operator ran: operator, worker, workerGpu, trainer.",
    )
    total: int
    succeeded: int
    failed: dict[str, str] = Field(default_factory=dict, description="Building id to one line of why.")
    rows: int = 0
    reviewed_rows: int = 0
    disputed: tuple[dict[str, str], ...] = ()
    finished: datetime
    details: dict[str, Any] = Field(default_factory=dict)

    @property
    def green(self) -> bool:
        """Whether every building succeeded."""
        return not self.failed and self.succeeded == self.total
