"""A run of 10,000 buildings: it comes to its end, and what is reported of it fits into one object of the API server."""

from __future__ import annotations

import json

import pytest

from tests.unit.operator_world import World
from voc_models.run import RunSpec
from voc_operator import runs
from voc_operator.runs import manifest
from voc_operator.status import BuildingPhase, BuildingStatus, RunStatus

BUILDINGS = 10_000
#: etcd's limit for a request; the object also holds the spec and what the API server adds.
ETCD_BYTES = 1_500_000
SENTENCE = "Exit code 65: 분류 체계에 없는 대분류가 있습니다. " * 10


def size(status: object) -> int:
    """Return how many bytes the API server stores for it."""
    return len(json.dumps(status, ensure_ascii=False, separators=(",", ":")).encode())


def failed(message: str, count: int = BUILDINGS, prefix: str = "building-") -> RunStatus:
    """Return a status whose buildings all failed after three attempts, each with that message."""
    line = BuildingStatus(phase=BuildingPhase.FAILED, attempts=3, jobs=5, disruptions=2, message=message[:400])
    return RunStatus(buildings={f"{prefix}{number:05}": line for number in range(count)}, total=count, failed=count)


def test_a_run_of_ten_thousand_buildings_ends_with_every_one_of_them() -> None:
    """Each building gets one Job and ends once; the status of the run fits into an object."""
    names = tuple(f"building-{number:05}" for number in range(BUILDINGS))
    world = World(RunSpec.model_validate({"mode": "full", "parallelism": 1000}), buildings=names)
    status = world.play()
    assert (status.succeeded, len(world.created)) == (BUILDINGS, BUILDINGS + 2)
    assert size(manifest(status)) < ETCD_BYTES * 0.8


@pytest.mark.parametrize("message", [SENTENCE, "x" * 400])
def test_ten_thousand_failures_fit_into_one_object(message: str) -> None:
    """Messages are shortened until the status fits; that a building failed, and how often, is never left out."""
    status = failed(message)
    body = manifest(status)
    assert size(body) <= runs.STATUS_BYTES < ETCD_BYTES
    lines = body["buildings"].values()
    assert len(lines) == BUILDINGS
    assert all(line["phase"] == "Failed" and line["attempts"] == 3 for line in lines)
    assert RunStatus.model_validate(body).failed == BUILDINGS


def test_of_ten_thousand_long_ids_the_messages_are_left_out() -> None:
    """Ids as long as a DNS label leave no room for a word about each; phase and counts stay."""
    body = manifest(failed(SENTENCE, prefix="b" * 58))
    assert size(body) <= runs.STATUS_BYTES
    assert all(line["phase"] == "Failed" and "message" not in line for line in body["buildings"].values())


def test_a_run_of_usual_size_keeps_its_messages_whole() -> None:
    """Nothing is shortened as long as it fits, and a shortened message says so."""
    body = manifest(failed(SENTENCE, 500))
    assert {line["message"] for line in body["buildings"].values()} == {SENTENCE[:400]}
    (short,) = {line["message"] for line in manifest(failed(SENTENCE, 4_000))["buildings"].values()}
    assert short.endswith("…")
    assert SENTENCE.startswith(short.removesuffix("…"))
