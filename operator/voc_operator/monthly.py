"""The run that a month has of each mode: its name, its manifest, and whether an object of that name is it. Pure.

``trigger`` and ``backfill`` both make it, so that whoever comes second finds what the first one made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from voc_models.exit_codes import DataError, UsageError
from voc_models.months import Month, month_before
from voc_models.run import API_VERSION, KIND, Mode, RunSpec
from voc_operator.config import OperatorConfig

#: RFC 3339 time for which a schedule asked for the run.
SCHEDULED_ANNOTATION = "vocnlp.io/scheduled-for"


class TakenError(DataError):
    """Another run has the name that the month's own should have."""


def time_zone(config: OperatorConfig, mode: Mode, default: str) -> str:
    """Return the zone in which runs of this mode begin and end their month."""
    return str(config.runs.get(mode, {}).get("timeZone", default))


def run_name(mode: Mode, month: Month) -> str:
    """Return ``full-2025-12``: one name for each mode and month."""
    return f"{mode.value}-{month}"


def scheduled_month(scheduled: datetime, zone: str) -> Month:
    """Return the month of a run of any mode, train included: the one before the scheduled time in ``zone``."""
    return month_before(scheduled, zone)


def manifest(
    mode: Mode, month: Month, config: OperatorConfig, default_zone: str, scheduled: datetime | None = None
) -> dict[str, Any]:
    """Return the VocMonthlyRun of a month, with what the configuration says of runs of its mode.

    Raises:
        UsageError: those fields make no valid spec; the sentence names the first.
    """
    given = {"timeZone": default_zone, **config.runs.get(mode, {}), "mode": mode.value, "month": str(month)}
    try:
        spec = RunSpec.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"The configuration's runs.{mode.value} is refused: {where}: {first['msg']}.") from error
    metadata: dict[str, Any] = {"name": run_name(mode, month)}
    if scheduled is not None:
        metadata["annotations"] = {SCHEDULED_ANNOTATION: scheduled.isoformat()}
    body = spec.model_dump(by_alias=True, mode="json", exclude_unset=True)
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": body}


def is_run_of(run: Mapping[str, Any], mode: Mode, month: Month) -> bool:
    """Tell whether an object is a run of the whole month in this mode, whatever its name."""
    spec, status = run.get("spec") or {}, run.get("status") or {}
    own_month = spec.get("month") or status.get("month")
    return spec.get("mode") == mode.value and own_month == str(month) and not spec.get("buildings")


def taken(run: Mapping[str, Any], mode: Mode, month: Month) -> TakenError:
    """Return the error for an object that has the month's name and is another run."""
    spec = run.get("spec") or {}
    some = f" for {len(spec['buildings'])} buildings alone" if spec.get("buildings") else ""
    what = f"mode {spec.get('mode')} of {spec.get('month') or 'some month'}{some}"
    return TakenError(
        f"{KIND} {run_name(mode, month)} is {what}, and so not the {mode.value} run of {month}. Delete it (its results "
        "stay in the store) and start `backfill` for that month."
    )
