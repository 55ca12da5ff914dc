"""The trainer's packages from a volume: this machine's own environment, on a local PersistentVolume, read-only.

PyTorch with its CUDA libraries is five gigabytes, which no test should build into an image and unpack again. The
image is built with SLIM=1 and finds them at /opt/environment; everything of ours is in the image.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.cluster.cluster import Cluster
from tests.cluster.shell import ClusterError

if TYPE_CHECKING:
    from tests.cluster.reach import Api, Reach

#: Python of the test's base image; packages are made for one Python.
_PYTHON: Final = (3, 11)
_CLAIM: Final = "training-environment"


class TrainingVolume(NamedTuple):
    """Entries for a pod's ``volumes`` and its container's ``volumeMounts``."""

    volumes: tuple[dict[str, Any], ...]
    mounts: tuple[dict[str, Any], ...]


def training_volume(cluster: Reach, namespace: str) -> TrainingVolume:
    """Offer the packages as a claim in ``namespace``; on somebody's own cluster the trainer image has them itself.

    Raises:
        ClusterError: the tests run on another Python than the image.
    """
    if not isinstance(cluster, Cluster):
        return TrainingVolume((), ())
    if sys.version_info[:2] != _PYTHON:
        raise ClusterError("Training in the test cluster needs an environment of Python 3.11, as its base image has.")
    path = cluster.share(Path(sysconfig.get_path("purelib")), _CLAIM)
    _offer(cluster.core, namespace, path, list(cluster.nodes))
    # readOnly also keeps kubelet from handing every file to the pod's fsGroup.
    volume = {"name": _CLAIM, "persistentVolumeClaim": {"claimName": _CLAIM, "readOnly": True}}
    return TrainingVolume((volume,), ({"name": _CLAIM, "mountPath": "/opt/environment", "readOnly": True},))


def _offer(api: Api, namespace: str, path: Path, nodes: list[str]) -> None:
    name = f"{_CLAIM}-{namespace}"
    common = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}
    volume = {
        "capacity": {"storage": "20Gi"},
        "local": {"path": str(path)},
        "claimRef": {"namespace": namespace, "name": _CLAIM},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
    api.create_persistent_volume({"metadata": {"name": name}, "spec": common | volume})
    claim = {"resources": {"requests": {"storage": "20Gi"}}, "volumeName": name}
    api.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": _CLAIM}, "spec": common | claim})
