"""The cluster's own programs: one Go binary under many names, and the program that holds a pod's namespaces."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from tests.cluster import cache
from tests.cluster.shell import ClusterError, slowly

SOURCE: Final = Path(__file__).with_name("components")
NAMES: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
_VERSION: Final = re.compile(r"^\tk8s\.io/kubernetes v(1)\.(\d+)\.\d+$", re.MULTILINE)


def programs() -> Path:
    """Return the folder of the cluster's programs, built on the first call (six minutes on two cores).

    Raises:
        ClusterError: Go is not there or the build fails.
    """
    sources = [*SOURCE.glob("go.*"), SOURCE / "main.go", SOURCE / "pause" / "main.go"]
    name = f"programs-{cache.digest(sources, _flags())}"
    with cache.alone("programs"):
        made = cache.folder() / name
        if not made.exists():
            fresh = cache.folder() / f"{name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            _build("Kubernetes from source (six minutes when nothing is cached)", ".", fresh / "components")
            _build("the pause program", "./pause", fresh / "pause")
            for program in NAMES:
                (fresh / program).symlink_to("components")
            fresh.rename(made)
            for old in cache.folder().glob("programs-*"):
                if old != made:
                    shutil.rmtree(old)
    return made


def _flags() -> str:
    """The linker's words; without a version in it a client takes the server for a developer's build."""
    found = _VERSION.search((SOURCE / "go.mod").read_text(encoding="utf-8"))
    if found is None:
        raise ClusterError(f"{SOURCE / 'go.mod'} does not say which Kubernetes it is.")
    package = "k8s.io/component-base/version"
    full = found.group().split()[-1]
    return f"-s -w -X {package}.gitVersion={full} -X {package}.gitMajor={found[1]} -X {package}.gitMinor={found[2]}"


def _build(what: str, package: str, target: Path) -> None:
    slowly(
        f"building {what}",
        *("go", "build", "-trimpath", "-mod=readonly", "-ldflags", _flags(), "-o", target, package),
        folder=SOURCE,
        environment={"CGO_ENABLED": "0"},
    )
