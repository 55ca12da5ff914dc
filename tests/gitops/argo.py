"""Argo CD beside a cluster: its ApplicationSet controller, application controller and repo server, without the UI."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Any, Final

import yaml
from kubernetes import client

from tests.chart.schemas import ARGO_CD
from tests.cluster.pods import until
from tests.cluster.shell import ClusterError, run
from tests.gitops.background import Background
from tests.integration.fixtures_s3 import free_ports
from tests.tools_go import HELM3, local_program, module, program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from tests.cluster.reach import Reach

NAMESPACE: Final = "argocd"
_GROUP: Final = ("argoproj.io", "v1alpha1", NAMESPACE)
_SECONDS: Final = 300


class ArgoCd:
    """An Argo CD whose namespace is on the cluster and whose programs run on this machine."""

    def __init__(self, cluster: Reach, folder: Path, undo: ExitStack) -> None:
        """Install it and start its programs, which end with ``undo``."""
        self._cluster, self._folder = cluster, folder
        self._objects = client.CustomObjectsApi(cluster.admin)
        self._programs: list[Background] = []
        self._install()
        self._start(undo)

    @property
    def server(self) -> str:
        """The address of the cluster, as a destination."""
        address: str = self._config["cluster"]["server"]
        return address

    @property
    def _config(self) -> dict[str, Any]:
        found = yaml.safe_load(self._cluster.kubeconfig.read_text(encoding="ascii"))
        return {"cluster": found["clusters"][0]["cluster"], "user": found["users"][0]["user"]}

    def kubectl(self, *words: str | Path, folder: Path | None = None) -> str:
        """Run kubectl in Argo CD's namespace and return what it printed."""
        flags = ("--kubeconfig", self._cluster.kubeconfig, "-n", NAMESPACE)
        return run(self._cluster.kubectl, *flags, *words, folder=folder)

    def settings(self) -> set[str]:
        """Return the names of the settings in argocd-cm."""
        return set(self._cluster.core.read_namespaced_config_map("argocd-cm", NAMESPACE).data or {})

    def _install(self) -> None:
        """Apply the definitions and the settings as Argo CD publishes them, and name the cluster."""
        manifests = module(*ARGO_CD) / "manifests"
        self._cluster.core.create_namespace({"metadata": {"name": NAMESPACE}})
        for part in ("crds", "base/config"):
            self.kubectl("apply", "--server-side", "-k", manifests / part)
        key = json.dumps({"stringData": {"server.secretkey": secrets.token_hex(16)}})
        self.kubectl("patch", "secret", "argocd-secret", "--type=merge", "-p", key)
        found = self._config
        known = {
            "metadata": {"name": "cluster", "labels": {"argocd.argoproj.io/secret-type": "cluster"}},
            "stringData": {
                "name": "test",
                "server": found["cluster"]["server"],
                "config": json.dumps(
                    {
                        "bearerToken": found["user"]["token"],
                        "tlsClientConfig": {"caData": found["cluster"]["certificate-authority-data"]},
                    }
                ),
            },
        }
        self._cluster.core.create_namespaced_secret(NAMESPACE, known)

    def _start(self, undo: ExitStack) -> None:
        redis, repo, *others = map(str, free_ports(7))
        metrics, state, applications, probe, webhook = others
        here, kubeconfig = str(self._folder), str(self._cluster.kubeconfig)
        self._background(
            undo, "redis", ["redis-server", "--port", redis, "--bind", "127.0.0.1", "--save", "", "--dir", here]
        )
        store = ["--redis", f"127.0.0.1:{redis}"]
        files = ["--repo-server-plaintext", "--kubeconfig", kubeconfig, "--namespace", NAMESPACE]
        own = ["--address", "127.0.0.1", "--port", repo, "--metrics-address", "127.0.0.1", "--metrics-port", metrics]
        self._argo(undo, "argocd-repo-server", [*own, "--disable-tls", *store])
        self._argo(
            undo,
            "argocd-application-controller",
            [
                "--repo-server",
                f"127.0.0.1:{repo}",
                "--metrics-port",
                state,
                "--persist-resource-health",
                *files,
                *store,
            ],
        )
        ports = zip(("metrics", "probe", "webhook"), (applications, probe, webhook), strict=True)
        listening = [word for name, port in ports for word in (f"--{name}-addr", f"127.0.0.1:{port}")]
        self._argo(
            undo,
            "argocd-applicationset-controller",
            ["--argocd-repo-server", f"127.0.0.1:{repo}", *listening, *files],
        )

    def _argo(self, undo: ExitStack, name: str, words: list[str]) -> None:
        """Start one of the programs that the binary holds; it takes the one that its name says."""
        scratch = self._folder / name
        scratch.mkdir()
        environment = {
            "ARGOCD_BINARY_NAME": name,
            "ARGOCD_GPG_ENABLED": "false",
            # Argo CD renders with the Helm 3 that it finds.
            "PATH": f"{program(HELM3).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            # The ApplicationSet controller does not look at its flag everywhere.
            "KUBECONFIG": str(self._cluster.kubeconfig),
        }
        self._background(undo, name, [str(local_program("argocd")), *words], environment)

    def _background(
        self, undo: ExitStack, name: str, command: list[str], environment: Mapping[str, str] | None = None
    ) -> None:
        started = undo.enter_context(Background(command, self._folder / f"{name}.log", environment))
        self._programs.append(started)

    def application(self, name: str) -> dict[str, Any]:
        """Return an Application, empty when there is none.

        Raises:
            RuntimeError: one of Argo CD's programs ended.
        """
        assert all(one.alive for one in self._programs)
        try:
            found: dict[str, Any] = self._objects.get_namespaced_custom_object(*_GROUP, "applications", name)
        except client.ApiException as error:
            if error.status != 404:
                raise
            return {}
        return found

    def synced(self, name: str, commit: str, health: str) -> dict[str, Any]:
        """Ask for a look at Git, wait until the Application is synced to ``commit`` with that health, and return it.

        Raises:
            ClusterError: it did not come to that; the message holds what Argo CD says of it.
        """

        def synced(status: Mapping[str, Any]) -> bool:
            at = (status.get("operationState", {}).get("phase"), status.get("sync", {}).get("status"))
            return at == ("Succeeded", "Synced")

        return self._wait(name, commit, health, synced)

    def stuck(self, name: str, commit: str, health: str) -> dict[str, Any]:
        """Do the same for a ``commit`` of which only a part is applied, because that part never becomes healthy."""
        return self._wait(name, commit, health, lambda status: status.get("sync", {}).get("status") == "OutOfSync")

    def _wait(self, name: str, commit: str, health: str, holds: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
        until(f"{name} exists", lambda: bool(self.application(name)))
        self.kubectl("annotate", "applications.argoproj.io", name, "argocd.argoproj.io/refresh=hard", "--overwrite")

        def reached() -> bool:
            status = self.application(name).get("status", {})
            at = (status.get("sync", {}).get("revision"), status.get("health", {}).get("status"))
            return at == (commit, health) and holds(status)

        try:
            until(f"{name} is at {commit[:8]} and {health}", reached, _SECONDS)
        except ClusterError as error:
            raise ClusterError(f"{error}. Argo CD says: {json.dumps(self.application(name).get('status'))}") from error
        return self.application(name)


def health(application: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Return the health of the Application's only object of a kind, with its message."""
    (found,) = [one for one in application["status"]["resources"] if one["kind"] == kind]
    judged: dict[str, str] = found["health"] | {"name": found["name"]}
    return judged
