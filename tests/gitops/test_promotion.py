"""From a commit to the pods of the next environment, by Argo CD on a real cluster, and back.

Real here: Argo CD's ApplicationSet controller, application controller and repo server (3.2.6) with the files of
``gitops/argocd``; Git; a registry from which nodes pull the working tree's images by digest; the operators, the runs,
a model that was trained and passed its gate. The tests are one story and run in order.

Not proved here: Argo CD's UI and API server, Git over SSH or HTTPS with credentials, an environment on a cluster of
its own, the worker's build with CUDA (the CPU's takes its place), NetworkPolicy (this cluster's network ignores it),
and Flux, whose manifests ``tests/chart/test_gitops.py`` reads and judges by Flux's own types.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.images import project_images
from tests.cluster.pods import until
from tests.gitops.argo import health
from tests.gitops.conftest import ENVIRONMENTS, pushed, write_addresses, write_clusters
from tests.gitops.model import trained_champion
from voc_models.plan import PlannedModel
from voc_models.run import API_VERSION, KIND
from voc_worker.promotion.pins import Pins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.gitops.conftest import Team

#: prod is on a cluster that this Argo CD does not know.
HERE = ("dev", "stage")
KEYWORD = PlannedModel()
REPOSITORIES = {"operator": "operator", "worker": "worker", "workerGpu": "worker-gpu", "trainer": "trainer"}
KEYS = {"database": ("DB_USER", "DB_PASSWORD"), "store": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def secrets(team: Team, environment: str) -> None:
    """Create the Secrets that the values name, as soon as Argo CD has made the namespace."""
    namespace, core = f"voc-{environment}", team.cluster.core
    until(f"Argo CD makes {namespace}", lambda: namespace in {one.metadata.name for one in core.list_namespace().items})
    settings = team.servers.environment("")
    for name, keys in KEYS.items():
        body = {"metadata": {"name": f"voc-nlp-{name}"}, "stringData": {key: settings[key] for key in keys}}
        core.create_namespaced_secret(namespace, body)


def smoke(team: Team, environment: str) -> dict[str, Any]:
    """Return the environment's only smoke run."""
    (found,) = [run for run in team.get(environment, "vmr") if run["metadata"]["name"].startswith("smoke-")]
    return found


def phase(team: Team, environment: str, run: str) -> str:
    """Return the phase of a run, "" before the operator saw it."""
    return team.kubectl(environment, "get", "vmr", run, "-o=jsonpath={.status.phase}")


def job_images(team: Team, environment: str, run: str) -> set[str]:
    """Return the images of a run's Jobs."""
    jobs = team.get(environment, "jobs", "-l", f"vocnlp.io/run={run}")
    return {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in jobs}


@pytest.fixture(scope="module")
def first(team: Team) -> Pins:
    """The images of the working tree, in the registry."""
    return pushed(team.registry, project_images())


def test_a_commit_installs_both_environments(team: Team, first: Pins) -> None:
    """Argo CD makes the namespaces and the releases of dev and stage from one commit, and each smoke run succeeds."""
    repository, argo = team.repository, team.argo
    write_addresses(repository, team.servers, team.registry)
    write_clusters(repository, argo)
    repository.pin("dev", first)
    for name in ENVIRONMENTS[1:]:
        repository.pin(name, replace(first, model=KEYWORD))
    commit = repository.commit("Install dev and stage")

    folder = repository.clone / "gitops" / "argocd"
    before = argo.settings()
    page = (repository.clone / "gitops" / "README.md").read_text(encoding="utf-8").splitlines()
    command = next(line for line in page if line.startswith("kubectl apply") and "argocd-cm.yaml" in line)
    argo.kubectl(*shlex.split(command, comments=True)[1:], folder=repository.clone)
    assert argo.settings() >= before, "Applying the health check removed settings of Argo CD's own."
    argo.kubectl("apply", "-f", folder / "project.yaml", "-f", folder / "applicationset.yaml")
    for name in HERE:
        secrets(team, name)
    for name in HERE:
        argo.synced(f"voc-nlp-{name}", commit, "Healthy")
        labels = team.cluster.core.read_namespace(f"voc-{name}").metadata.labels
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
        assert smoke(team, name)["status"]["phase"] == "Succeeded"
        assert smoke(team, name)["status"]["model"]["release"] == "keyword"
    assert job_images(team, "dev", smoke(team, "dev")["metadata"]["name"]) == {
        team.reference("worker", first.images["worker"])
    }


def test_a_promotion_is_a_commit_that_stage_runs(team: Team, first: Pins, tmp_path: Path) -> None:
    """What dev proved, `voc promote` writes and Argo CD syncs: stage's smoke run and its next run use both pins."""
    repository, argo = team.repository, team.argo
    old = smoke(team, "stage")["metadata"]["name"]
    model = trained_champion(team.models, tmp_path)
    build = team.registry.next_build
    built = {name: build(REPOSITORIES[name], digest, "next") for name, digest in first.images.items()}
    repository.pin("dev", Pins(built, None))
    argo.synced("voc-nlp-dev", repository.commit("Build the next images"), "Healthy")
    assert smoke(team, "dev")["status"]["model"] == {"release": model.release, "digest": model.digest}

    assert model.release in team.voc("promote", "--from", "dev", "--to", "stage")
    assert repository.git("diff", "--name-only").split() == ["charts/voc-nlp/environments/stage/values.yaml"]
    assert repository.pins("stage") == Pins(built, model)
    commit = repository.commit("Promote dev to stage")
    assert "FAIL" not in team.voc("promote", "--check")

    argo.synced("voc-nlp-stage", commit, "Healthy")
    operator = team.reference("operator", built["operator"])
    (pod,) = team.get("stage", "pods", "-l", "app.kubernetes.io/component=operator")
    assert pod["spec"]["containers"][0]["image"] == operator
    assert pod["status"]["containerStatuses"][0]["imageID"].endswith(built["operator"])
    assert smoke(team, "stage")["metadata"]["name"] != old
    assert_promoted(team, smoke(team, "stage"), built, model)

    spec = {"mode": "full", "month": "2025-12", "buildings": ["138"]}
    run = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "next"}, "spec": spec}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    team.kubectl("stage", "apply", "-f", str(tmp_path / "run.json"))
    until("the next run succeeds", lambda: phase(team, "stage", "next") == "Succeeded")
    assert_promoted(team, json.loads(team.kubectl("stage", "get", "vmr", "next", "-o", "json")), built, model)


def assert_promoted(team: Team, run: dict[str, Any], images: Mapping[str, str], model: PlannedModel) -> None:
    """Assert that a run succeeded by these images and this model, by its status and by its Jobs."""
    status = run["status"]
    assert status["phase"] == "Succeeded"
    assert status["model"] == {"release": model.release, "digest": model.digest}
    worker, gpu = (team.reference(REPOSITORIES[name], images[name]) for name in ("worker", "workerGpu"))
    assert (status["images"]["worker"], status["images"]["workerGpu"]) == (worker, gpu)
    assert job_images(team, "stage", run["metadata"]["name"]) == {worker, gpu}


def other_image(team: Team, pins: Pins) -> str:
    """Return the digest of an image that is not the worker, in the worker's repository."""
    return team.registry.copy(pins.images["operator"], "operator", "worker")


def no_image(_team: Team, _pins: Pins) -> str:
    """Return a digest that the registry does not have."""
    return f"sha256:{'4' * 64}"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param(other_image, "Failed: Prepare failed. Exit code 1", id="another image"),
        pytest.param(no_image, "1 pod does not start", id="no image"),
    ],
)
def test_a_bad_commit_is_shown_degraded_and_a_revert_heals(
    team: Team, wrong: Callable[[Team, Pins], str], sentence: str
) -> None:
    """A worker's digest that is another program's, or nobody's: Argo CD says why, CI refuses it, `git revert` heals."""
    repository, argo = team.repository, team.argo
    good, pins = smoke(team, "stage")["metadata"]["name"], repository.pins("stage")
    repository.pin("stage", replace(pins, images={**pins.images, "worker": wrong(team, pins)}))
    bad = repository.commit("Pin a worker by hand")
    assert "The image digests of stage were never those of dev" in team.voc("promote", "--check", code=65)
    judged = health(argo.synced("voc-nlp-stage", bad, "Degraded"), "VocMonthlyRun")
    assert judged["status"] == "Degraded"
    assert judged["name"] != good
    assert sentence in judged["message"], judged

    argo.synced("voc-nlp-stage", repository.revert(), "Healthy")
    assert smoke(team, "stage")["metadata"]["name"] == good
    assert smoke(team, "stage")["status"]["phase"] == "Succeeded"


def test_an_operator_that_never_becomes_ready_is_shown_degraded_and_a_revert_heals(team: Team) -> None:
    """The Deployment says it after its deadline, no new run is judged by nobody, and `git revert` needs no help."""
    repository, argo = team.repository, team.argo
    good, pins = smoke(team, "stage")["metadata"]["name"], repository.pins("stage")
    repository.pin("stage", replace(pins, images={**pins.images, "operator": no_image(team, pins)}))
    with repository.values("stage").open("a", encoding="utf-8") as file:
        # The chart's five minutes would be this test's.
        file.write("\noperator:\n  progressDeadlineSeconds: 60\n")
    bad = repository.commit("Pin an operator by hand")
    judged = health(argo.stuck("voc-nlp-stage", bad, "Degraded"), "Deployment")
    assert judged["status"] == "Degraded"
    assert "progress deadline" in judged["message"], judged
    assert smoke(team, "stage")["metadata"]["name"] == good

    argo.synced("voc-nlp-stage", repository.revert(), "Healthy")
    assert smoke(team, "stage")["metadata"]["name"] == good
