"""JSON schemas for kubeconform, made of what Kubernetes and the projects around it publish in their Go modules.

kubeconform's own collection is a web site, which tests do not ask. These are strict: an unknown field is an error, as
it is for ``kubectl apply --validate=strict``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from tests.tools_go import cache, module
from voc_operator import crd

KUBERNETES = ("k8s.io/kubernetes", "v1.36.3")
PROMETHEUS_OPERATOR = ("github.com/prometheus-operator/prometheus-operator", "v0.85.0")
ARGO_CD = ("github.com/argoproj/argo-cd/v3", "v3.2.6")
#: Modules and the files in them that are CustomResourceDefinitions.
_CUSTOM = {
    PROMETHEUS_OPERATOR: [
        f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml"
        for kind in ("podmonitors", "prometheusrules")
    ],
    ARGO_CD: [f"manifests/crds/{kind}-crd.yaml" for kind in ("applicationset", "appproject")],
}
#: Where kubeconform finds a kind's schema in the folder; it takes the version for the group of what has none.
LOCATION = "{{ .ResourceKind }}_{{ .Group }}_{{ .ResourceAPIVersion }}.json"
_REFERENCE = "#/components/schemas/"

Schema = dict[str, Any]


def folder() -> Path:
    """Return the folder of schemas, made once for these versions and this definition."""
    key = hashlib.sha256(f"{KUBERNETES}{_CUSTOM}{crd.text()}{Path(__file__).read_text()}".encode())
    target = cache() / "schemas" / key.hexdigest()[:16]
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if not (target / ".done").exists():
            _write(target)
    return target


def _write(target: Path) -> None:
    target.mkdir(exist_ok=True)
    made = [item for file in _kubernetes_files() for item in built_in(json.loads(file.read_text(encoding="utf-8")))]
    for definition in _custom_definitions():
        made += custom(definition)
    for (group, version, kind), schema in made:
        (target / f"{kind.lower()}_{group}_{version}.json").write_text(json.dumps(schema), encoding="utf-8")
    (target / ".done").touch()


def prometheus_definitions() -> list[Path]:
    """Return the files that define the kinds of the Prometheus Operator which the chart makes."""
    return [module(*PROMETHEUS_OPERATOR) / name for name in _CUSTOM[PROMETHEUS_OPERATOR]]


def _kubernetes_files() -> list[Path]:
    return sorted((module(*KUBERNETES) / "api" / "openapi-spec" / "v3").glob("*_openapi.json"))


def _custom_definitions() -> list[Schema]:
    files = [module(*published) / name for published, names in _CUSTOM.items() for name in names]
    return [crd.definition(), *(yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) for file in files)]


def built_in(document: Schema) -> list[tuple[tuple[str, str, str], Schema]]:
    """Return the strict schema of each kind in one of Kubernetes's OpenAPI documents."""
    known = document.get("components", {}).get("schemas", {})
    definitions = {name: strict(schema) for name, schema in known.items()}
    return [
        (
            (kind["group"] or kind["version"], kind["version"], kind["kind"]),
            {"$ref": f"#/definitions/{name}", "definitions": definitions},
        )
        for name, schema in known.items()
        for kind in schema.get("x-kubernetes-group-version-kind", [])
    ]


def custom(definition: Schema) -> list[tuple[tuple[str, str, str], Schema]]:
    """Return the strict schema of each version of a CustomResourceDefinition."""
    spec = definition["spec"]
    found = []
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        found.append(((spec["group"], version["name"], spec["names"]["kind"]), schema))
    return found


def strict(schema: Any) -> Any:  # noqa: ANN401 - any node of a JSON document
    """Return an OpenAPI schema as JSON schema in which an object's unknown fields are errors."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    node = {name: strict(value) for name, value in schema.items() if name != "properties"}
    if "properties" in schema:
        node["properties"] = {name: strict(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            node.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        node["type"] = ["integer", "string"]
        node.pop("anyOf", None)
    if isinstance(node.get("$ref"), str):
        node["$ref"] = node["$ref"].replace(_REFERENCE, "#/definitions/")
    return node
