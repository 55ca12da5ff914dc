"""What the customer's tables and columns are called: configuration, with the names of the design as defaults.

A column that a customer does not have is configured as an empty name; what needs it is then left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voc_models.exit_codes import UsageError
from voc_models.months import KST

if TYPE_CHECKING:
    from pathlib import Path

#: A name as PostgreSQL keeps it: any characters but NUL, at most 63 bytes (checked against the database later).
_NAME = r"^[^\x00]{1,63}$"
_OPTIONAL_NAME = r"^[^\x00]{0,63}$"
_ABSENT = "Empty: the customer has no such column."
#: A table may be written ``schema.table``.
_TABLE = r"^[^\x00]{1,127}$"


class SchemaError(UsageError):
    """The configuration of tables and columns is wrong, or does not fit the database."""


class Names(BaseModel):
    """The names of one table and its columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def may_be_empty(cls, column: str) -> bool:
        """Tell whether a customer may have no such column."""
        return cls.model_fields[column].description == _ABSENT


def _required(name: str) -> str:
    field: str = Field(name, pattern=_NAME)
    return field


def _optional(name: str) -> str:
    field: str = Field(name, pattern=_OPTIONAL_NAME, description=_ABSENT)
    return field


class VocTable(Names):
    """The requests, one row each."""

    table: str = Field("voc", pattern=_TABLE)
    id: str = _required("id")
    building_id: str = _required("building_id")
    created_at: str = _required("created_at")
    request_contents: str = _required("request_contents")
    title: str = _optional("title")
    reply: str = _optional("reply")
    replied_at: str = _optional("replied_at")
    completed_at: str = _optional("completed_at")


class BuildingTable(Names):
    """The buildings; ``closed_at`` is set once a building is no longer managed."""

    table: str = Field("building", pattern=_TABLE)
    id: str = _required("id")
    name: str = _required("name")
    closed_at: str = _optional("closed_at")


class TaxonomyTable(Names):
    """The pairs that exist; ``keywords`` is text[] or text with commas, semicolons or line breaks between words."""

    table: str = Field("voc_taxonomy", pattern=_TABLE)
    kind: str = _required("kind")
    major: str = _required("major")
    minor: str = _required("minor")
    keywords: str = _optional("keywords")
    priority: str = _optional("priority")
    active: str = _optional("active")


class SourceSchema(Names):
    """All of SOURCE_CONFIG."""

    voc: VocTable = VocTable()
    building: BuildingTable = BuildingTable()
    taxonomy: TaxonomyTable = TaxonomyTable()
    classification: str = Field("voc_classification", pattern=_TABLE, description="Our table; its columns are ours.")
    create_classification: bool = Field(True, description="Whether it may be created when it is not there.")
    time_zone: str = Field(KST, description="Zone of columns of type timestamp without time zone.")


def read_schema(file: Path | None) -> SourceSchema:
    """Read SOURCE_CONFIG, a YAML file with any part of :class:`SourceSchema`; None gives the defaults.

    Raises:
        SchemaError: the file cannot be read, or names something that does not exist; the sentence says what.
    """
    if file is None:
        return SourceSchema()
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SchemaError(f"SOURCE_CONFIG {file} cannot be read as YAML: {error}") from error
    try:
        return SourceSchema.model_validate({} if content is None else content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SchemaError(f"SOURCE_CONFIG {file} is refused: {where}: {first['msg']}.") from error
