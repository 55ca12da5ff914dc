"""Opening the cluster for the commands that ask it and end."""

from __future__ import annotations

from voc_operator.cluster import Cluster
from voc_operator.settings import Settings, own_namespace
from voc_operator.transport import Transport, configuration


def connect(settings: Settings, namespace: str | None = None) -> Cluster:
    """Return one namespace of the cluster that a pod's service account or the kubeconfig names.

    Raises:
        UsageError: there are no credentials, or no namespace is known.
    """
    return Cluster(Transport(configuration()), namespace or own_namespace(settings))
