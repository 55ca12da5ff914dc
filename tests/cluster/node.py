"""One node: Debian's containerd and runc, kubelet and kube-proxy, in a sandbox that is plugged into the control plane.

Pods are connected by the ``ptp`` plugin, which routes every packet through the node, as most cluster networks do.
It enforces no NetworkPolicy.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.cluster import cgroups, seeds
from tests.cluster.sandbox import Inside, Sandbox
from tests.cluster.shell import ClusterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.instance import Addresses

NAMES: Final = ("containerd", "kubelet", "kube-proxy")
PAUSE: Final = "localhost/voc-nlp/pause:1"
_SOCKET: Final = "/run/containerd/containerd.sock"
_PLUGINS: Final = Path("/usr/lib/cni")
_SOCKET_SECONDS: Final = 30


class Node:
    """A machine of the cluster, as far as the cluster can tell."""

    def __init__(self, name: str, place: int, programs: Path, addresses: Addresses, control: ControlPlane) -> None:
        self.name = name
        self.address = addresses.node(place)
        self.pods = addresses.pods_of(place)
        self._programs = programs
        self._all_pods = addresses.pods
        self._cgroup = f"{addresses.cgroup}{place}"
        self._folder = addresses.folder / name
        self._kubeconfig = control.kubeconfig
        self._running: dict[str, Inside] = {}
        self._seed: int | None = None
        self.sandbox = Sandbox(self._folder)
        cgroups.make(self._cgroup)
        control.attach(f"node{place}", self.sandbox.pid)
        for words in (
            f"address add {self.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {addresses.host}",
        ):
            self.sandbox.on_network("ip", *words.split())
        self._write_files()

    def prepare(self, images: Sequence[Path]) -> None:
        """Start containerd with ``images``; a set of images is unpacked once on a machine."""
        with seeds.alone():
            self._seed = seeds.take(images, self._folder / "containerd", self.sandbox)
            self.start("containerd")
            if self._seed is None:
                self._unpack(images)
                self.kill("containerd")
                seeds.keep(images, self._folder / "containerd")
                self.start("containerd")

    def _unpack(self, images: Sequence[Path]) -> None:
        """Load ``images`` beside those of an older set, whose layers need not be unpacked again, and drop the older."""
        before = set(self._ctr("images", "list", "--quiet").split())
        for archive in images:
            self.load_image(archive)
        for name in before - {name for archive in images for name in seeds.names(archive)}:
            self._ctr("images", "remove", "--sync", name)

    def _ctr(self, *words: str | Path) -> str:
        return self.sandbox.run("ctr", "-a", _SOCKET, "-n", "k8s.io", *words)

    def start(self, name: str) -> None:
        """Start one of the node's programs.

        Raises:
            ClusterError: it runs already, or containerd does not answer.
        """
        if name in self._running and self._running[name].alive:
            raise ClusterError(f"{name} of {self.name} runs already.")
        self._running[name] = self.sandbox.start(*self._command(name), log=self._folder / f"{name}.log")
        if name == "containerd":
            self._wait_for_containerd()

    def kill(self, name: str) -> None:
        """End one of the node's programs as a power cut would; containers outlive kubelet and containerd."""
        self._running[name].kill()

    def kill_container(self, container: str) -> None:
        """End a container's program by SIGKILL, as a crash or the kernel would.

        Raises:
            ClusterError: it does not run.
        """
        self._ctr("tasks", "kill", "--signal", "SIGKILL", container)

    def starve(self) -> None:
        """Let kubelet find too little free memory, whatever there is, from now on."""
        self.kill("kubelet")
        # Without watching disks as well, the part of kubelet that evicts does not know the node's and does nothing.
        changes = {"evictionHard": {"memory.available": "99%"}, "localStorageCapacityIsolation": True}
        (self._folder / "kubelet.yaml").write_text(yaml.safe_dump(self._kubelet() | changes), encoding="ascii")
        self.start("kubelet")

    def share(self, folder: Path, name: str) -> None:
        """Mount a folder of the machine read-only, so that nothing in the cluster can change it or its owner."""
        place = self._folder.parent / "shared" / name
        place.mkdir(parents=True, exist_ok=True)
        self.sandbox.run("mount", "--bind", folder, place)
        self.sandbox.run("mount", "-o", "remount,bind,ro", place)

    def trust_registry(self, address: str) -> None:
        """Let containerd pull from a registry of this machine, which has no certificate; it looks at each pull."""
        place = self._folder / "registries" / address
        place.mkdir(parents=True)
        hosts = f'[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'
        (place / "hosts.toml").write_text(f'server = "http://{address}"\n{hosts}', encoding="ascii")

    def load_image(self, archive: Path) -> None:
        """Bring the images of a docker or OCI archive onto the node."""
        self._ctr("images", "import", archive)

    def close(self) -> None:
        """Switch the machine off: every program and container ends at once, and its control groups go."""
        self.sandbox.close()
        for program in self._running.values():
            program.kill()
        if self._seed is not None:
            os.close(self._seed)
        cgroups.remove(self._cgroup)

    def _command(self, name: str) -> list[str]:
        program, folder = str(self._programs / name), self._folder
        commands = {
            "containerd": ["containerd", "--config", str(folder / "containerd.toml")],
            "kubelet": [
                *(program, "--config", str(folder / "kubelet.yaml"), "--kubeconfig", str(self._kubeconfig)),
                *("--root-dir", str(folder / "kubelet"), "--cert-dir", str(folder / "certificates")),
                *("--hostname-override", self.name, "--node-ip", self.address),
            ],
            "kube-proxy": [program, "--config", str(folder / "proxy.yaml")],
        }
        return commands[name]

    def _wait_for_containerd(self) -> None:
        give_up = time.monotonic() + _SOCKET_SECONDS
        while time.monotonic() < give_up and self._running["containerd"].alive:
            try:
                self.sandbox.run("ctr", "-a", _SOCKET, "--connect-timeout", "2s", "version")
            except ClusterError:
                time.sleep(0.1)
            else:
                return
        raise ClusterError(f"containerd of {self.name} does not answer: {self._running['containerd'].said()}")

    def _write_files(self) -> None:
        (self._folder / "cni").mkdir()
        (self._folder / "resolv.conf").write_text("# no name server: pods use addresses\n", encoding="ascii")
        files: dict[str, Any] = {"kubelet.yaml": self._kubelet(), "proxy.yaml": self._proxy()}
        for name, content in files.items():
            (self._folder / name).write_text(yaml.safe_dump(content), encoding="ascii")
        (self._folder / "cni" / "10-pods.conflist").write_text(json.dumps(self._network()), encoding="ascii")
        (self._folder / "containerd.toml").write_text(_containerd(self._folder), encoding="ascii")

    def _kubelet(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._cgroup}",
            "failCgroupV1": False,
            "enforceNodeAllocatable": [],
            "containerRuntimeEndpoint": f"unix://{_SOCKET}",
            "podLogsDir": str(self._folder / "var" / "log" / "pods"),
            "resolvConf": str(self._folder / "resolv.conf"),
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "nodeLeaseDurationSeconds": 12,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            # The disk is the test machine's: how full it is must not evict pods or remove images.
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "syncFrequency": "10s",
        }

    def _proxy(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": self._all_pods,
            "clientConnection": {"kubeconfig": str(self._kubeconfig)},
            "hostnameOverride": self.name,
            "conntrack": {"maxPerCore": 0, "min": 0},
        }

    def _network(self) -> dict[str, Any]:
        addresses = {
            "type": "host-local",
            "dataDir": "/run/cni-addresses",
            "ranges": [[{"subnet": self.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        plugin = {"type": "ptp", "ipMasq": True, "ipam": addresses}
        return {"cniVersion": "0.4.0", "name": "pods", "plugins": [plugin]}


def _containerd(folder: Path) -> str:
    """The runtime's configuration; ``nvidia`` is runc too, so that a RuntimeClass of that name finds its handler."""
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
{cri}]
  sandbox_image = "{PAUSE}"
  # Without CAP_SYS_RESOURCE no process may lower its OOM score, and every pod would fail.
  restrict_oom_score_adj = true
{cri}.registry]
  config_path = "{folder}/registries"
{cri}.cni]
  bin_dir = "{_PLUGINS}"
  conf_dir = "{folder}/cni"
{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
{cri}.containerd.runtimes.nvidia]
  runtime_type = "io.containerd.runc.v2"
"""
