"""``python -m tests.cluster up|down|status|prepare``: a real cluster with the product on it (``make cluster``)."""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from tests.cluster import background
from tests.cluster.images import project_images
from tests.cluster.pause import pause_image
from tests.cluster.product import ProductError
from tests.cluster.programs import programs
from tests.cluster.settings import missing
from tests.cluster.shell import ClusterError, say
from tests.tools_go import HELM4, ToolError, program
from voc_models.run import API_VERSION, KIND

if TYPE_CHECKING:
    from collections.abc import Callable

_NEXT: Final = """\
The cluster runs; its operator is in the namespace {namespace}, the sample in PostgreSQL and S3 beside it.

  export KUBECONFIG={kubeconfig} PATH={path}:$PATH

The next three commands:

  kubectl -n {namespace} apply -f - <<< '{run}'
  kubectl -n {namespace} get vmr -w
  kubectl -n {namespace} describe vmr full-2025-12

Logs: {logs}. Remove it all: make cluster-down
"""
_RUN: Final = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": {"name": "full-2025-12"},
    "spec": {"mode": "full", "month": "2025-12"},
}


def main() -> int:
    """Do what the first word says; return the exit code."""
    commands: dict[str, tuple[str, Callable[[], int]]] = {
        "up": ("start it in the background and say what to type next", _up),
        "down": ("end it and remove every trace", _down),
        "status": ("say whether it runs", _status),
        "prepare": ("build everything it needs into the cache", _prepare),
        "serve": ("own it until SIGTERM; `up` starts this", _serve),
    }
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=(__doc__ or "").partition(": ")[2])
    choices = parser.add_subparsers(dest="command", required=True)
    for name, (summary, _) in commands.items():
        choices.add_parser(name, help=summary, description=summary)
    chosen = parser.parse_args().command
    if chosen != "status" and (reason := missing()):
        say(reason)
        return 1
    try:
        return commands[chosen][1]()
    except (ClusterError, ProductError, ToolError) as error:
        say(str(error))
        return 1


def _up() -> int:
    _tell(background.up())
    return 0


def _down() -> int:
    say("gone" if background.down() else "none was running")
    return 0


def _status() -> int:
    found = background.running()
    if found is None:
        say("none is running; start one with: make cluster")
        return 1
    _tell(found)
    return 0


def _serve() -> int:
    background.serve()
    return 0


def _prepare() -> int:
    """Build programs and images beside each other; the tests then find them, or wait for the lock that we hold."""
    with ThreadPoolExecutor() as beside:
        tasks: list[Callable[[], object]] = [lambda: pause_image(programs()), project_images, lambda: program(HELM4)]
        for built in [beside.submit(task) for task in tasks]:
            built.result()
    return 0


def _tell(about: dict[str, Any]) -> None:
    path = about["kubectl"].rpartition("/")[0]
    sys.stdout.write(_NEXT.format(namespace=background.NAMESPACE, path=path, run=json.dumps(_RUN), **about))


if __name__ == "__main__":
    sys.exit(main())
