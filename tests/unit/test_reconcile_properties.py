"""Whatever happens in whatever order: every run ends, and every building has exactly one end."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.operator_world import World
from voc_models.run import Mode, RunSpec, Step
from voc_operator.observed import JobState
from voc_operator.status import FINISHED, BuildingPhase, Phase

PARALLELISM = 3
BUILDINGS = tuple(f"b{number}" for number in range(6))


def _finish(world: World, name: str) -> None:
    world.end(name)


def _bug(world: World, name: str) -> None:
    world.end(name, 70)


def _unavailable(world: World, name: str) -> None:
    world.end(name, 69)


def _oom(world: World, name: str) -> None:
    world.end(name, 137, oom=True)


def _nothing(world: World, name: str) -> None:
    """Let the Job go on."""


TROUBLES: dict[str, Callable[[World, str], None]] = {
    "finish": _finish,
    "bug": _bug,
    "unavailable": _unavailable,
    "oom": _oom,
    "pod deleted": World.delete_pod,
    "job deleted": World.delete_job,
    "job deleted, pod left": World.orphan,
    "node lost": World.lose_node,
    "nothing": _nothing,
}
CHANGES = ("restart", "persist", "suspend", "resume", "outage of the store", "store back", "clock back", "none")
MOMENTS = st.tuples(
    st.sampled_from(sorted(TROUBLES)), st.integers(0, 5), st.sampled_from(CHANGES), st.sampled_from([0, 1, 30, 400])
)


def _check(world: World) -> None:
    """Check what must hold at every moment."""
    unfinished = [
        job
        for job in world.jobs.values()
        if job.attempt.step is Step.BUILDING and job.state is JobState.ACTIVE and not job.deleting
    ]
    assert len(unfinished) <= PARALLELISM
    busy = [job.attempt.building for job in unfinished]
    assert len(busy) == len(set(busy)), "two Jobs work on one building"
    living = [
        pod.attempt.building
        for pod in world.pods.values()
        if pod.attempt.step is Step.BUILDING and not pod.ended and pod.gone_by is None
    ]
    assert len(living) == len(set(living)), "two living pods work on one building"


def _change(world: World, change: str) -> None:
    if change == "restart":
        world.restart()
    elif change == "persist":
        world.persist()
    elif change in {"suspend", "resume"}:
        world.spec = world.spec.model_copy(update={"suspend": change == "suspend"})
    elif change == "outage of the store":
        world.store_fault = "The store does not answer."
    elif change == "store back":
        world.store_fault = ""
    elif change == "clock back":
        world.wait(-5)


@settings(max_examples=150, deadline=None)
@given(st.lists(MOMENTS, max_size=60))
def test_any_order_of_events_losses_and_restarts_ends_with_every_building_exactly_once(
    story: list[tuple[str, int, str, int]],
) -> None:
    """After any story, once nothing fails any more and failures are retried, every building has succeeded once."""
    world = World(RunSpec(mode=Mode.FULL, parallelism=PARALLELISM, backoff_limit=2), BUILDINGS)
    for trouble, which, change, seconds in story:
        world.step()
        _check(world)
        active = world.active()
        if active:
            TROUBLES[trouble](world, active[which % len(active)])
        _change(world, change)
        world.wait(seconds)
    world.store_fault = ""
    # A person raises retryFailed of a run whose status they have seen.
    world.step()
    world.persist()
    world.spec = world.spec.model_copy(update={"suspend": False, "retry_failed": 1})
    for _ in range(200):
        world.step()
        _check(world)
        if world.status.phase in FINISHED and world.status.retry_failed == 1:
            break
        world.end_orphans()
        for name in world.active():
            if any(pod.gone_by is None for pod in world.running_pods(name)):
                world.end(name)
        world.wait(700)
    assert world.status.phase is Phase.SUCCEEDED
    assert {name: line.phase for name, line in world.status.buildings.items()} == dict.fromkeys(
        BUILDINGS, BuildingPhase.SUCCEEDED
    )
    assert (world.status.succeeded, world.status.failed) == (len(BUILDINGS), 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(MOMENTS, max_size=30))
def test_reconciling_twice_changes_nothing(story: list[tuple[str, int, str, int]]) -> None:
    """The same facts lead to the same status, no matter how often they are looked at."""
    world = World(RunSpec(mode=Mode.FULL, parallelism=PARALLELISM), BUILDINGS)
    for trouble, which, change, seconds in story:
        world.step()
        again = world.step()
        assert not again.create
        assert not again.delete
        assert not again.events
        assert again.status == world.status
        active = world.active()
        if active:
            TROUBLES[trouble](world, active[which % len(active)])
        _change(world, change)
        world.wait(seconds)
