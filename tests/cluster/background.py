"""A cluster with the product on it that runs in the background, behind ``make cluster``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.cluster import cache
from tests.cluster.cluster import Cluster
from tests.cluster.images import project_images
from tests.cluster.installs import restricted_namespace
from tests.cluster.pause import pause_image
from tests.cluster.product import Product
from tests.cluster.programs import programs
from tests.cluster.servers import running_servers
from tests.cluster.shell import ClusterError, say
from tests.cluster.training_volume import training_volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

NAMESPACE: Final = "voc-nlp"
_START_SECONDS: Final = 900
_STOP_SECONDS: Final = 120
#: The product's own schedules, which tests switch off.
_SCHEDULES: Final = {mode: {"enabled": True} for mode in ("full", "refresh", "train")}


def running() -> dict[str, Any] | None:
    """Return what the background cluster says of itself, or None when none is ready."""
    try:
        said: dict[str, Any] = json.loads((_folder() / "ready.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return said if _alive(said["pid"]) else None


def up() -> dict[str, Any]:
    """Start the cluster in the background and return what it says of itself when it is ready.

    Raises:
        ClusterError: it does not start; the message ends with its log.
    """
    if found := running():
        return found
    down()
    programs()
    project_images()
    say("starting the cluster, its servers and the operator")
    with (_folder() / "log").open("wb") as log:
        owner = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster", "serve"],
            cwd=cache.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (_folder() / "pid").write_text(str(owner.pid), encoding="ascii")
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and owner.poll() is None:
        if found := running():
            return found
        time.sleep(0.2)
    said = (_folder() / "log").read_text(encoding="utf-8", errors="replace")[-3000:]
    down()
    raise ClusterError(f"The cluster did not start. It said: {said}")


def down() -> bool:
    """End the background cluster and remove every trace; return whether there was one.

    Raises:
        ClusterError: it does not end.
    """
    try:
        pid = int((_folder() / "pid").read_text(encoding="ascii"))
    except FileNotFoundError:
        pid = None
    was_there = pid is not None and _alive(pid)
    if pid is not None and was_there:
        os.kill(pid, signal.SIGTERM)
        give_up = time.monotonic() + _STOP_SECONDS
        while _alive(pid):
            if time.monotonic() > give_up:
                raise ClusterError(f"Process {pid} does not end. End it yourself: kill -9 {pid}")
            time.sleep(0.1)
    shutil.rmtree(_folder())
    return was_there


def serve() -> None:
    """Own the cluster until SIGTERM; what ``up`` starts."""
    signal.signal(signal.SIGTERM, _stop)
    images = project_images()
    with ExitStack() as stack, _undisturbed_end():
        cluster = stack.enter_context(Cluster([pause_image(programs()), *images.archives]))
        servers = stack.enter_context(running_servers(_folder() / "servers", cluster.host_address))
        stack.enter_context(restricted_namespace(cluster, NAMESPACE))
        product = Product(cluster, NAMESPACE, images, servers, servers.database.dbname)
        product.install({"schedules": _SCHEDULES}, training_volume(cluster, NAMESPACE))
        fresh = _folder() / "ready.new"
        about = {
            "pid": os.getpid(),
            "kubeconfig": str(cluster.kubeconfig),
            "kubectl": str(cluster.kubectl),
            "store": product.store.address,
            "logs": str(cluster.folder),
        }
        fresh.write_text(json.dumps(about), encoding="utf-8")
        fresh.rename(_folder() / "ready.json")
        signal.pause()


@contextmanager
def _undisturbed_end() -> Iterator[None]:
    """Once the block has ended, for whatever reason, let no signal interrupt the cleaning up."""
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _folder() -> Path:
    return cache.folder("background")


def _alive(pid: int) -> bool:
    """Whether the process is one of ours; its number may be another program's by now."""
    try:
        return b"tests.cluster" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a signal handler
    raise SystemExit(0)
