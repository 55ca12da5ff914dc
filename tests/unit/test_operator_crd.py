"""The CustomResourceDefinition that the models make."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic.fields import FieldInfo

from voc_models.run import RunSpec
from voc_operator.crd import MUTABLE, definition, rules, schema, text
from voc_operator.status import RunStatus


def walk(node: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return every node of a schema with its path."""
    found = [(path, node)]
    for name, child in node.get("properties", {}).items():
        found += walk(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            found += walk(node[inner], f"{path}[]")
    return found


def test_the_schema_is_structural() -> None:
    """Every node has a type, and none has what Kubernetes refuses in a structural schema."""
    for path, node in walk(schema()):
        assert node.get("type"), path
        assert not {"$ref", "anyOf", "title", "additionalItems"} & set(node), path


def test_every_field_is_explained() -> None:
    """`kubectl explain` has a sentence for each field of spec and status."""
    objects = {"": schema(), ".spec": schema()["properties"]["spec"], ".status": schema()["properties"]["status"]}
    for prefix in (".spec", ".status"):
        silent = [
            path for path, node in walk(objects[prefix], prefix) if not node.get("description") and "[]" not in path
        ]
        assert silent == []


def test_defaults_are_the_models_own() -> None:
    """What the API server fills in is what `voc run -f` assumes."""
    spec = schema()["properties"]["spec"]
    filled = {name: node["default"] for name, node in spec["properties"].items() if "default" in node}
    assert RunSpec.model_validate({"mode": "full", **filled}) == RunSpec.model_validate({"mode": "full"})
    assert spec["required"] == ["mode"]


def test_each_default_is_told() -> None:
    """`kubectl explain` shows no defaults, so that the sentences name them."""
    found = [node for _, node in walk(schema()["properties"]["spec"]) if "default" in node]
    assert len(found) > 8
    for node in found:
        value = node["default"]
        assert node["description"].endswith(f" Default: {str(value).lower() if isinstance(value, bool) else value}.")


@pytest.mark.parametrize(("name", "field"), RunSpec.model_fields.items())
def test_each_field_is_immutable_unless_listed(name: str, field: FieldInfo) -> None:
    """A field of spec has a rule that keeps both its value and its presence, unless it is listed as mutable."""
    kept = f"has(self.{field.alias}) == has(oldSelf.{field.alias})"
    assert any(kept in rule["rule"] for rule in rules()) == (name not in MUTABLE)


def test_the_buildings_map_is_atomic() -> None:
    """The status map has no field ownership per key, which 10,000 buildings would not survive."""
    status = schema()["properties"]["status"]["properties"]
    assert status["buildings"]["x-kubernetes-map-type"] == "atomic"
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_a_status_reads_back_and_forgives_what_is_newer() -> None:
    """An operator older than the CRD reads the status that a newer one wrote."""
    status = RunStatus.model_validate(
        {"phase": "Running", "buildings": {"95": {"phase": "Failed", "new": 1}}, "newer": 2}
    )
    assert status.buildings["95"].attempts == 0


def test_the_text_is_the_definition() -> None:
    """The printed YAML reads back as the definition."""
    assert yaml.safe_load(text()) == definition()


def test_nothing_in_it_is_dropped_by_the_api_server() -> None:
    """A column's priority 0 is left out, as the API server leaves it out: Argo CD would call the rest OutOfSync."""
    columns = definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    assert {one["name"]: one["priority"] for one in columns if "priority" in one} == {"Model": 1, "ETA": 1}
