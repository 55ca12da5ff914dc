"""``trigger``: what the CronJobs run. It makes the month's VocMonthlyRun and waits for nothing.

The name comes from the time for which the CronJob was due: a CronJob that fires twice, or a pod that is tried again a
day later, finds the run that is there already. A Job that a person made (``kubectl create job --from=cronjob/…``)
counts from its creation, which does not change from try to try either; outside of a Job it is now.
"""

from __future__ import annotations

import argparse
import logging
from datetime import UTC, datetime
from typing import Any, Protocol

from voc_models.exit_codes import UsageError
from voc_models.run import KIND, Mode
from voc_operator import monthly
from voc_operator.config import OperatorConfig, read_config
from voc_operator.connection import connect
from voc_operator.errors import AlreadyExistsError
from voc_operator.settings import Settings, read_text

logger = logging.getLogger(__name__)

#: The CronJob controller writes it on each Job that it makes (Kubernetes 1.29 and later).
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class Runs(Protocol):
    """What the trigger needs of the cluster."""

    def get_job(self, name: str) -> dict[str, Any]:
        """Return a Job."""

    def get_run(self, name: str) -> dict[str, Any]:
        """Return a run."""

    def create_run(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create a run; AlreadyExistsError when there is one of that name."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--mode", required=True, choices=[mode.value for mode in Mode])
    parser.add_argument(
        "--scheduled",
        metavar="TIME",
        help="the time for which it was due, such as 2026-01-01T02:00:00+09:00; omitted: what the Job says "
        "that JOB_NAME names (when it was due, else when it was created), or now",
    )


def run(settings: Settings, given: argparse.Namespace) -> None:
    """Make the run of the month before the scheduled time."""
    config = read_config(read_text(settings.config_file))
    cluster = connect(settings)
    now = datetime.now(UTC).replace(microsecond=0)
    scheduled = read_time(given.scheduled) if given.scheduled else scheduled_time(cluster, settings.job_name, now)
    logger.info("%s", trigger(cluster, config, Mode(given.mode), scheduled, settings.time_zone))


def read_time(text: str) -> datetime:
    """Return an RFC 3339 time.

    Raises:
        UsageError: it is none, or it does not say its zone.
    """
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time. Write it as 2026-01-01T02:00:00+09:00.") from error
    if time.tzinfo is None:
        raise UsageError(f"{text!r} does not say its zone. Write it as 2026-01-01T02:00:00+09:00.")
    return time


def scheduled_time(cluster: Runs, job_name: str | None, now: datetime) -> datetime:
    """Return the time for which the CronJob's Job was due; of a Job without a schedule its creation; without a Job now.

    Raises:
        NotFoundError: there is no such Job.
    """
    if not job_name:
        logger.warning(
            "JOB_NAME is not set, so this is no Job: the month is the one before now. --scheduled says another."
        )
        return now
    metadata = cluster.get_job(job_name)["metadata"]
    text = (metadata.get("annotations") or {}).get(SCHEDULED)
    if text:
        return read_time(text)
    created = str(metadata["creationTimestamp"])
    logger.warning("No schedule made Job %s: the month is the one before its creation at %s.", job_name, created)
    return read_time(created)


def trigger(cluster: Runs, config: OperatorConfig, mode: Mode, scheduled: datetime, default_zone: str) -> str:
    """Create the run unless it is there; return a sentence.

    Raises:
        TakenError: another run has that name.
        InvalidError: the API server refuses it.
    """
    month = monthly.scheduled_month(scheduled, monthly.time_zone(config, mode, default_zone))
    wanted = monthly.manifest(mode, month, config, default_zone, scheduled)
    name = wanted["metadata"]["name"]
    try:
        cluster.create_run(wanted)
    except AlreadyExistsError as error:
        found = cluster.get_run(name)
        if not monthly.is_run_of(found, mode, month):
            raise monthly.taken(found, mode, month) from error
        return f"{KIND} {name} exists already; nothing to do."
    return f"{KIND} {name} was created for {month}, as scheduled for {scheduled.isoformat()}."
