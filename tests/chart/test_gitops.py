"""What Git holds for Argo CD and Flux: valid by their own types, and judging a run as an operator reports it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from tests.chart.render import CHART, ENVIRONMENTS, ROOT, Object, objects
from tests.chart.test_kubeconform import verdict
from tests.tools_go import HELM3, GoTool, local_program
from voc_models.run import VocMonthlyRun
from voc_operator.status import FINISHED, Phase

GITOPS = ROOT / "gitops"
HEALTH = "resource.customizations.health.vocnlp.io_VocMonthlyRun"
GOOD = {Phase.SUCCEEDED}
BAD = FINISHED - GOOD


def documents(file: str) -> list[Object]:
    """Return the documents of a file below gitops."""
    return [found for found in yaml.safe_load_all((GITOPS / file).read_text(encoding="utf-8")) if found]


def one(file: str) -> Object:
    """Return the only document of a file."""
    (only,) = documents(file)
    return only


def applications() -> list[Object]:
    """Return the Applications of the set, made as its list generator makes them."""
    spec = one("argocd/applicationset.yaml")["spec"]
    (generator,) = spec["generators"]
    return [filled(spec["template"], values) for values in generator["list"]["elements"]]


def filled(template: Object, values: dict[str, str]) -> Object:
    """Return a template of the set with an element's values."""
    text = yaml.safe_dump(template)
    for name, value in values.items():
        text = text.replace(f"{{{{ .{name} }}}}", value)
    assert "{{" not in text
    made = yaml.safe_load(text)
    assert isinstance(made, dict)
    return made


def run(phase: Phase | None, **status: Any) -> Object:  # noqa: ANN401 - any part of a status
    """Return a run of generation 2 in a phase, as the API server gives it."""
    made: Object = {
        "apiVersion": "vocnlp.io/v1alpha1",
        "kind": "VocMonthlyRun",
        "metadata": {"name": "smoke-1a2b3c4d", "generation": 2},
        "spec": {"mode": "tagging-only"},
    }
    return made if phase is None else made | {"status": {"phase": phase.value, "observedGeneration": 2, **status}}


def argo(found: Object) -> tuple[str, str]:
    """Return the health that Argo CD's script gives, in the Lua that Argo CD has: no os, no io."""
    lua = LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    lua.execute("os = nil; io = nil; require = nil")
    judge = lua.eval(f"function(obj) {one('argocd/argocd-cm.yaml')['data'][HEALTH]} end")
    health = judge(lua.table_from(found, recursive=True))
    return health["status"], health["message"]


def flux(judged: list[Object]) -> list[str]:
    """Return what Flux holds of each object, after reading every manifest of Flux strictly."""
    files = [
        *GITOPS.glob("flux/*.yaml"),
        *GITOPS.glob("flux/clusters/*/*.yaml"),
        GITOPS / "flux/release/helmrelease.yaml",
    ]
    manifests = [part for file in files for part in file.read_text(encoding="utf-8").split("\n---\n")]
    asked = json.dumps({"manifests": manifests, "judged": judged})
    answer = subprocess.run([local_program("flux")], input=asked, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert isinstance(told, list)
    return told


@pytest.mark.parametrize("file", ["project.yaml", "applicationset.yaml", "argocd-cm.yaml"])
def test_argo_cd_knows_every_field(file: str) -> None:
    """The files for Argo CD fit the schemas that it publishes."""
    found = verdict((GITOPS / "argocd" / file).read_text(encoding="utf-8"))
    assert list(found.values()) == [""]


def test_each_application_renders_its_environment() -> None:
    """Every environment has an Application whose values files exist and give its smoke run; the project allows it."""
    found = {app["metadata"]["labels"]["vocnlp.io/environment"]: app["spec"] for app in applications()}
    project = one("argocd/project.yaml")["spec"]
    assert tuple(found) == ENVIRONMENTS
    for name, spec in found.items():
        helm = spec["source"]["helm"]
        files = [(CHART / file).resolve() for file in helm["valueFiles"]]
        words = [f"--values={file}" for file in files] + [
            f"--set={one['name']}={one['value']}" for one in helm["parameters"]
        ]
        assert spec["source"]["repoURL"] in project["sourceRepos"]
        assert spec["destination"]["namespace"] in {place["namespace"] for place in project["destinations"]}
        assert (ROOT / spec["source"]["path"]) == CHART
        assert spec["destination"]["namespace"] == f"voc-{name}"
        assert all(file.is_file() for file in files)
        assert_smoke(tuple(words), name)


def assert_smoke(words: tuple[str, ...], name: str) -> None:
    """Assert that the words render, with Argo CD's Helm 3, one valid smoke run that comes after the operator."""
    found = objects(HELM3, *words)
    (smoke,) = [found_one for found_one in found if found_one["kind"] == "VocMonthlyRun"]
    assert VocMonthlyRun.model_validate(smoke).spec.buildings
    assert smoke["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] == "1"
    assert smoke["metadata"]["labels"]["vocnlp.io/environment"] == name
    allowed = {(kind["group"], kind["kind"]) for kind in one("argocd/project.yaml")["spec"]["clusterResourceWhitelist"]}
    cluster = {
        (found_one["apiVersion"].rpartition("/")[0], found_one["kind"])
        for found_one in found
        if "namespace" not in found_one["metadata"]
    }
    assert cluster
    assert cluster <= allowed


@pytest.mark.parametrize("phase", list(Phase))
def test_argo_cd_judges_a_run_by_its_phase(phase: Phase) -> None:
    """Succeeded is Healthy; every other end is Degraded; a suspended run is Suspended; the rest is Progressing."""
    expected = "Healthy" if phase in GOOD else "Degraded" if phase in BAD else "Progressing"
    status, message = argo(run(phase, progress="1/2"))
    assert status == ("Suspended" if phase is Phase.SUSPENDED else expected)
    assert message == f"{phase.value}, 1/2 buildings"


def test_argo_cd_waits_for_an_operator_that_has_not_looked() -> None:
    """Without a status, or with one of an older generation, a run is neither good nor bad yet."""
    assert argo(run(None))[0] == "Progressing"
    assert argo(run(Phase.SUCCEEDED, observedGeneration=1))[0] == "Progressing"


def test_argo_cd_shows_the_newest_condition() -> None:
    """The message ends with the condition that changed last, so that a person reads why."""
    conditions = [
        {
            "type": "Failed",
            "status": "True",
            "message": "1 of 2 buildings failed.",
            "lastTransitionTime": "2026-01-01T03:00:00Z",
        },
        {
            "type": "Prepared",
            "status": "True",
            "message": "The plan is made.",
            "lastTransitionTime": "2026-01-01T02:00:00Z",
        },
        {"type": "Quiet", "status": "False", "message": "", "lastTransitionTime": "2026-01-01T04:00:00Z"},
    ]
    assert argo(run(Phase.FAILED, conditions=conditions)) == ("Degraded", "Failed: 1 of 2 buildings failed.")


def test_argo_cd_shows_pods_that_no_patience_mends() -> None:
    """A run whose image cannot be pulled is Degraded although it has not ended; one that waits for a card is not."""
    blocked = {"type": "PodsBlocked", "status": "True", "message": "1 pod does not start. building: no such image"}
    seen = {
        reason: argo(run(Phase.RUNNING, conditions=[blocked | {"reason": reason}]))
        for reason in ("ImagePullBackOff", "CreateContainerConfigError", "Unschedulable", "SchedulingGated")
    }
    assert [status for status, _ in seen.values()] == ["Degraded", "Degraded", "Progressing", "Progressing"]
    assert all(blocked["message"] in message for _, message in seen.values())
    over = blocked | {"reason": "ImagePullBackOff", "status": "False"}
    assert argo(run(Phase.RUNNING, conditions=[over]))[0] == "Progressing"
    assert argo(run(Phase.SUCCEEDED, conditions=[over]))[0] == "Healthy"


def test_flux_knows_every_field_and_judges_alike() -> None:
    """Flux's own types read its manifests, and its own evaluator holds of a run what Argo CD's script does."""
    runs = [run(phase) for phase in Phase]
    judged = dict(zip(Phase, flux(runs), strict=True))
    assert {phase for phase, word in judged.items() if word == "Current"} == GOOD
    assert {phase for phase, word in judged.items() if word == "Failed"} == BAD
    assert {word for phase, word in judged.items() if phase not in FINISHED} == {"InProgress"}
    assert flux([run(None), run(Phase.SUCCEEDED, observedGeneration=1)]) == ["Error", "InProgress"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_flux_renders_each_environment(helm4: GoTool, name: str) -> None:
    """With the environment filled in, Flux's values files exist and give a smoke run and no second definition."""
    cluster = documents(f"flux/clusters/{name}/voc-nlp.yaml")
    (definition, release) = cluster
    assert release["spec"]["postBuild"]["substitute"] == {"environment": name}
    assert (definition["spec"]["path"], definition["spec"]["prune"]) == ("./charts/voc-nlp/files", False)
    assert release["spec"]["dependsOn"] == [{"name": definition["metadata"]["name"]}]
    text = (GITOPS / "flux/release/helmrelease.yaml").read_text(encoding="utf-8").replace("${environment}", name)
    spec = yaml.safe_load(text)["spec"]
    files = [ROOT / file for file in spec["chart"]["spec"]["valuesFiles"]]
    assert spec["values"] == {"crds": {"create": False}}
    found = objects(helm4, *(f"--values={file}" for file in files), "--set=crds.create=false")
    kinds = [made["kind"] for made in found]
    assert (kinds.count("VocMonthlyRun"), kinds.count("CustomResourceDefinition")) == (1, 0)
