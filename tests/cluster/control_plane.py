"""etcd, API server, controller manager and scheduler, in a sandbox of their own that the nodes are plugged into."""

from __future__ import annotations

import base64
import secrets
import ssl
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

import yaml

from tests.cluster.sandbox import Inside, Sandbox
from tests.cluster.shell import ClusterError, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.cluster.instance import Addresses

NAMES: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_SERVICES: Final = "10.96.0.0/16"
_READY_SECONDS: Final = 90
#: What a cloud does; here the cluster itself knows its nodes and their networks.
_NOT_OURS: Final = (
    "node-ipam-controller",
    "node-route-controller",
    "cloud-node-lifecycle-controller",
    "service-lb-controller",
)
#: Every request of a pod's identity, so that a test can compare what is used with what RBAC allows.
_AUDIT: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


class ControlPlane:
    """The programs that one cluster has once; each can be killed and started alone and keeps its data."""

    def __init__(self, programs: Path, addresses: Addresses, flags: Mapping[str, Sequence[str]]) -> None:
        """Prepare the programs; ``flags`` are further ones by program."""
        self._programs = programs
        self._flags = flags
        self._addresses = addresses
        self._folder = addresses.folder / "control"
        self.sandbox = Sandbox(self._folder)
        self.kubeconfig = self._folder / "kubeconfig"
        self.audit_log = self._folder / "audit.log"
        self._token = secrets.token_hex(16)
        self._running: dict[str, Inside] = {}
        self._plug_in_host()
        self._write_files()

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://{self._addresses.control}:6443"

    def start(self, name: str) -> None:
        """Start a program, and wait for the API server to be ready when it is that.

        Raises:
            ClusterError: it runs already, or the API server does not become ready.
        """
        if name in self._running and self._running[name].alive:
            raise ClusterError(f"{name} runs already.")
        words = [str(self._programs / name), *self._arguments(name), *self._flags.get(name, ())]
        self._running[name] = self.sandbox.start(*words, log=self._folder / f"{name}.log")
        if name == "kube-apiserver":
            self._wait_until_ready()

    def kill(self, name: str) -> None:
        """End a program as a power cut would."""
        self._running[name].kill()

    def attach(self, link: str, pid: int) -> None:
        """Plug the network namespace of process ``pid`` into the nodes' switch; its own end is called eth0."""
        self.sandbox.on_network(*f"ip link add {link} type veth peer name eth0 netns {pid}".split())
        self.sandbox.on_network(*f"ip link set {link} master nodes up".split())

    def close(self) -> None:
        """End every program."""
        self.sandbox.close()
        for program in self._running.values():
            program.kill()

    def _plug_in_host(self) -> None:
        """One link from the machine into a switch that lies in our own namespace: nothing else to remove later."""
        host, link = self._addresses.host, self._addresses.link
        run(*f"ip link add {link} type veth peer name host netns {self.sandbox.pid}".split())
        run(*f"ip address add {host}/24 dev {link}".split())
        run(*f"ip link set {link} up".split())
        for words in (
            "link add nodes type bridge",
            "link set host master nodes up",
            f"address add {self._addresses.control}/24 dev nodes",
            "link set nodes up",
        ):
            self.sandbox.on_network("ip", *words.split())

    def _write_files(self) -> None:
        run("openssl", "genrsa", "-out", self._folder / "accounts.key", "2048")
        (self._folder / "audit.yaml").write_text(yaml.safe_dump(_AUDIT), encoding="utf-8")
        tokens = self._folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f'{self._token},admin,admin,"system:masters"\n', encoding="ascii")

    def _arguments(self, name: str) -> list[str]:
        folder, control = self._folder, self._addresses.control
        admin = [f"--{kind}kubeconfig={self.kubeconfig}" for kind in ("", "authentication-", "authorization-")]
        alone = [*admin, "--leader-elect=false", f"--cert-dir={folder / name}"]
        arguments = {
            "etcd": [
                f"--data-dir={folder / 'etcd'}",
                "--unsafe-no-fsync",
                *(f"--{one}-client-urls=http://127.0.0.1:2379" for one in ("listen", "advertise")),
                "--listen-peer-urls=http://127.0.0.1:2380",
            ],
            "kube-apiserver": [
                "--etcd-servers=http://127.0.0.1:2379",
                f"--cert-dir={folder / 'certificates'}",
                f"--advertise-address={control}",
                f"--token-auth-file={folder / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                *(f"--service-account-{one}-file={folder / 'accounts.key'}" for one in ("key", "signing-key")),
                f"--service-cluster-ip-range={_SERVICES}",
                "--kubelet-preferred-address-types=InternalIP",
                "--allow-privileged=true",
                # Pods leave a lost node after seconds, where a real cluster waits five minutes.
                *(f"--default-{one}-toleration-seconds=5" for one in ("not-ready", "unreachable")),
                f"--audit-policy-file={folder / 'audit.yaml'}",
                f"--audit-log-path={self.audit_log}",
            ],
            "kube-controller-manager": [
                *alone,
                f"--service-account-private-key-file={folder / 'accounts.key'}",
                f"--root-ca-file={folder / 'certificates' / 'apiserver.crt'}",
                "--controllers=*," + ",".join(f"-{one}" for one in _NOT_OURS),
                "--node-monitor-grace-period=16s",
                "--node-monitor-period=2s",
            ],
            "kube-scheduler": alone,
        }
        return arguments[name]

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + _READY_SECONDS
        certificate = self._folder / "certificates" / "apiserver.crt"
        request = urllib.request.Request(  # noqa: S310 - our own https address
            f"{self.server}/readyz", headers={"Authorization": f"Bearer {self._token}"}
        )
        while time.monotonic() < give_up and self._running["kube-apiserver"].alive:
            try:
                trust = ssl.create_default_context(cafile=certificate)
                with urllib.request.urlopen(request, timeout=5, context=trust):  # noqa: S310 - the same
                    pass
            except OSError:  # no file yet, no listener yet, or 500 while hooks run
                time.sleep(0.1)
            else:
                self._write_kubeconfig(certificate.read_text(encoding="ascii"))
                return
        raise ClusterError(f"The API server is not ready. It said: {self._running['kube-apiserver'].said()}")

    def _write_kubeconfig(self, certificate: str) -> None:
        cluster = {
            "server": self.server,
            "certificate-authority-data": base64.b64encode(certificate.encode()).decode(),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "voc-nlp", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self._token}}],
            "contexts": [{"name": "voc-nlp", "context": {"cluster": "voc-nlp", "user": "admin"}}],
            "current-context": "voc-nlp",
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(config), encoding="ascii")
