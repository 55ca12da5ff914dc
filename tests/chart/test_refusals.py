"""Wrong values are refused before anything is installed, with a sentence that names the value."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.chart.render import CHART, REQUIRED, helm, refusal, template
from tests.tools_go import GoTool

DIGEST = "a" * 64
#: Words for Helm, and what its refusal must say.
WRONG_SHAPE = {
    "unknown key": ("--set=image.tag=1", "additional properties 'image' not allowed"),
    "misspelt inner key": (
        "--set=images.worker.tagg=1",
        "at '/images/worker': additional properties 'tagg' not allowed",
    ),
    "unknown step": ("--set=steps.bulding.gpus=1", "at '/steps': additional properties 'bulding' not allowed"),
    "unknown mode": ("--set=schedules.weekly.enabled=true", "additional properties 'weekly' not allowed"),
    "port that is text": ("--set=database.port=high", "at '/database/port': got string, want integer"),
    "port that is none": ("--set=database.port=70000", "at '/database/port': maximum"),
    "boolean that is text": ("--set-string=crds.create=yes", "at '/crds/create': got string, want boolean"),
    "release that is a number": ("--set=model.release=20260116", "at '/model/release': got number, want string"),
    "release that is none": ("--set=model.release=newest", "at '/model/release': 'newest' does not match pattern"),
    "hash that is none": ("--set=model.sha256=abc", "at '/model/sha256': 'abc' does not match pattern"),
    "digest without its algorithm": (f"--set=images.worker.digest={DIGEST}", "at '/images/worker/digest'"),
    "tag with a space": ("--set=images.worker.tag=a b", "at '/images/worker/tag'"),
    "image without a repository": ("--set=images.worker.repository=", "at '/images/worker/repository'"),
    "pull policy": ("--set=images.pullPolicy=Sometimes", "at '/images/pullPolicy': value must be one of"),
    "cron of four fields": ("--set=schedules.full.schedule=0 2 1 *", "at '/schedules/full/schedule'"),
    "memory in GB": ("--set=steps.train.resources.limits.memory=4GB", "at '/steps/train/resources/limits/memory'"),
    "cards that are negative": ("--set=steps.train.gpus=-1", "at '/steps/train/gpus': minimum"),
    "range that is an address": (
        '--set-json=networkPolicy.store.cidrs=["10.0.0.1"]',
        "at '/networkPolicy/store/cidrs/0'",
    ),
    "store that is no address": ("--set=store.address=bucket", "at '/store/address': 'bucket' does not match pattern"),
    "host with a scheme": ("--set=database.host=https://db", "at '/database/host'"),
    "back end": ("--set=review.backend=excel", "at '/review/backend': value must be one of"),
    "time zone with a space": ("--set=timeZone=Asia Seoul", "at '/timeZone'"),
    "month": ("--set=smoke.month=2025-13", "at '/smoke/month': '2025-13' does not match pattern"),
    "setting in lower case": (
        "--set=settings.sample_rate=1",
        "at '/settings': additional properties 'sample_rate' not allowed",
    ),
    "log level": ("--set=operator.logLevel=TRACE", "at '/operator/logLevel': value must be one of"),
    "no time to become ready": ("--set=operator.progressDeadlineSeconds=0", "progressDeadlineSeconds': minimum"),
    "hook that waits for ever": ("--set=hooks.cancelOnUninstall.timeoutSeconds=99999", "timeoutSeconds': maximum"),
    "long name": (f"--set=fullnameOverride={'a' * 41}", "at '/fullnameOverride': maxLength"),
}
WRONG_SENSE = {
    "secret among settings": ("--set=settings.DB_PASSWORD=x", "settings.DB_PASSWORD is a secret"),
    "setting with a value of its own": ("--set=settings.DB_HOST=x", "settings.DB_HOST is set by a value of its own"),
    "release without its hash": ("--set-string=model.release=20260116", "model.sha256 is missing"),
    "hash without its release": (f"--set-string=model.sha256={DIGEST}", "model.release is missing"),
    "zone that does not exist": ("--set=timeZone=Asia/Soul", "timeZone Asia/Soul is unknown. Use an IANA name"),
    "sheets without a spreadsheet": ("--set=review.backend=sheets", "Set review.sheetsId, or review.sheetsMap"),
    "smoke without a month": ("--set=smoke.enabled=true", "smoke.month or smoke.buildings is missing"),
}


@pytest.mark.parametrize(("word", "sentence"), WRONG_SHAPE.values(), ids=list(WRONG_SHAPE))
def test_a_value_of_a_wrong_shape_is_refused(tool: GoTool, word: str, sentence: str) -> None:
    """The schema names the value and what is wrong with it."""
    assert sentence in refusal(tool, *REQUIRED, word)


@pytest.mark.parametrize(("word", "sentence"), WRONG_SENSE.values(), ids=list(WRONG_SENSE))
def test_a_value_that_makes_no_sense_is_refused(tool: GoTool, word: str, sentence: str) -> None:
    """What no schema sees is refused by a sentence that says what to set."""
    assert sentence in refusal(tool, *REQUIRED, word)


@pytest.mark.parametrize("missing", range(len(REQUIRED)))
def test_what_must_be_set_is_asked_for(tool: GoTool, missing: int) -> None:
    """Without one of the required values Helm says which one is missing."""
    name = REQUIRED[missing].removeprefix("--set=").partition("=")[0]
    rest = [word for number, word in enumerate(REQUIRED) if number != missing]
    assert f"{name} is missing" in refusal(tool, *rest)


def test_the_keyword_tagger_is_pinned_without_a_hash(tool: GoTool) -> None:
    """An environment may be pinned to the keyword tagger, which has no hash; one beside it is refused."""
    keyword = (*REQUIRED, "--set=model.release=keyword")
    assert template(tool, *keyword).returncode == 0
    assert "does not belong to the keyword tagger" in refusal(tool, *keyword, f"--set-string=model.sha256={DIGEST}")


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "Asia/Seoul", "America/New_York", "Europe/London"])
def test_zones_that_exist_are_accepted(tool: GoTool, zone: str) -> None:
    """The check for unknown zones refuses no zone that exists, UTC among them."""
    assert template(tool, *REQUIRED, f"--set=timeZone={zone}").returncode == 0


def test_a_cluster_that_is_too_old_is_refused(tool: GoTool) -> None:
    """Kubernetes before 1.31 is refused; a provider's suffix to a newer version is not."""
    old = helm(tool, "template", "voc-nlp", str(CHART), "--kube-version=1.30.9", *REQUIRED)
    assert old.returncode
    assert "chart requires kubeVersion: >=1.31.0-0" in old.stderr
    assert not helm(tool, "template", "v", str(CHART), "--kube-version=v1.31.2-eks-1a2b3c", *REQUIRED).returncode


def _leaves(values: Any, schema: Any, path: str = "") -> list[str]:  # noqa: ANN401 - YAML beside JSON
    """Return the paths of values that the schema does not know."""
    definitions = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))["$defs"]
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[-1]]
    for part in schema.get("allOf", []):
        schema = part if "$ref" not in part else definitions[part["$ref"].rsplit("/", 1)[-1]]
        break
    if not isinstance(values, dict) or not schema.get("properties"):
        return []
    unknown = [f"{path}/{name}" for name in values if name not in schema["properties"]]
    closed = [] if schema.get("additionalProperties") is False else [f"{path} is open"]
    inner = [
        _leaves(values[name], child, f"{path}/{name}") for name, child in schema["properties"].items() if name in values
    ]
    return [*unknown, *closed, *(leaf for leaves in inner for leaf in leaves)]


def test_the_schema_knows_every_value_and_is_closed() -> None:
    """Every value of values.yaml is in the schema, and every object of known keys refuses others."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert _leaves(values, schema) == []
    assert schema["properties"].keys() - {"global"} == values.keys()
