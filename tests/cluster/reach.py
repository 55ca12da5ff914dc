"""How a test reaches a cluster, whoever runs it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from kubernetes import client, config

from tests.cluster.shell import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The client's types make every field of every object optional; what a server answered has its fields.
Api: TypeAlias = Any
Live: TypeAlias = Any


@dataclass
class Reach:
    """The way to a cluster that runs."""

    kubeconfig: Path
    #: Where programs of this machine listen when pods are to reach them.
    host_address: str
    kubectl: Path
    #: The administrator's client.
    admin: client.ApiClient

    @property
    def core(self) -> Api:
        """Pods, nodes, namespaces and the like, as the administrator."""
        return client.CoreV1Api(self.admin)

    @property
    def batch(self) -> Api:
        """Jobs and CronJobs, as the administrator."""
        return client.BatchV1Api(self.admin)


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
    with administrator(kubeconfig) as admin:
        yield Reach(kubeconfig, host_address, Path(kubectl), admin)


def administrator(kubeconfig: Path) -> client.ApiClient:
    """Return a client of the kubeconfig's current user."""
    made: client.ApiClient = config.new_client_from_config(str(kubeconfig))
    return made
