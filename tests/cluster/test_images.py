"""What the Dockerfile's images hold, and what they do not."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.pods import Pods, pod

if TYPE_CHECKING:
    from tests.cluster.images import Images
    from tests.cluster.training_volume import TrainingVolume

#: Prints what can be imported, whether tools of a build are there, who we are, and whether / can be written.
_LOOK = """
import importlib.util, json, os, pathlib, shutil, sys
wanted = sys.argv[1:]
print(json.dumps({
    "found": [name for name in wanted if importlib.util.find_spec(name)],
    "tools": [name for name in ("gcc", "cc", "git", "buildah") if shutil.which(name)],
    "ids": [os.getuid(), os.getgid()],
    "sources": [str(path) for path in (pathlib.Path("/source"), pathlib.Path("/wheel"), pathlib.Path("/opt/tools"))
                if path.exists()],
    "writable": os.access(sys.prefix, os.W_OK),
}))
"""
_OWN = {
    "operator": {"kopf", "kubernetes", "voc_operator", "voc_models"},
    "worker": {"onnxruntime", "pandas", "psycopg", "gspread", "voc_worker", "voc_models"},
}
#: By how much an image may outgrow what README says before somebody looks; README says it, too.
_GROWTH = 1 / 20
_NOBODYS = {"pip", "torch", "transformers", "sklearn", "pytest", "mypy"}


@pytest.mark.parametrize("image", ["operator", "worker"])
def test_an_image_holds_its_own_packages_alone(pods: Pods, images: Images, image: str) -> None:
    """Each has what its part imports, and neither the other's packages, nor PyTorch, nor pip, nor a compiler."""
    others = set.union(*_OWN.values()) - _OWN[image] - {"voc_operator", "voc_worker"}  # the wheel is one
    asked = sorted(_OWN[image] | others | _NOBODYS)
    code, said = pods.run(pod(getattr(images, image), ["python", "-c", _LOOK, *asked]))
    assert code == 0, said
    assert json.loads(said) == {
        "found": sorted(_OWN[image]),
        "tools": [],
        "ids": [10001, 10001],
        "sources": [],
        "writable": False,
    }


def test_the_trainer_has_no_operator_and_no_pip(pods: Pods, images: Images, training: TrainingVolume) -> None:
    """The slim trainer holds the wheel alone; all else is on the volume."""
    code, said = pods.run(pod(images.trainer, ["python", "-c", _LOOK, "voc_training", "torch", "kopf", "pip"]))
    assert (code, json.loads(said)["found"]) == (0, ["voc_training"])
    mounted = pod(
        images.trainer,
        ["python", "-c", _LOOK, "voc_training", "torch"],
        mounts=training.mounts,
        volumes=training.volumes,
    )
    code, said = pods.run(mounted)
    assert (code, json.loads(said)["found"]) == (0, ["voc_training", "torch"])


def test_the_worker_has_a_font_with_hangul(pods: Pods, images: Images) -> None:
    """Word clouds of Korean words need one, and the image has no Debian package for it."""
    ask = "from voc_worker.pages.fonts import korean_font; print(korean_font())"
    code, said = pods.run(pod(images.worker, ["python", "-c", ask]))
    assert (code, "NanumGothic" in said) == (0, True), said


@pytest.mark.parametrize("target", ["operator", "worker", "trainer"])
def test_labels_say_what_an_image_is_made_of(images: Images, target: str) -> None:
    """OCI labels give title, version and revision; the commit is also a setting, for the models' manifests."""
    if not images.archives:
        pytest.skip("The labels of somebody's own images are theirs.")
    name = getattr(images, target)
    (archive,) = (one for one in images.archives if one.name.startswith(target))
    config = _configuration(archive)
    prefix = "org.opencontainers.image."
    labels = {key.removeprefix(prefix): value for key, value in config["Labels"].items() if key.startswith(prefix)}
    revision = name.rpartition(":")[2]
    assert labels["title"] == f"voc-nlp {target}"
    assert labels["licenses"] == "Apache-2.0"
    assert labels["revision"] == revision
    assert labels["version"].count(".") == 2
    assert f"GIT_COMMIT={revision}" in config["Env"]
    assert config["User"] == "10001:10001"


@pytest.mark.parametrize("target", ["operator", "worker", "trainer"])
def test_an_image_does_not_outgrow_what_readme_says(images: Images, target: str) -> None:
    """README's megabytes hold for what was built, unpacked, up to a margin; the trainer's are those of the slim one."""
    if not images.archives:
        pytest.skip("The sizes of somebody's own images are theirs.")
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (stated,) = re.findall(rf"{target}'s(?: image)?(?: then)?(?: has)? (\d+) MB", readme)
    (archive,) = (one for one in images.archives if one.name.startswith(target))
    megabytes = archive.stat().st_size / 1e6
    assert megabytes <= int(stated) * (1 + _GROWTH), f"The {target}'s image has {megabytes:.0f} MB. Slim it, or README."


def _configuration(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as opened:
        manifest = opened.extractfile("manifest.json")
        assert manifest is not None
        config = opened.extractfile(json.load(manifest)[0]["Config"])
        assert config is not None
        found: dict[str, Any] = json.load(config)["config"]
        return found
