"""One run per (month, building) at a time, one training at a time: who waits for whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from voc_models.exit_codes import VocError
from voc_models.months import Month
from voc_models.run import Mode, resolve_month
from voc_operator.decision import Run
from voc_operator.status import FINISHED, Phase

_HOLDING = frozenset({Phase.PREPARING, Phase.RUNNING, Phase.PUBLISHING})


def blocking(run: Run, others: Iterable[Run]) -> str:
    """Return the name of the run that ``run`` has to wait for, "" when it may go on.

    A run that has begun holds its month; of runs that have not, the oldest that is not suspended is first.
    """
    found = [other for other in others if other.uid != run.uid and _rivals(run, other) and _first(other, run)]
    return min(found, key=_age).name if found else ""


def _rivals(run: Run, other: Run) -> bool:
    if other.deleting or _over(other) or (run.spec.mode is Mode.TRAIN) is not (other.spec.mode is Mode.TRAIN):
        return False
    if run.spec.mode is Mode.TRAIN:
        return True
    return _month(run) is not None and _month(run) == _month(other) and _share_buildings(run, other)


def _over(run: Run) -> bool:
    if run.status.phase is Phase.CANCELLED:
        return True
    return run.status.phase in FINISHED and run.spec.retry_failed <= run.status.retry_failed


def _share_buildings(run: Run, other: Run) -> bool:
    if run.spec.buildings is None or other.spec.buildings is None:
        return True
    return bool(set(run.spec.buildings) & set(other.spec.buildings))


def _month(run: Run) -> Month | None:
    try:
        return run.status.month or resolve_month(run.spec.month, run.created, run.spec.time_zone)
    except VocError:
        return None


def _first(other: Run, run: Run) -> bool:
    if holds(other) or holds(run):
        # Two that hold were so before they could see each other: the older one goes on.
        return holds(other) and (not holds(run) or _age(other) < _age(run))
    return not other.spec.suspend and _age(other) < _age(run)


def holds(run: Run) -> bool:
    """Tell whether ``run`` has begun and not finished; suspended in the middle it keeps its month."""
    suspended = run.status.phase is Phase.SUSPENDED and run.status.start_time is not None
    return run.status.phase in _HOLDING or suspended


def _age(run: Run) -> tuple[object, str, str]:
    return run.created, run.name, run.uid
