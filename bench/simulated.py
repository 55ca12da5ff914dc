"""Nodes and pods that are objects of the API server alone: KWOK plays their kubelets, so that thousands fit anywhere.

Everything else is real: scheduler, Job controller, garbage collector, and the operator in its own container.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.cluster.pods import until
from tests.tools_go import KWOK, program
from voc_models.answer import Answer, to_line
from voc_models.exit_codes import ExitCode
from voc_operator.jobs import ATTEMPT_LABEL, BUILDING_ANNOTATION, CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.cluster.cluster import Cluster

NODES: Final = 8
#: Of buildings whose id begins so the first attempt exits with 75; all others succeed.
RETRIED: Final = "r"
_LABEL: Final = {"voc-nlp/simulated": "true"}
_TAINT: Final = {"key": "voc-nlp/simulated", "value": "true", "effect": "NoSchedule"}
_PODS: Final = "500"
#: As long as those of a real building.
_ANSWER: Final = Answer(
    rows=1000,
    keys={kind: f"202512/B00001/{kind}_B00001_202512_full_20260101_020000_1a2b3" for kind in ("tagged", "dashboard")},
    digests=dict.fromkeys(("tagged", "dashboard"), "0123456789abcdef" * 4),
    model="20260116",
    seconds=3.5,
)
_TRY_AGAIN: Final = Answer(message="The simulation was asked to interrupt the first attempt.")

#: The chart's values that put every step onto simulated nodes.
VALUES: Final[dict[str, Any]] = {"jobs": {"nodeSelector": _LABEL, "tolerations": [{**_TAINT, "operator": "Equal"}]}}


@contextmanager
def simulated_nodes(cluster: Cluster, folder: Path, seconds: float) -> Iterator[None]:
    """Add simulated nodes whose pods run for ``seconds`` each, for as long as the block lasts."""
    settings = folder / "kwok.yaml"
    settings.write_text(yaml.safe_dump_all([_options(), *_stages(seconds)], allow_unicode=True), encoding="utf-8")
    command = [str(program(KWOK)), f"--kubeconfig={cluster.kubeconfig}", f"--config={settings}"]
    with (folder / "kwok.log").open("wb") as log:
        kwok = subprocess.Popen(  # noqa: S603 - built from its pinned module
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            for number in range(1, NODES + 1):
                cluster.core.create_node(
                    {"metadata": {"name": f"simulated-{number}", "labels": _LABEL}, "spec": {"taints": [_TAINT]}}
                )
            for number in range(1, NODES + 1):
                cluster.wait_for_node(f"simulated-{number}", ready=True)
            # The controller manager notices a moment later, and until then nothing is scheduled there.
            until("the simulated nodes take pods", lambda: all(_open(node) for node in cluster.core.list_node().items))
            yield
        finally:
            kwok.terminate()
            kwok.wait()


def _open(node: Any) -> bool:  # noqa: ANN401 - an object of the client
    return all(taint.key == _TAINT["key"] for taint in node.spec.taints or [])


def _options() -> dict[str, Any]:
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "options": {
            "manageNodesWithLabelSelector": ",".join(f"{key}={value}" for key, value in _LABEL.items()),
            "nodeLeaseDurationSeconds": 40,
            # A file that sets one of these leaves the others at zero, which KWOK then refuses.
            "podPlayStageParallelism": 32,
            "nodePlayStageParallelism": 4,
            "nodeLeaseParallelism": 4,
            "podsOnNodeSyncParallelism": 1,
        },
    }


def _stages(seconds: float) -> list[dict[str, Any]]:
    ready = _when('.status.conditions.[] | select( .type == "Ready" ) | .status', "NotIn", "True")
    kept, gone = _when(".metadata.deletionTimestamp", "DoesNotExist"), _when(".metadata.deletionTimestamp", "Exists")
    pending, running = _when(".status.phase", "In", "Pending"), _when(".status.phase", "In", "Running")
    building, attempt = f'.metadata.annotations["{BUILDING_ANNOTATION}"]', f'.metadata.labels["{ATTEMPT_LABEL}"]'
    which = f'({building} // "" | .[0:1]) + {attempt}'
    again, usual = _when(which, "In", f"{RETRIED}0"), _when(which, "NotIn", f"{RETRIED}0")
    return [
        _stage("node-joins", "Node", [ready], _NODE),
        _stage("pod-starts", "Pod", [kept, pending], _STARTED),
        _stage("pod-succeeds", "Pod", [kept, running, usual], _ended(ExitCode.OK, _ANSWER), seconds),
        _stage("pod-is-interrupted", "Pod", [kept, running, again], _ended(ExitCode.TRY_AGAIN, _TRY_AGAIN), seconds),
        _stage("pod-goes", "Pod", [gone], None),
    ]


def _when(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def _stage(
    name: str, kind: str, when: list[dict[str, Any]], status: Mapping[str, Any] | None, seconds: float = 0
) -> dict[str, Any]:
    """Return what becomes of an object after ``seconds`` (up to a third more) once it is so: a status, or its end."""
    to = {"delete": True} if status is None else {"statusTemplate": yaml.safe_dump(dict(status), width=10_000)}
    delay = {"durationMilliseconds": int(seconds * 1000), "jitterDurationMilliseconds": int(seconds * 4000 / 3)}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": when},
            **({"delay": delay} if seconds else {}),
            "next": to,
        },
    }


def _container(state: Mapping[str, Any]) -> dict[str, Any]:
    names = {"name": CONTAINER, "image": "simulated", "imageID": "simulated"}
    return {**names, "ready": "running" in state, "restartCount": 0, "state": dict(state)}


_NOW: Final = "{{ Now }}"
_NODE: Final = {
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Simulated",
            "message": "Nothing runs here.",
            "lastHeartbeatTime": _NOW,
            "lastTransitionTime": _NOW,
        }
    ],
    **{kind: {"cpu": "500", "memory": "1000Gi", "pods": _PODS} for kind in ("allocatable", "capacity")},
}
_STARTED: Final = {
    "phase": "Running",
    "startTime": _NOW,
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": _NOW}
        for kind in ("Initialized", "Ready", "ContainersReady")
    ],
    "containerStatuses": [_container({"running": {"startedAt": _NOW}})],
}


def _ended(code: ExitCode, answer: Answer) -> dict[str, Any]:
    """Return a pod's status at its end, with the exit code and the last word of a real one."""
    ended = {
        "exitCode": code.value,
        "reason": "Error" if code else "Completed",
        "message": to_line(answer),
        "startedAt": _NOW,
        "finishedAt": _NOW,
    }
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [_container({"terminated": ended})]}
