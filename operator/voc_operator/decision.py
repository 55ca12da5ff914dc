"""What goes into a reconcile and what comes out of it: values only."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from voc_models.plan import Plan
from voc_models.run import RunSpec
from voc_operator.jobs import Attempt
from voc_operator.status import RunStatus


class Run(NamedTuple):
    """A VocMonthlyRun as it was last seen; ``status`` may be newer than what the API server holds."""

    name: str
    namespace: str
    uid: str
    generation: int
    created: datetime
    deleting: bool
    spec: RunSpec
    status: RunStatus


class Facts(NamedTuple):
    """What a reconcile must be told from outside.

    Attributes:
        now: the clock.
        plan: the run's plan, once ``prepare`` has succeeded and the store gave it.
        plan_fault: why the store does not give the plan; "" while nothing is wrong.
        blocked_by: name of the run that this one waits for, "" when none.
        conflicts: names of this run's next Jobs that exist and belong to somebody else.
    """

    now: datetime
    plan: Plan | None = None
    plan_fault: str = ""
    blocked_by: str = ""
    conflicts: frozenset[str] = frozenset()


class RunEvent(NamedTuple):
    """A Kubernetes Event: ``reason`` in CamelCase for programs, ``message`` a sentence for people."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


class AttemptEnd(NamedTuple):
    """An attempt that came to its end: how, in the metrics' words, and in a sentence unless it succeeded."""

    attempt: Attempt
    outcome: str
    message: str


class Decision(NamedTuple):
    """What to do now.

    Attributes:
        status: the whole next status.
        create: attempts whose Jobs are to be created.
        delete: names of Jobs to delete, always Foreground.
        events: what to tell.
        ended: the attempts that were latched just now.
        needs_plan: the plan must be read from the store before the run can go on.
        wake: when to look again although nothing happens; None when only events matter.
    """

    status: RunStatus
    create: tuple[Attempt, ...] = ()
    delete: tuple[str, ...] = ()
    events: tuple[RunEvent, ...] = ()
    ended: tuple[AttemptEnd, ...] = ()
    needs_plan: bool = False
    wake: datetime | None = None
