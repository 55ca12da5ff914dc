"""How a test reaches a cluster, whoever runs it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubernetes import client, config

from tests.cluster.shell import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Reach:
    """The way to a cluster that runs."""

    kubeconfig: Path
    #: Where programs of this machine listen when pods are to reach them.
    host_address: str
    kubectl: Path
    #: The administrator's client.
    admin: client.ApiClient


@contextmanager
def somebodys(kubeconfig: Path, host_address: str | None) -> Iterator[Reach]:
    """Use somebody's own cluster.

    Raises:
        ClusterError: kubectl is missing, or nobody said where pods reach this machine.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None or host_address is None:
        raise ClusterError(
            "A cluster of your own needs kubectl on the PATH, and VOC_TEST_HOST_ADDRESS: "
            "this machine's address as pods see it."
        )
    with config.new_client_from_config(str(kubeconfig)) as admin:
        yield Reach(kubeconfig, host_address, Path(kubectl), admin)
