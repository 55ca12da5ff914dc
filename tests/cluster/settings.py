"""What the environment says about the cluster that the tests use."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from typing import Final

#: Program → Debian package.
_NEEDED: Final = {
    "buildah": "buildah",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "ip": "iproute2",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "go": "golang (1.26 or later)",
}


@dataclass(frozen=True)
class ClusterSettings:
    """Somebody's own cluster, if the tests shall use one; and whether a missing one is a failure."""

    kubeconfig: str | None
    images: str | None
    host_address: str | None
    ci: bool

    @classmethod
    def read(cls) -> ClusterSettings:
        """Read VOC_TEST_KUBECONFIG, VOC_TEST_IMAGES (operator=…,worker=…,trainer=…), VOC_TEST_HOST_ADDRESS and CI."""
        return cls(
            kubeconfig=os.environ.get("VOC_TEST_KUBECONFIG") or None,
            images=os.environ.get("VOC_TEST_IMAGES") or None,
            host_address=os.environ.get("VOC_TEST_HOST_ADDRESS") or None,
            ci=os.environ.get("CI") == "true",
        )


@dataclass(frozen=True)
class ChaosSettings:
    """How many troubled runs, and the seed of the first."""

    seed: int
    runs: int

    @classmethod
    def read(cls) -> ChaosSettings:
        """Read VOC_CHAOS_SEED and VOC_CHAOS_RUNS; by default two runs, always the same, that meet most kinds early."""
        return cls(int(os.environ.get("VOC_CHAOS_SEED") or 52), int(os.environ.get("VOC_CHAOS_RUNS") or 2))


def missing() -> str | None:
    """Say in one sentence why no cluster can run on this machine, or return None."""
    if platform.system() != "Linux":
        return "A cluster of one's own needs Linux. Set VOC_TEST_KUBECONFIG to test on another cluster."
    if os.geteuid() != 0:
        return "A cluster of one's own needs root. Run as root, or set VOC_TEST_KUBECONFIG to test on another cluster."
    packages = sorted(package for program, package in _NEEDED.items() if shutil.which(program) is None)
    if packages:
        return f"Missing for a cluster: {', '.join(packages)}. Run: CI=true make tools"
    return None
