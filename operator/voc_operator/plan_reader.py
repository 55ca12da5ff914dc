"""Reads a run's plan from the store, the one thing that the operator reads there, and keeps it while the run works."""

from __future__ import annotations

from collections.abc import Callable

from voc_models import keys
from voc_models.exit_codes import VocError
from voc_models.months import Month
from voc_models.plan import Plan, read_record
from voc_models.store import ObjectStore


class PlanReader:
    """Plans by run id. ``read`` blocks on the store, so it belongs into a thread; the rest does not."""

    def __init__(self, open_store: Callable[[], ObjectStore]) -> None:
        """Remember how to open the store, which is done when the first plan is needed."""
        self._open = open_store
        self._store: ObjectStore | None = None
        self._plans: dict[str, Plan] = {}

    def known(self, run_id: str) -> Plan | None:
        """Return the plan when it was read before."""
        return self._plans.get(run_id)

    def read(self, month: Month, run_id: str) -> str:
        """Read the plan of a run whose ``prepare`` has ended well.

        Returns:
            Why there is none, as one sentence; "" when :meth:`known` has it now.
        """
        key = keys.plan(month, run_id)
        try:
            if self._store is None:
                self._store = self._open()
            plan = read_record(Plan, self._store.get(key).data, key)
        except VocError as error:
            return str(error)
        if plan.run_id != run_id:
            return f"{key} is the plan of run {plan.run_id}, not of {run_id}. Remove it and start another run."
        self._plans[run_id] = plan
        return ""

    def forget(self, run_id: str) -> None:
        """Drop the plan of a run that is finished or gone."""
        self._plans.pop(run_id, None)
