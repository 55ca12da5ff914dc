"""A software bill of materials for each image, from the pinned requirements that the Dockerfile installs.

``python -m tests.sbom`` writes ``var/sbom/{image}.cdx.json`` (CycloneDX), and what is known of vulnerabilities to
``{image}.vulnerabilities.json`` where PyPI's vulnerability service can be reached. The base image (Debian, Python) is
not in it: whoever builds on a base has that base's own bill.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from filelock import FileLock
from packaging.requirements import Requirement

from tests.tools_go import cache

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ("operator", "worker", "worker-gpu", "trainer")
#: Where the images run; a requirement for another platform is in none of them.
_PLATFORM: Final = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "python_version": "3.11",
    "python_full_version": "3.11.0",
}
_UNREACHABLE: Final = (
    "Known vulnerabilities were not looked up: PyPI's vulnerability service knew none of the packages, so it is not "
    "reachable from here. Run `make sbom` on a machine with the internet, or give var/sbom/*.cdx.json to a scanner."
)


class SbomError(Exception):
    """A bill could not be made; the message ends with what the tool said."""


def pinned(image: str) -> dict[str, str]:
    """Return the lines of an image's requirements that are installed on its platform, by name and version."""
    text = (ROOT / "requirements" / f"{image}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words, _, hashes = line.partition(" --hash")
        requirement = Requirement(words)
        if requirement.marker is None or requirement.marker.evaluate(dict(_PLATFORM)):
            found[f"{requirement.name}{requirement.specifier}"] = f" --hash{hashes}"
    return found


def tools() -> Path:
    """Return the folder of the tools' programs, installed once on this machine from ``requirements/sbom.txt``.

    Raises:
        SbomError: they could not be installed.
    """
    wanted = ROOT / "requirements" / "sbom.txt"
    folder = cache() / "python" / f"sbom-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / ".done").exists():
            _run(sys.executable, "-m", "venv", "--clear", str(folder))
            _run(str(folder / "bin" / "pip"), "install", "--quiet", "--require-hashes", "-r", str(wanted))
            (folder / ".done").touch()
    return folder / "bin"


def write_bill(image: str, target: Path) -> None:
    """Write an image's bill of materials; the tool validates it against CycloneDX's schema.

    Raises:
        SbomError: the tool refuses.
    """
    words = ["requirements", "--pyproject", "pyproject.toml", "--spec-version", "1.6", "--output-reproducible"]
    lines = "".join(f"{name}{hashes}\n" for name, hashes in pinned(image).items())
    _run(str(tools() / "cyclonedx-py"), *words, "--output-file", str(target), "-", given=lines)


def vulnerabilities(image: str) -> dict[str, Any] | None:
    """Return what PyPI knows of an image's packages, or None where its service cannot be reached.

    Raises:
        SbomError: the tool fails otherwise.
    """
    file = ROOT / "var" / "sbom" / f"{image}.txt"
    file.write_text("".join(f"{name}\n" for name in pinned(image)), encoding="utf-8")
    try:
        # It ends with 1 when it found some, and with 0 also when it could ask about none.
        asked = _run(
            *(str(tools() / "pip-audit"), "--requirement", str(file), "--no-deps", "--disable-pip"),
            *("--format", "json", "--progress-spinner", "off"),
            fine=(0, 1),
        )
    finally:
        file.unlink()
    if not asked.stdout.lstrip().startswith("{"):
        # It also ends with 1 when it understood nothing.
        if "vulnerability feed" in asked.stderr:
            return None
        raise SbomError(f"pip-audit said nothing of {image}: {asked.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(asked.stdout)
    return None if all("skip_reason" in one for one in found["dependencies"]) else found


def main() -> None:
    """Write every bill and say what was found."""
    folder = ROOT / "var" / "sbom"
    folder.mkdir(parents=True, exist_ok=True)
    reachable = True
    for image in IMAGES:
        target = folder / f"{image}.cdx.json"
        write_bill(image, target)
        _say(f"{target.relative_to(ROOT)}: {len(pinned(image))} packages.")
        notes = folder / f"{image}.vulnerabilities.json"
        notes.unlink(missing_ok=True)
        found = vulnerabilities(image) if reachable else None
        reachable = found is not None
        if found is not None:
            notes.write_text(json.dumps(found, indent=1), encoding="utf-8")
            _say(_verdict(found, notes))
    if not reachable:
        _say(_UNREACHABLE)


def _verdict(found: dict[str, Any], notes: Path) -> str:
    affected = [f"{one['name']} {one['version']}" for one in found["dependencies"] if one.get("vulns")]
    unknown = sum("skip_reason" in one for one in found["dependencies"])
    what = f"known vulnerabilities in {', '.join(affected)}" if affected else "no known vulnerability"
    return f"{notes.relative_to(ROOT)}: {what}{f'; {unknown} packages could not be looked up' if unknown else ''}."


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _run(*words: str, given: str | None = None, fine: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        words, input=given, cwd=ROOT, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode not in fine:
        raise SbomError(f"{' '.join(words[:3])} … ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done


if __name__ == "__main__":
    try:
        main()
    except SbomError as error:
        sys.exit(str(error))
