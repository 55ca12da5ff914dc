"""What the chart's files promise to the code, to people and to each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.chart.render import CHART, ENVIRONMENTS, REQUIRED, ROOT, environment_file, helm, named, objects
from tests.tools_go import HELM_DOCS, GoTool, program
from voc_operator import crd


def test_the_chart_carries_the_definition_that_the_code_makes() -> None:
    """files/crd.yaml is what the models make; `make crd` writes it again."""
    assert (CHART / "files" / "crd.yaml").read_text(encoding="utf-8") == crd.text()


def test_the_definition_is_installed_whole_and_kept(helm4: GoTool) -> None:
    """The rendered CRD is the code's with a keep policy, so that an uninstall removes no run; it can be left out."""
    found = named(objects(helm4, *REQUIRED), "CustomResourceDefinition", "vocmonthlyruns.vocnlp.io")
    assert found["metadata"].pop("annotations") == {
        "helm.sh/resource-policy": "keep",
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    }
    found["metadata"].pop("labels")
    assert found == crd.definition()
    assert not [one for one in objects(helm4, *REQUIRED, "--set=crds.create=false") if "Definition" in one["kind"]]


def test_the_readme_is_generated(tmp_path: Path) -> None:
    """README.md is what helm-docs makes of values.yaml and README.md.gotmpl; `make chart-docs` writes it again."""
    copy = tmp_path / "voc-nlp"
    shutil.copytree(CHART, copy)
    (copy / "README.md").unlink()
    subprocess.run([program(HELM_DOCS), "--sort-values-order=file", f"--chart-search-root={tmp_path}"], check=True)
    assert (copy / "README.md").read_text(encoding="utf-8") == (CHART / "README.md").read_text(encoding="utf-8")


def test_every_value_is_explained() -> None:
    """Each row of the README's table of values has a description."""
    rows = re.findall(
        r"^\| (\S+) \| \w+ \| (.*) \| (.*) \|$", (CHART / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) > 100
    assert [name for name, _, description in rows if not description.strip()] == []


def test_the_chart_has_the_version_of_the_code() -> None:
    """appVersion, under which images without tag and digest are pulled, is the distribution's version."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chart["appVersion"] == project["version"]
    assert chart["description"]


@pytest.mark.parametrize("words", [(), *((f"--values={environment_file(name)}",) for name in ENVIRONMENTS)])
def test_lint_is_content(tool: GoTool, words: tuple[str, ...]) -> None:
    """`helm lint --strict` finds no fault in the chart, with its own values and with each environment's."""
    answer = helm(tool, "lint", "--strict", str(CHART), *words)
    assert answer.returncode == 0, answer.stdout


def test_the_package_holds_the_chart_and_nothing_else(tool: GoTool, tmp_path: Path) -> None:
    """A packaged chart has no environments, no template of its README and no tests of the project."""
    assert helm(tool, "package", str(CHART), f"--destination={tmp_path}").returncode == 0
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as archive:
        names = {name.removeprefix("voc-nlp/") for name in archive.getnames()}
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"Chart.yaml", "README.md", "files", "templates", "values.schema.json", "values.yaml", ".helmignore"}


def test_one_template_makes_one_object(helm4: GoTool) -> None:
    """Every template that is not named for a list makes at most one object."""
    text = helm(helm4, "template", "voc-nlp", str(CHART), "--kube-version=1.36.0", *REQUIRED).stdout
    made = re.findall(r"^# Source: voc-nlp/templates/(\S+)$", text, re.MULTILINE)
    assert sorted(made) == sorted(set(made))
    assert len(made) > 15


def test_the_notes_say_the_next_three_commands(helm4: GoTool) -> None:
    """After an install a person reads how to test, how to start a first run and how to watch it."""
    answer = helm(helm4, "install", "voc-nlp", str(CHART), "--dry-run=client", "--namespace=voc", *REQUIRED)
    notes = answer.stdout.partition("NOTES:")[2]
    for command in ("helm test voc-nlp --namespace voc", "kubectl apply --namespace voc", "kubectl get vocmonthlyruns"):
        assert command in notes
    assert "registry.example.com" in notes


def test_further_objects_are_templates(helm4: GoTool) -> None:
    """A further object may be given as an object or as text, and both may use the release's name."""
    given = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-a"}},
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Namespace }}-b",
    ]
    words = (f"--set-json=extraObjects={json.dumps(given)}", "--namespace=voc")
    found = {one["metadata"]["name"] for one in objects(helm4, *REQUIRED, *words) if one["kind"] == "ConfigMap"}
    assert {"voc-nlp-a", "voc-b"} < found
