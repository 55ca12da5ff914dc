"""Go programs that the tests drive, built once from pinned modules into a cache outside the tree.

``python -m tests.tools_go [NAME …]`` builds all or those named and prints where they are; a test that needs one asks
``program`` and gets the cached file.
The Go checksum database vouches for each version.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock


class GoTool(NamedTuple):
    """A program: the name of its binary, its package and the pinned version of its module."""

    name: str
    package: str
    version: str


HELM4 = GoTool("helm", "helm.sh/helm/v4/cmd/helm", "v4.3.1")
HELM3 = GoTool("helm", "helm.sh/helm/v3/cmd/helm", "v3.22.0")
KUBECONFORM = GoTool("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0")
HELM_DOCS = GoTool("helm-docs", "github.com/norwoodj/helm-docs/cmd/helm-docs", "v1.14.2")
#: Simulated nodes and pods, for the benchmark of the operator.
KWOK = GoTool("kwok", "sigs.k8s.io/kwok/cmd/kwok", "v0.8.0")
TOOLS = (HELM4, HELM3, KUBECONFORM, HELM_DOCS)
#: A registry for images; `make gitops-test` alone needs it.
CRANE = GoTool("crane", "github.com/google/go-containerregistry/cmd/crane", "v0.22.1")


class GoModule(NamedTuple):
    """A folder with a Go module of our own, whose go.sum pins everything, and the package in it to build."""

    folder: Path
    package: str = "."


_HERE = Path(__file__).parent
#: Programs of our own around a project's libraries.
LOCAL = {name: GoModule(_HERE / "chart" / name) for name in ("rules", "flux")}
#: Programs that `go install` cannot build, because their modules replace others; built only when asked for.
REPLACING = {"argocd": GoModule(_HERE / "gitops" / "argocd", "github.com/argoproj/argo-cd/v3/cmd")}


class ToolError(Exception):
    """A program or a module could not be had; the message ends with what Go said."""


def cache() -> Path:
    """Return the folder of everything that is built for tests and outlives a run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voc-nlp-tests"


@functools.cache
def program(tool: GoTool) -> Path:
    """Return the path of ``tool``, built on the first call on this machine.

    Raises:
        ToolError: Go is missing or the build failed.
    """
    folder = cache() / "go" / f"{tool.package.replace('/', '_')}@{tool.version}"
    binary = folder / tool.name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not binary.exists():
            _go(
                "install",
                "-trimpath",
                "-ldflags=-s -w",
                f"{tool.package}@{tool.version}",
                environment={"GOBIN": str(folder), "CGO_ENABLED": "0"},
            )
    return binary


@functools.cache
def module(path: str, version: str) -> Path:
    """Return the folder of a module's files in Go's own cache, downloaded on the first call.

    Raises:
        ToolError: Go is missing or the module is not to be had.
    """
    answer = json.loads(_go("mod", "download", "-json", f"{path}@{version}"))
    return Path(answer["Dir"])


@functools.cache
def local_program(name: str) -> Path:
    """Return the program of ``LOCAL`` or ``REPLACING`` called ``name``, built when its source is new.

    Raises:
        ToolError: Go is missing or the build failed.
    """
    source, package = {**LOCAL, **REPLACING}[name]
    files = sorted(file for file in source.iterdir() if file.suffix in {".go", ".mod", ".sum"})
    content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = cache() / "go" / f"{name}-{content}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not (folder / name).exists():
            words = ["build", "-trimpath", "-ldflags=-s -w", "-o", str(folder / name), package]
            _go(*words, environment={"CGO_ENABLED": "0"}, folder=source)
    return folder / name


def _go(*words: str, environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    go = shutil.which("go")
    if go is None:
        raise ToolError("Go is not on the PATH. Install Go 1.26 or later to test the chart.")
    result = subprocess.run(
        [go, *words],
        cwd=folder or cache(),
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise ToolError(
            f"go {' '.join(words)} failed. Go says: {result.stderr.strip()[-2000:] or result.stdout[-2000:]}"
        )
    return result.stdout


if __name__ == "__main__":
    wanted = sys.argv[1:]
    for one in TOOLS:
        if not wanted or one.name in wanted:
            sys.stdout.write(f"{program(one)}\n")
            sys.stdout.flush()
    for own in {**LOCAL, **REPLACING}:
        if own in wanted or (not wanted and own in LOCAL):
            sys.stdout.write(f"{local_program(own)}\n")
            sys.stdout.flush()
