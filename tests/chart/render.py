"""The chart as Helm renders it: objects as dictionaries, refusals as text."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.tools_go import HELM3, HELM4, GoTool, program

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "voc-nlp"
ENVIRONMENTS = ("dev", "stage", "prod")
HELMS = {"helm4": HELM4, "helm3": HELM3}
KUBERNETES = "1.36.3"
#: What an installation must say at least.
REQUIRED = (
    "--set=store.address=s3://bucket/stat/voc",
    "--set=database.host=db.example.com",
    "--set=database.existingSecret=voc-database",
)
#: Every optional object at once.
EVERYTHING = (
    "--set=monitoring.podMonitor.enabled=true",
    "--set=monitoring.prometheusRule.enabled=true",
    "--set=smoke.enabled=true",
    "--set=smoke.month=2025-12",
    '--set-json=smoke.buildings=["95"]',
    '--set-json=priorityClasses={"voc-nlp-train": {"value": 1000}}',
    "--set=review.backend=sheets",
    "--set=review.sheetsId=1AbC",
    "--set=review.google.existingSecret=voc-google",
    '--set-json=review.sheetsMap={"95": "1AbC"}',
    '--set-json=database.source={"voc": {"table": "cs.voc_master"}}',
    "--set=kueue.queueName=cards",
    "--set=steps.building.gpus=1",
    "--set=gpu.runtimeClassName=nvidia",
)

Object = dict[str, Any]


def environment_file(name: str) -> Path:
    """Return the values of an environment."""
    return CHART / "environments" / name / "values.yaml"


def environment(name: str) -> tuple[str, ...]:
    """Return the words that choose an environment's values."""
    return (f"--values={environment_file(name)}", f"--namespace=voc-{name}")


def helm(tool: GoTool, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Helm and return its answer, whatever it is."""
    return subprocess.run([program(tool), *words], capture_output=True, text=True, check=False)


def template(tool: GoTool, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``helm template`` of the chart for the tests' Kubernetes."""
    return helm(tool, "template", "voc-nlp", str(CHART), f"--kube-version={KUBERNETES}", *words)


@functools.cache
def rendered(tool: GoTool, *words: str) -> str:
    """Return what Helm renders; a refusal fails the test."""
    answer = template(tool, *words)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def objects(tool: GoTool, *words: str) -> list[Object]:
    """Return the rendered objects, each call its own copy."""
    return [found for found in yaml.load_all(rendered(tool, *words), yaml.CSafeLoader) if found]


def refusal(tool: GoTool, *words: str) -> str:
    """Return why Helm refuses; rendering after all fails the test."""
    answer = template(tool, *words)
    assert answer.returncode != 0, "rendered"
    return answer.stderr


def named(found: list[Object], kind: str, name: str) -> Object:
    """Return the one object of ``kind`` called ``name``."""
    (only,) = [one for one in found if one["kind"] == kind and one["metadata"]["name"] == name]
    return only


def pod_specs(found: list[Object]) -> dict[str, Object]:
    """Return every pod spec of the objects by ``Kind/name``."""
    specs = {}
    for one in found:
        name = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Pod":
            specs[name] = one["spec"]
        elif one["kind"] in {"Deployment", "Job"}:
            specs[name] = one["spec"]["template"]["spec"]
        elif one["kind"] == "CronJob":
            specs[name] = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return specs
