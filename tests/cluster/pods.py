"""Pods as a test needs them: made, awaited, read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from tests.cluster.shell import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.cluster.reach import Api, Live

_SECONDS: Final = 180
#: What Pod Security ``restricted`` asks for, and what the product's own pods have.
_SECURITY: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(
    image: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    limits: Mapping[str, str] | None = None,
    mounts: Sequence[Mapping[str, object]] = (),
    volumes: Sequence[Mapping[str, object]] = (),
    **spec: object,
) -> dict[str, Any]:
    """Return the manifest of a pod that runs ``command`` once under Pod Security ``restricted``."""
    container = {
        "name": "main",
        "image": image,
        "command": list(command),
        "env": [{"name": name, "value": value} for name, value in (environment or {}).items()],
        "resources": {"limits": dict(limits or {})},
        "securityContext": _SECURITY,
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, *mounts],  # noqa: S108 - the container's own
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    defaults: dict[str, object] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001},
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {}}, *volumes],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"pod-{uuid4().hex[:8]}"},
        "spec": defaults | spec,
    }


def until(what: str, holds: Callable[[], bool], seconds: float = _SECONDS) -> None:
    """Wait until ``holds`` gives True.

    Raises:
        ClusterError: it did not in ``seconds``; ``what`` says what was awaited.
    """
    give_up = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > give_up:
            raise ClusterError(f"Waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.1)


class Pods:
    """The pods of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    def create(self, manifest: Mapping[str, Any]) -> str:
        """Create a pod and return its name."""
        name: str = self.api.create_namespaced_pod(self.namespace, manifest).metadata.name
        return name

    def read(self, name: str) -> Live:
        """Return the pod as it is now."""
        return self.api.read_namespaced_pod(name, self.namespace)

    def wait(self, name: str, *phases: str) -> Live:
        """Return the pod when it is in one of ``phases``."""
        until(f"pod {name} is {' or '.join(phases)}", lambda: self.read(name).status.phase in phases)
        return self.read(name)

    def log(self, name: str) -> str:
        """Return what the pod printed."""
        # The client decodes a text answer as JSON where it can; the bytes are what the pod said.
        said: bytes = self.api.read_namespaced_pod_log(name, self.namespace, _preload_content=False).data
        return said.decode()

    def run(self, manifest: Mapping[str, Any]) -> tuple[int, str]:
        """Run a pod to its end and return its exit code and what it printed."""
        name = self.create(manifest)
        ended = self.wait(name, "Succeeded", "Failed")
        state = ended.status.container_statuses[0].state.terminated
        return state.exit_code, self.log(name)
