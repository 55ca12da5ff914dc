"""Pins in a values file: read, refused, and written without touching anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from voc_models.plan import PlannedModel
from voc_worker.promotion.environments import present, read_environment
from voc_worker.promotion.pins import IMAGES, PinError, Pins, difference, parse, read_pins, with_pins
from voc_worker.promotion.promote import ORDER

CHART = Path(__file__).parents[2] / "charts" / "voc-nlp"
DIGESTS = {name: f"sha256:{number:064x}" for number, name in enumerate(IMAGES, start=0xA0)}
MODEL = PlannedModel(release="20260116", digest="1" * 64)
PINS = Pins(DIGESTS, MODEL)

TEXT = """\
# stage: what dev proved.
environment: stage   # a comment behind

images:
    registry:   registry.example.com/voc-nlp
    operator:
        digest: sha256:0000000000000000000000000000000000000000000000000000000000000021   # by voc promote
    worker: {digest: "sha256:0000000000000000000000000000000000000000000000000000000000000022", tag: '1'}
    workerGpu:
        digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000023'
    trainer:
        digest: sha256:0000000000000000000000000000000000000000000000000000000000000024

model:
  release: '20251120'
  sha256: "0000000000000000000000000000000000000000000000000000000000000020"
gpu:
  nodeSelector:
    nvidia.com/gpu.present: "true"
  tolerations:
  - {key:  nvidia.com/gpu, operator: Exists}
"""
#: Pieces of the text above.
GPU = "digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000023'"
TRAINER, HASH = (
    "sha256:0000000000000000000000000000000000000000000000000000000000000024",
    '"0000000000000000000000000000000000000000000000000000000000000020"',
)


def test_the_pins_replace_pins_and_nothing_else() -> None:
    """Each changed line differs in the pin alone: comments, quotes, indents and flow style stay."""
    changed = with_pins(TEXT, PINS, "values.yaml")
    assert read_pins(parse(changed, ""), "") == PINS
    before, after = TEXT.splitlines(), changed.splitlines()
    assert len(before) == len(after)
    different = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(different) == 6
    assert after[6] == f"        digest: {DIGESTS['operator']}   # by voc promote"
    assert after[7] == f"    worker: {{digest: \"{DIGESTS['worker']}\", tag: '1'}}"
    assert after[14] == "  release: '20260116'"
    assert with_pins(changed, PINS, "values.yaml") == changed


def test_the_ends_of_lines_stay() -> None:
    """A file written on Windows keeps its carriage returns."""
    text = TEXT.replace("\n", "\r\n")
    assert with_pins(text, PINS, "") == with_pins(TEXT, PINS, "").replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        "environment: stage\n",
        "# only images\nimages:\n  operator: {}\n  worker:\n    tag: x\nmodel: {}\n",
        "images: {operator: {tag: x}}\nmodel:\n  release:\n  sha256: # nothing\n",
        "model:\n  sha256: ''\nimages:\n  operator:\n    digest:\n",
        "{environment: stage}\n",
    ],
)
def test_a_pin_that_is_not_there_is_added(text: str) -> None:
    """A file without some pin, in either of YAML's styles, gets it, and its other values stay."""
    changed = with_pins(text, PINS, "values.yaml")
    assert read_pins(parse(changed, ""), "") == PINS
    others = yaml.safe_load(text).get("environment")
    assert yaml.safe_load(changed).get("environment") == others


def test_a_model_of_digits_stays_a_text() -> None:
    """A release or hash of digits alone is written in quotes, since YAML would make a number of it."""
    changed = with_pins(TEXT.replace("'20251120'", "old"), PINS, "")
    assert '  release: "20260116"' in changed


def test_promoting_the_keyword_tagger_empties_the_hash() -> None:
    """The keyword tagger has no hash: an empty text takes the place of the one before."""
    changed = with_pins(TEXT, Pins(DIGESTS, PlannedModel()), "")
    assert yaml.safe_load(changed)["model"] == {"release": "keyword", "sha256": ""}
    assert read_pins(parse(changed, ""), "").model == PlannedModel()


def test_pins_that_an_anchor_shares_are_refused() -> None:
    """Where another value takes its text from a pin by an anchor, nothing is written."""
    text = TEXT.replace("digest: sha256:0", "digest: &it sha256:0", 1) + "other: *it\n"
    with pytest.raises(PinError, match="share them by an anchor"):
        with_pins(text, PINS, "values.yaml")


def test_a_pin_that_is_a_list_is_refused() -> None:
    """A value of another kind where a pin belongs is not overwritten."""
    with pytest.raises(PinError, match=r"model\.release cannot be set there"):
        with_pins("model:\n  release: [a]\n", PINS, "values.yaml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((GPU, "tag: x"), "does not pin images.workerGpu.digest"),
        ((TRAINER, "sha256:24"), "images.trainer.digest is"),
        (("'20251120'", "20251120"), "model.release is 20251120. It must be a quoted release"),
        (("'20251120'", "''"), "model.release is ''"),
        ((HASH, '""'), "model.sha256 of 20251120 is ''"),
        (("'20251120'", "keyword"), "model.sha256 of keyword"),
    ],
)
def test_an_incomplete_pin_is_refused(change: tuple[str, str], said: str) -> None:
    """A missing digest, a half or malformed pin is told by its path."""
    text = TEXT.replace(*change)
    assert text != TEXT
    with pytest.raises(PinError) as caught:
        read_pins(parse(text, "stage/values.yaml"), "stage/values.yaml")
    assert said in str(caught.value)
    assert "stage/values.yaml" in str(caught.value)


def test_an_environment_without_a_gpu_image_needs_no_digest_of_it() -> None:
    """images.workerGpu.repository: "" is the chart's way to do without that image."""
    text = TEXT.replace(GPU, 'repository: ""')
    assert read_pins(parse(text, ""), "").images["workerGpu"] == ""


def test_no_model_at_all_means_champion_json() -> None:
    """Without release and sha256 nothing is pinned."""
    text = TEXT.replace("'20251120'", '""').replace(HASH, '""')
    assert read_pins(parse(text, ""), "").model is None


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n"])
def test_what_holds_no_values_is_refused(text: str) -> None:
    """An empty file, a list and broken YAML are refused with the file's name."""
    with pytest.raises(PinError, match=r"values\.yaml"):
        parse(text, "values.yaml")


def test_the_diff_is_unified_and_names_the_file() -> None:
    """What is printed can be read by people and by patch; equal texts have no diff."""
    shown = difference("a: 1\nb: 2\n", "a: 1\nb: 3\n", "stage/values.yaml")
    assert shown.splitlines()[:2] == ["--- a/stage/values.yaml", "+++ b/stage/values.yaml"]
    assert "-b: 2\n+b: 3\n" in shown
    assert difference("a", "a", "x") == ""


def test_the_chart_has_the_images_that_are_promoted() -> None:
    """What has a digest below `images` in the chart's values is exactly what a promotion copies."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert {name for name, image in values["images"].items() if isinstance(image, dict) and "digest" in image} == set(
        IMAGES
    )
    assert set(values["model"]) == {"release", "sha256"}
    assert {"address", "modelAddress", "endpointUrl", "pathStyle", "region"} <= set(values["store"])


def test_the_charts_environments_can_be_promoted() -> None:
    """dev, stage and prod have whole pins, only dev follows champion.json, and six lines change in each."""
    folder = CHART / "environments"
    names = present(folder, ORDER)
    assert names == list(ORDER)
    for name in names:
        environment = read_environment(folder, name)
        assert (environment.pins.model is None) == (name == "dev")
        changed = with_pins(environment.text, PINS, name)
        assert read_pins(parse(changed, name), name) == PINS
        pairs = zip(environment.text.splitlines(), changed.splitlines(), strict=True)
        assert sum(before != after for before, after in pairs) == 6
