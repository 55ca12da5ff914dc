"""A real Kubernetes cluster for as long as a ``with`` block lasts."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Self

from kubernetes.client import ApiException

from tests.cluster import control_plane
from tests.cluster.control_plane import ControlPlane
from tests.cluster.instance import Instance
from tests.cluster.node import Node
from tests.cluster.programs import programs
from tests.cluster.reach import Reach, administrator
from tests.cluster.shell import ClusterError, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_READY_SECONDS: Final = 120


class Cluster(Reach):
    """One control plane and one node or more; everything ends with this object or with its process."""

    def __init__(self, images: Sequence[Path] = (), flags: Mapping[str, Sequence[str]] | None = None) -> None:
        """Start a cluster of one node, ``node-1``.

        Args:
            images: archives that its nodes have; the pause image is one of them.
            flags: further ones for programs of the control plane, by name.
        """
        self._programs = programs()
        self._images = list(images)
        self.nodes: dict[str, Node] = {}
        self._shared: dict[str, Path] = {}
        self._places = 0
        with ExitStack() as undo:
            self._instance = Instance()
            undo.callback(self._instance.release)
            self.addresses = self._instance.addresses
            self._control = ControlPlane(self._programs, self.addresses, flags or {})
            undo.callback(self._control.close)
            undo.callback(self._close_nodes)
            with ThreadPoolExecutor(1) as beside:
                first = beside.submit(self._new_node)
                for name in control_plane.NAMES:
                    self._control.start(name)
                first.result()
            admin = administrator(self._control.kubeconfig)
            undo.callback(admin.close)
            super().__init__(self._control.kubeconfig, self.addresses.host, self._programs / "kubectl", admin)
            self._join(first.result())
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        """Give the running cluster."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything and leave nothing behind."""
        self._undo.close()

    @property
    def audit_log(self) -> Path:
        """One JSON line for each request that a pod's identity made."""
        return self._control.audit_log

    def requests_of(self, user: str) -> list[dict[str, Any]]:
        """Return what an identity asked of the API server so far, as the audit log has it."""
        # The API server may be in the middle of the last line.
        whole, _, _ = self.audit_log.read_text(encoding="utf-8").rpartition("\n")
        lines = (json.loads(line) for line in whole.splitlines() if user in line)
        return [line for line in lines if line["user"]["username"] == user]

    @property
    def folder(self) -> Path:
        """Where the logs of all programs are."""
        return self.addresses.folder

    def kill(self, program: str, node: str | None = None) -> None:
        """End a program at once; kubelet, kube-proxy and containerd need the name of their node."""
        (self.nodes[node] if node else self._control).kill(program)

    def start(self, program: str, node: str | None = None) -> None:
        """Start a program that was killed, with its old data."""
        (self.nodes[node] if node else self._control).start(program)

    def add_node(self) -> str:
        """Add a node that has the same images, wait until it is Ready and return its name."""
        made = self._new_node()
        self._join(made)
        return made.name

    def remove_node(self, name: str) -> None:
        """Switch a node off at once, containers included; its Node object stays, as after a power cut."""
        self.nodes.pop(name).close()

    def starve(self, node: str) -> None:
        """Put a node under memory pressure for good: kubelet evicts its pods, and no new ones come."""
        self.nodes[node].starve()

    def load_image(self, archive: Path) -> None:
        """Bring the images of an archive onto every node, and onto those that join later."""
        self._images.append(archive)
        for one in self.nodes.values():
            one.load_image(archive)

    def trust_registry(self, address: str) -> None:
        """Let the nodes that there are pull images from a registry of this machine."""
        for one in self.nodes.values():
            one.trust_registry(address)

    def set_capacity(self, node: str, resource: str, count: int) -> None:
        """Say that a node has ``count`` of an extended resource, such as nvidia.com/gpu."""
        name = resource.replace("~", "~0").replace("/", "~1")
        paths = (f"/status/{field}/{name}" for field in ("capacity", "allocatable"))
        patch = [{"op": "add", "path": path, "value": str(count)} for path in paths]
        self.core.patch_node_status(node, patch)

    def share(self, folder: Path, name: str) -> Path:
        """Show a folder of this machine, read-only, on every node; return its path there, for a local volume."""
        if name not in self._shared:
            self._shared[name] = folder
            for one in self.nodes.values():
                one.share(folder, name)
        return self.addresses.folder / "shared" / name

    def _new_node(self) -> Node:
        """Make a node whose containerd runs and has every image."""
        self._places += 1
        made = Node(f"node-{self._places}", self._places, self._programs, self.addresses, self._control)
        self.nodes[made.name] = made
        for name, folder in self._shared.items():
            made.share(folder, name)
        made.prepare(self._images)
        return made

    def _close_nodes(self) -> None:
        for one in self.nodes.values():
            one.close()

    def _join(self, made: Node) -> None:
        """Let a node join, tell the others the way to its pods, and wait until it is Ready."""
        for network in [self._control.sandbox, *(one.sandbox for one in self.nodes.values() if one is not made)]:
            network.on_network("ip", "route", "replace", made.pods, "via", made.address)
        for one in self.nodes.values():
            if one is not made:
                made.sandbox.on_network("ip", "route", "replace", one.pods, "via", one.address)
        run(*f"ip route replace {made.pods} via {made.address} dev {self.addresses.link}".split())
        made.start("kubelet")
        made.start("kube-proxy")
        self.wait_for_node(made.name, ready=True)

    def wait_for_node(self, name: str, *, ready: bool) -> None:
        """Wait until the node's Ready condition is True, or is not.

        Raises:
            ClusterError: it did not come to that in two minutes.
        """
        give_up = time.monotonic() + _READY_SECONDS
        said = "nothing"
        while time.monotonic() < give_up:
            try:
                conditions = self.core.read_node(name).status.conditions or []
            except ApiException as error:
                if error.status != 404:
                    raise
                conditions = []
            found = next((one for one in conditions if one.type == "Ready"), None)
            if found is not None and (found.status == "True") is ready:
                return
            said = found.message if found else "nothing"
            time.sleep(0.2)
        raise ClusterError(f"Node {name} is {'not ' if ready else ''}Ready; it says: {said}. Logs: {self.folder}")
