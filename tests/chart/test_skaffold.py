"""``skaffold.yaml`` by Skaffold's own schema, and what ``skaffold`` would hand to Helm, profile by profile."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.chart.render import ENVIRONMENTS, ROOT, Object, objects, pod_specs
from tests.chart.test_kubeconform import verdict
from tests.tools_go import GoTool, module

#: Its release whose newest schema is the one of the file; the module holds Skaffold's own JSON schemas.
SKAFFOLD = ("github.com/GoogleContainerTools/skaffold/v2", "v2.16.1")
FILE = ROOT / "skaffold.yaml"


def skaffold() -> Object:
    """Return the file."""
    read = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def judged(text: str) -> str:
    """Return why Skaffold's schema refuses a file, "" when it does not."""
    version = skaffold()["apiVersion"].partition("/")[2]
    schema = module(*SKAFFOLD) / "docs-v2" / "content" / "en" / "schemas" / f"{version}.json"
    return verdict(text, schema)["Config/voc-nlp"]


def patched(profile: str) -> Object:
    """Return the configuration with a profile's patches applied, as JSON Patch says."""
    found = skaffold()
    (chosen,) = [one for one in found["profiles"] if one["name"] == profile]
    for patch in chosen.get("patches", []):
        *parents, last = patch["path"].strip("/").split("/")
        node: Any = found
        for name in parents:
            node = node[int(name)] if isinstance(node, list) else node[name]
        key: Any = int(last) if isinstance(node, list) else last
        assert key in (range(len(node)) if isinstance(node, list) else node), patch["path"]
        if patch["op"] == "remove":
            del node[key]
        else:
            assert patch["op"] == "replace"
            node[key] = patch["value"]
    return found


def words(config: Object) -> tuple[str, ...]:
    """Return what Skaffold passes to Helm, with an image built of each artifact."""
    (release,) = config["deploy"]["helm"]["releases"]
    assert ROOT / release["chartPath"] == ROOT / "charts" / "voc-nlp"
    built: dict[str, str] = {}
    for artifact in config["build"].get("artifacts", []):
        name = re.sub(r"\W", "_", artifact["image"])
        built |= {f"IMAGE_REPO_{name}": f"localhost:5000/{artifact['image']}", f"IMAGE_TAG_{name}": "abc"}
    templates = {
        path: re.sub(r"{{\.(\w+)}}", lambda match: built[match[1]], text)
        for path, text in release.get("setValueTemplates", {}).items()
    }
    given = release.get("setValues", {}) | templates
    files = [f"--values={ROOT / file}" for file in release["valuesFiles"]]
    return (*files, f"--namespace={release['namespace']}", *(f"--set={path}={value}" for path, value in given.items()))


def test_it_is_valid_by_skaffolds_own_schema() -> None:
    """Every key and every type is one that Skaffold publishes for the file's version."""
    assert judged(FILE.read_text(encoding="utf-8")) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [("setValueTemplates:", "artifactOverrides:"), ("chartPath:", "chart:"), ("useBuildkit: true", "useBuildkit: yep")],
)
def test_a_mistake_in_it_is_seen(before: str, after: str) -> None:
    """A key of another version, one that never was, and a wrong type."""
    text = FILE.read_text(encoding="utf-8")
    assert before in text
    assert judged(text.replace(before, after)) != ""


def test_it_builds_the_three_images() -> None:
    """The operator, the worker and the trainer are built, each from its target of the Dockerfile."""
    targets = [artifact["docker"]["target"] for artifact in skaffold()["build"]["artifacts"]]
    assert targets == ["operator", "worker", "trainer"]


def test_dev_installs_what_was_built(helm4: GoTool) -> None:
    """With the values of dev, every pod runs what was just built and none a pinned image."""
    found = objects(helm4, *words(patched("dev")))
    images = {container["image"] for spec in pod_specs(found).values() for container in spec["containers"]}
    (config,) = [one["data"]["config.yaml"] for one in found if "config.yaml" in one.get("data", {})]
    images |= {line.partition(": ")[2] for line in config.splitlines() if "Image:" in line}
    assert images == {f"localhost:5000/voc-nlp-{name}:abc" for name in ("operator", "worker", "trainer")}


@pytest.mark.parametrize("name", [name for name in ENVIRONMENTS if name != "dev"])
def test_other_profiles_install_the_pins(helm4: GoTool, name: str) -> None:
    """The other environments build nothing and run the images that are pinned for them, in their namespace."""
    config = patched(name)
    assert "artifacts" not in config["build"]
    found = objects(helm4, *words(config))
    images = {container["image"] for spec in pod_specs(found).values() for container in spec["containers"]}
    assert images
    assert all("@sha256:" in image for image in images)
    assert {one["metadata"].get("namespace", f"voc-{name}") for one in found} == {f"voc-{name}"}
    labels = [one["metadata"]["labels"]["vocnlp.io/environment"] for one in found]
    assert set(labels) == {name}
