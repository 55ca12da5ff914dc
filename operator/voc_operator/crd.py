"""The CustomResourceDefinition, made from the pydantic models; the chart carries its text and a test compares them.

Run ``python -m voc_operator.crd`` to print it. Structural schemas know no ``$ref``, ``title`` or ``anyOf`` with null:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import sys
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from voc_models.run import GROUP, KIND, VERSION, RunSpec
from voc_operator.status import RunStatus

PLURAL = "vocmonthlyruns"
#: Fields of spec that may be changed after creation; the rules below say which way.
MUTABLE = ("suspend", "cancel", "parallelism", "ttl_seconds_after_finished", "retry_failed")
_KEPT = (
    "type",
    "description",
    "default",
    "enum",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)
_INT64_MAX = 2**31 - 1


def definition() -> dict[str, Any]:
    """Return the CustomResourceDefinition as Kubernetes takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["vmr"],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": printer_columns(),
                    "selectableFields": [{"jsonPath": ".spec.mode"}, {"jsonPath": ".spec.month"}],
                    "schema": {"openAPIV3Schema": schema()},
                }
            ],
        },
    }


def printer_columns() -> list[dict[str, Any]]:
    """Return what ``kubectl get vmr`` shows; the last two only with ``-o wide``."""
    columns = [
        ("Mode", "string", ".spec.mode", 0),
        ("Month", "string", ".status.month", 0),
        ("Phase", "string", ".status.phase", 0),
        ("Done", "string", ".status.progress", 0),
        ("Failed", "integer", ".status.failed", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Model", "string", ".status.model.release", 1),
        ("ETA", "date", ".status.eta", 1),
    ]
    # The API server stores no priority 0; a definition that states it never equals what is stored.
    return [
        {"name": name, "type": kind, "jsonPath": path, **({"priority": rank} if rank else {})}
        for name, kind, path, rank in columns
    ]


def schema() -> dict[str, Any]:
    """Return the schema of one object."""
    spec = structural(RunSpec)
    spec["x-kubernetes-validations"] = rules()
    _tell_defaults(spec)
    spec["properties"]["buildings"]["x-kubernetes-list-type"] = "set"
    spec["properties"]["timeZone"]["pattern"] = r"^[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*$"
    status = structural(RunStatus)
    # With field ownership per key, 10,000 buildings do not fit into one object.
    status["properties"]["buildings"]["x-kubernetes-map-type"] = "atomic"
    status["properties"]["conditions"] |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    status.pop("required", None)
    return {
        "type": "object",
        "description": "One month of VOC: tagged, reported, reviewed or learned from.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }


def rules() -> list[dict[str, str]]:
    """Return the CEL rules of ``spec``; immutability compares presence too: no field is removed and set anew."""
    fixed = [to_camel(name) for name in RunSpec.model_fields if name not in MUTABLE]
    unchanged = [
        {
            "rule": f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})",
            "message": f"spec.{name} cannot be changed after creation; create another run instead.",
        }
        for name in fixed
    ]
    return [
        {
            "rule": "self.mode == 'train' || !has(self.train)",
            "message": "spec.train belongs to mode train alone; remove it or set spec.mode to train.",
        },
        {
            "rule": "self.mode != 'train' || !has(self.buildings)",
            "message": "mode train learns from every building; remove spec.buildings.",
        },
        {
            "rule": "self.retryFailed >= oldSelf.retryFailed",
            "message": "spec.retryFailed only goes up; raise it by one to run the failed buildings again.",
        },
        {
            "rule": "self.cancel || !oldSelf.cancel",
            "message": "a cancelled run cannot be taken up again; create another run instead.",
        },
        *unchanged,
    ]


def _tell_defaults(node: dict[str, Any]) -> None:
    """Name each field's default in its sentence: ``kubectl explain`` shows none."""
    for child in node.get("properties", {}).values():
        _tell_defaults(child)
        if "default" in child:
            value = child["default"]
            child["description"] += f" Default: {str(value).lower() if isinstance(value, bool) else value}."


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """Return the structural schema of a pydantic model, by its aliases."""
    document = model.model_json_schema(by_alias=True)
    return _inline(document, document.get("$defs", {}))


def _inline(node: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        target = known[node["$ref"].rsplit("/", 1)[-1]]
        own = {key: value for key, value in node.items() if key in {"description", "default"}}
        return _inline(target, known) | own
    if "anyOf" in node:
        real = [option for option in node["anyOf"] if option.get("type") != "null"]
        own = {key: value for key, value in node.items() if key == "description"}
        return _inline(real[0], known) | own
    result = {key: node[key] for key in _KEPT if key in node and node[key] is not None}
    if "const" in node:
        result["enum"] = [node["const"]]
    if result.get("type") == "integer":
        result["format"] = "int64" if result.get("maximum", _INT64_MAX + 1) > _INT64_MAX else "int32"
    if "properties" in node:
        result["properties"] = {name: _inline(child, known) for name, child in node["properties"].items()}
        if node.get("required"):
            result["required"] = sorted(node["required"])
    if "items" in node:
        result["items"] = _inline(node["items"], known)
    if isinstance(node.get("additionalProperties"), dict):
        result["additionalProperties"] = _inline(node["additionalProperties"], known)
    result.pop("default", None) if result.get("default") in ({}, []) else None
    return result


def text() -> str:
    """Return the definition as YAML, the same text for the same models."""
    return yaml.safe_dump(definition(), sort_keys=False, allow_unicode=True, width=10_000)


if __name__ == "__main__":
    sys.stdout.write(text())
