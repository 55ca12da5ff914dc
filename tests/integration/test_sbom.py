"""The bills of materials, by the tool that writes them and by CycloneDX's own schema."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.sbom import IMAGES, ROOT, tools, write_bill

_VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding="utf-8").read())
sys.exit(problem and str(problem))
"""


@pytest.mark.parametrize("image", IMAGES)
def test_a_bill_is_valid_and_names_every_package_of_the_image(image: str, tmp_path: Path) -> None:
    """Each package that the Dockerfile installs is in it, by version, and none of other platforms; CycloneDX 1.6."""
    target = tmp_path / "bill.json"
    write_bill(image, target)
    answer = subprocess.run(
        [tools() / "python", "-c", _VALIDATE, target], capture_output=True, text=True, timeout=120, check=False
    )
    assert answer.returncode == 0, answer.stderr
    bill = json.loads(target.read_text(encoding="utf-8"))
    assert bill["metadata"]["component"]["name"] == "voc-nlp"
    named = {(one["name"], one["version"]) for one in bill["components"]}
    text = (ROOT / "requirements" / f"{image}.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)( ;)?", text, re.MULTILINE)
    assert {(name, version) for name, version, marker in pins if not marker} <= named
    assert named <= {(name, version) for name, version, _ in pins}
    assert "colorama" not in {name for name, _ in named}
    assert all(one["purl"].startswith("pkg:pypi/") for one in bill["components"])
