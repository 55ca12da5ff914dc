"""The product as it is installed on a cluster: the chart, its settings, and what a person asks of it by kubectl."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
import yaml
from kubernetes import client

from tests.cluster.pods import until
from tests.tools_go import HELM4, GoTool, program
from voc_models.run import API_VERSION, KIND
from voc_models.store import ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.images import Images
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers
    from tests.cluster.training_volume import TrainingVolume

CHART: Final = Path(__file__).parents[2] / "charts" / "voc-nlp"
FINISHED: Final = frozenset({"Succeeded", "PartiallySucceeded", "Failed", "Cancelled"})
#: Small enough for two cores: the requests of a real cluster would not fit beside each other.
_SMALL: Final = {"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "2Gi"}}}


class ProductError(Exception):
    """A command failed, or a run came to no end; the message holds what was seen."""


class Product:
    """One installation in one namespace."""

    #: Who installs it; Helm 3 does so, too.
    tool: GoTool = HELM4
    #: A values file below this test's own, such as an environment's.
    environment: Path | None = None

    def __init__(self, cluster: Reach, namespace: str, images: Images, servers: Servers, database: str) -> None:
        """Take where it is to live; :meth:`install` puts it there."""
        self.cluster, self.namespace, self.images, self.servers = cluster, namespace, images, servers
        self.prefix = namespace
        self.database = database
        self.store = servers.store(self.prefix)
        self.core = client.CoreV1Api(cluster.admin)
        self.batch = client.BatchV1Api(cluster.admin)

    def install(self, changes: Mapping[str, Any] | None = None, training: TrainingVolume | None = None) -> None:
        """Install or upgrade the chart by Helm and wait until the operator processes."""
        self._secrets()
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            yaml.safe_dump(_merged(self.values(training), changes or {}), file)
            file.flush()
            files = [str(one) for one in (self.environment, file.name) if one]
            words = [word for name in files for word in ("--values", name)]
            self.helm("upgrade", "--install", "voc-nlp", str(CHART), *words, "--wait", "--timeout", "3m")

    def values(self, training: TrainingVolume | None) -> dict[str, Any]:
        """Return the chart's values for this cluster and these servers."""
        settings = self.servers.environment(self.prefix, self.database)
        train = {**_SMALL, "scratchSize": "2Gi", "gpus": 0}
        if training is not None:
            train |= {"volumes": list(training.volumes), "volumeMounts": list(training.mounts)}
        trainer = {key: train[key] for key in ("volumes", "volumeMounts") if key in train}
        return {
            "images": {
                "registry": "",
                **{name: _image(getattr(self.images, name)) for name in ("operator", "worker", "trainer")},
            },
            "store": {
                "address": settings["STORE"],
                "endpointUrl": settings["S3_ENDPOINT_URL"],
                "pathStyle": True,
                "existingSecret": "store",
            },
            "database": {
                "host": settings["DB_HOST"],
                "port": int(settings["DB_PORT"]),
                "name": settings["DB_NAME"],
                "sslmode": "disable",
                "existingSecret": "database",
                "writeClassification": True,
            },
            "crds": {"annotations": {}},
            "schedules": {name: {"enabled": False} for name in ("full", "refresh", "train")},
            "networkPolicy": {"enabled": False},
            "retries": {"pauseSeconds": 0.5, "outagePauseSeconds": 2, "blockedSeconds": 3, "lostPodSeconds": 5},
            "jobs": {"terminationGracePeriodSeconds": 5, **trainer},
            "steps": {
                "prepare": _SMALL,
                "building": _SMALL,
                "refresh": _SMALL,
                "publish": _SMALL,
                "train": {key: value for key, value in train.items() if key not in trainer},
            },
        }

    def _secrets(self) -> None:
        settings = self.servers.environment(self.prefix, self.database)
        for name, keys in (
            ("store", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
            ("database", ("DB_USER", "DB_PASSWORD")),
        ):
            body = {"metadata": {"name": name}, "stringData": {key: settings[key] for key in keys}}
            try:
                self.core.create_namespaced_secret(self.namespace, body)
            except client.ApiException as error:
                if error.status != 409:
                    raise

    def helm(self, *words: str, seconds: float = 300) -> str:
        """Run Helm in the namespace and return what it printed."""
        flags = ("--kubeconfig", str(self.cluster.kubeconfig), "--namespace", self.namespace)
        return _run([str(program(self.tool)), *words, *flags], seconds)

    def kubectl(self, *words: str, given: str = "", seconds: float = 120) -> str:
        """Run kubectl in the namespace and return what it printed."""
        flags = ("--kubeconfig", str(self.cluster.kubeconfig), "--namespace", self.namespace)
        return _run([str(self.cluster.kubectl), *flags, *words], seconds, given)

    def apply(self, name: str, **spec: object) -> str:
        """Apply a VocMonthlyRun and return its name."""
        manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}
        self.kubectl("apply", "-f", "-", given=json.dumps(manifest))
        return name

    def prepare(self, name: str, **spec: object) -> str:
        """Apply a run and suspend it before its buildings; ``patch(name, suspend=False)`` lets it go on."""
        self.apply(name, **spec)
        until(f"{name} prepares", lambda: "prepare" in self.status(name).get("steps", {}))
        self.patch(name, suspend=True)
        until(f"{name} is planned", lambda: self.status(name).get("total") is not None)
        return name

    def patch(self, name: str, **spec: object) -> None:
        """Change fields of a run's spec."""
        self.kubectl("patch", "vmr", name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def run(self, name: str) -> dict[str, Any]:
        """Return a run as the API server has it."""
        found: dict[str, Any] = json.loads(self.kubectl("get", "vmr", name, "-o", "json"))
        return found

    def status(self, name: str) -> dict[str, Any]:
        """Return a run's status, empty before the operator saw it."""
        found: dict[str, Any] = self.run(name).get("status", {})
        return found

    def building(self, name: str, building: str) -> dict[str, Any]:
        """Return a run's line of a building, empty before the operator wrote it: status follows at most every 2 s."""
        line: dict[str, Any] = self.status(name).get("buildings", {}).get(building, {})
        return line

    def finish(self, name: str, seconds: float = 300) -> dict[str, Any]:
        """Wait for a run's end and return its status.

        Raises:
            ProductError: it did not end; the message holds what ``kubectl describe`` says.
        """
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            status = self.status(name)
            if status.get("phase") in FINISHED:
                return status
            time.sleep(0.5)
        raise ProductError(f"{name} did not end in {seconds:.0f} s.\n{self.describe(name)}\n{self.pods_seen()}")

    def describe(self, name: str) -> str:
        """Return what ``kubectl describe`` says of a run."""
        return self.kubectl("describe", "vmr", name)

    def pods_seen(self) -> str:
        """Return every pod and the operator's last lines, for a message."""
        log = self.kubectl("logs", "deployment/voc-nlp-operator", "--tail=40")
        return self.kubectl("get", "jobs,pods", "-o", "wide") + log

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        """Return a condition of a run, empty when there is none."""
        return next((one for one in self.status(name).get("conditions", []) if one["type"] == kind), {})

    def wait_for_condition(self, name: str, kind: str, status: str = "True", seconds: float = 120) -> dict[str, Any]:
        """Wait until a run's condition has that status and return it."""
        until(
            f"{kind} of {name} is {status}", lambda: self.condition(name, kind).get("status") == status, seconds=seconds
        )
        return self.condition(name, kind)

    def events(self, name: str) -> list[str]:
        """Return the reasons of a run's Events."""
        return [reason for reason, _ in self._events(name)]

    def told(self, name: str, reason: str) -> list[str]:
        """Return the messages of a run's Events of one reason."""
        return [message for one, message in self._events(name) if one == reason]

    def _events(self, name: str) -> list[tuple[str, str]]:
        found = json.loads(self.kubectl("get", "events", "-o", "json"))["items"]
        return [(one["reason"], one["message"]) for one in found if one["involvedObject"].get("name") == name]

    def running_pods(self, step: str) -> list[str]:
        """Return the names of a step's pods whose container runs."""
        selector = f"vocnlp.io/step={step}"
        pods = self.core.list_namespaced_pod(self.namespace, label_selector=selector).items
        return [pod.metadata.name for pod in pods if pod.status.phase == "Running"]

    def sql(self, statement: LiteralString) -> None:
        """Change the customer's database."""
        with psycopg.connect(self.servers.database.conninfo(dbname=self.database)) as connection:
            connection.execute(statement)

    @contextmanager
    def reading_held(self) -> Iterator[Callable[[], int]]:
        """Let whoever reads VOC wait in the middle of its work; gives a function that counts those who wait."""
        waiting: LiteralString = (
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE NOT granted AND datname = current_database()"
        )
        with psycopg.connect(self.servers.database.conninfo(dbname=self.database)) as connection:
            connection.execute("LOCK TABLE voc IN ACCESS EXCLUSIVE MODE")
            yield lambda: (connection.execute(waiting).fetchone() or [0])[0]

    def get(self, key: str) -> bytes:
        """Return an object of the store.

        Raises:
            ObjectNotFoundError: there is none; the message holds what there is beside it.
        """
        try:
            return self.store.get(key).data
        except ObjectNotFoundError as error:
            raise ObjectNotFoundError(f"{error} There is: {self.keys(key.rpartition('/')[0])}") from error

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of the store below a prefix."""
        return [entry.key for entry in self.store.list(prefix)]


def _image(name: str) -> dict[str, str]:
    repository, _, tag = name.rpartition(":")
    return {"repository": repository, "tag": tag, "digest": ""}


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes`` laid over it, maps key by key, as Helm does."""
    result = dict(base)
    for key, value in changes.items():
        before = result.get(key)
        result[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, Mapping) else value
    return result


def _run(command: list[str], seconds: float, given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        words = " ".join(command[:4])
        raise ProductError(f"{words} … ended with {done.returncode}: {done.stderr.strip()[-3000:]}")
    return done.stdout
