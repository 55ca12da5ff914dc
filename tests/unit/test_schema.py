"""The configuration of tables and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from voc_worker.schema import SchemaError, SourceSchema, read_schema

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_file_the_names_are_the_designs() -> None:
    """No SOURCE_CONFIG means the default tables and columns."""
    schema = read_schema(None)
    assert schema == SourceSchema()
    assert (schema.voc.table, schema.building.closed_at, schema.classification) == (
        "voc",
        "closed_at",
        "voc_classification",
    )


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    """A YAML file renames single columns and switches others off; the rest keeps its default."""
    file = tmp_path / "source.yaml"
    file.write_text("voc:\n  table: crm.민원\n  reply: ''\ntime_zone: UTC\n", encoding="utf-8")
    schema = read_schema(file)
    assert (schema.voc.table, schema.voc.reply, schema.voc.title, schema.time_zone) == ("crm.민원", "", "title", "UTC")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    """A file with comments alone gives the defaults."""
    file = tmp_path / "source.yaml"
    file.write_text("# nothing yet\n", encoding="utf-8")
    assert read_schema(file) == SourceSchema()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("voc: {id: ''}", "voc.id"),
        ("voc: {answer: reply}", "voc.answer"),
        ("building: 3", "building"),
        ("[1]", "the file"),
        ("a: [", "cannot be read as YAML"),
        ("voc: {reply: " + "x" * 64 + "}", "voc.reply"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, content: str, sentence: str) -> None:
    """What cannot be a configuration is named by its path in the file."""
    file = tmp_path / "source.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SchemaError, match=sentence.replace(".", r"\.")):
        read_schema(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file is an error of configuration."""
    with pytest.raises(SchemaError, match="SOURCE_CONFIG"):
        read_schema(tmp_path / "absent.yaml")
