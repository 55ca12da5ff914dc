"""Rendered objects are what Kubernetes and the Prometheus Operator publish as their schemas."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.chart.render import ENVIRONMENTS, EVERYTHING, KUBERNETES, REQUIRED, environment, rendered
from tests.chart.schemas import LOCATION, folder
from tests.tools_go import KUBECONFORM, GoTool, program


def verdict(manifests: str, schema: Path | None = None) -> dict[str, str]:
    """Return what kubeconform holds of each object, by ``Kind/name``: "" when it is valid, else why not.

    Args:
        manifests: YAML documents.
        schema: the one that they all have, when it is none of those of :func:`folder`.
    """
    location = f"-schema-location={schema or f'{folder()}/{LOCATION}'}"
    words = [location, "-strict", "-verbose", "-output=json", f"-kubernetes-version={KUBERNETES}", "-"]
    answer = subprocess.run(
        [program(KUBECONFORM), *words], input=manifests, capture_output=True, text=True, check=False
    )
    assert answer.stdout, answer.stderr
    found = json.loads(answer.stdout)["resources"]
    return {f"{one['kind']}/{one['name']}": "" if one["status"] == "statusValid" else one["msg"] for one in found}


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("more", [(), EVERYTHING], ids=["plain", "everything"])
def test_every_object_fits_its_published_schema(helm4: GoTool, name: str, more: tuple[str, ...]) -> None:
    """No object has an unknown field, a wrong type or a missing one."""
    found = verdict(rendered(helm4, *environment(name), *more))
    assert len(found) >= 19
    assert {one: why for one, why in found.items() if why} == {}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("concurrencyPolicy: Forbid", "concurrencyPolicies: Forbid", "CronJob"),
        ("replicas: 1", "replicas: one", "Deployment"),
        ("podMetricsEndpoints:", "podMetricEndpoints:", "PodMonitor"),
        ("parallelism: 1", "parallel: 1", "VocMonthlyRun"),
    ],
)
def test_a_mistake_is_seen(helm4: GoTool, before: str, after: str, kind: str) -> None:
    """A misspelt field and a wrong type are found, in built-in kinds and in custom ones."""
    text = rendered(helm4, *REQUIRED, *EVERYTHING)
    assert before in text
    wrong = {one.partition("/")[0] for one, why in verdict(text.replace(before, after)).items() if why}
    assert wrong == {kind}
