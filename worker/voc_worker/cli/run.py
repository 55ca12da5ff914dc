"""``voc run``: a month on this machine."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from voc_models.exit_codes import ExitCode, UsageError
from voc_models.months import Month
from voc_models.plan import Plan, Summary
from voc_models.run import CHAMPION_MODEL, Mode, RunSpec, checked_spec, read_manifest, resolve_month, run_id
from voc_worker.cli.state import State, state
from voc_worker.local.lock import month_lock
from voc_worker.local.processes import Processes
from voc_worker.local.runner import LocalRun, new_identity


def run(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: typer.Context,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A VocMonthlyRun manifest to execute here.")] = None,
    mode: Annotated[Mode | None, typer.Option(help="full, refresh or tagging-only; train is `voc train`.")] = None,
    month: Annotated[str | None, typer.Option(help="2025-12 or 202512.")] = None,
    year: Annotated[int | None, typer.Option(help="With --month 1..12, the other way to name a month.")] = None,
    auto_month: Annotated[bool, typer.Option("--auto-month", help="The month before today, in TIME_ZONE.")] = False,
    building_id: Annotated[list[str] | None, typer.Option(help="Repeat for several buildings.")] = None,
    all_buildings: Annotated[
        bool, typer.Option("--all-buildings", help="Every building with VOC in the month (the default).")
    ] = False,
    model_version: Annotated[str, typer.Option(help="champion, keyword, or a release such as 20260116.")] = "champion",
    parallelism: Annotated[int, typer.Option(min=1, help="Buildings at once, each in a process.")] = 2,
    backoff_limit: Annotated[int, typer.Option(min=0, help="Further attempts for a building that failed.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Run finished buildings again, as a new run.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and write nothing.")] = False,
    env: Annotated[str | None, typer.Option(help="Read .env.NAME instead of .env.", metavar="NAME")] = None,
) -> None:
    """Run one month: tag it, publish its dashboards, fill the review sheet; or merge the reviews.

    An interrupted run is taken up again by the same command; finished buildings are skipped unless --force.

    Examples:
        voc run --mode full --all-buildings --auto-month
        voc run --mode refresh --month 2025-12
        voc run --mode full --building-id 95 --year 2025 --month 12
        voc run -f run.yaml
    """
    now = state(context, env)
    if building_id and all_buildings:
        raise UsageError("Give --building-id or --all-buildings, not both.")
    if file is not None:
        if mode is not None or month is not None or building_id:
            raise UsageError("--file says everything that a run needs; leave out --mode, --month and --building-id.")
        spec = read_manifest(_read(file)).spec
    else:
        if mode is None:
            raise UsageError("Say what to do with --mode full, refresh or tagging-only, or give a manifest with -f.")
        spec = checked_spec(
            mode=mode,
            month=chosen_month(month, year, auto_month=auto_month),
            time_zone=now.settings.time_zone,
            buildings=building_id or None,
            model_version=model_version or CHAMPION_MODEL,
            parallelism=parallelism,
            backoff_limit=backoff_limit,
        )
    execute(now, spec, force=force, dry_run=dry_run)


def chosen_month(month: str | None, year: int | None, *, auto_month: bool) -> Month | None:
    """Return the month that the options name, None for the one before today.

    Raises:
        UsageError: none or more than one way was used.
    """
    if auto_month:
        if month is not None or year is not None:
            raise UsageError("--auto-month already names the month; leave out --month and --year.")
        return None
    if month is None:
        raise UsageError("Name the month: --month 2025-12, --year 2025 --month 12, or --auto-month.")
    if year is not None:
        if not (month.isascii() and month.isdigit() and len(month) <= 2):
            raise UsageError("With --year, --month is a number from 1 to 12.")
        return Month(year, int(month))
    return Month.parse(month)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.") from error


def execute(
    now: State,
    spec: RunSpec,
    *,
    force: bool = False,
    dry_run: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Summary | None:
    """Run ``spec`` to its end with progress; the process leaves with a failing code when a building failed.

    ``settings`` are variables that the steps find beside those of the environment.
    """
    created, identity = new_identity()
    month = resolve_month(spec.month, created, spec.time_zone)
    name = run_id(spec.mode, created, identity)
    processes = Processes({**now.environment(), **settings}, now.settings.path(now.settings.log_dir) / name)
    local = LocalRun(now.parts.store, processes, now.reporter, spec)
    if dry_run:
        show_plan(now, local.plan_only(month, created, identity))
        return None
    lock = "train" if spec.mode is Mode.TRAIN else month.compact
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with month_lock(now.settings.path(now.settings.out_dir) / "locks", lock, f"Run {name}"):
            summary = local.execute(month, created, identity, force=force)
    except BaseException:
        processes.stop()
        raise
    if summary is not None:
        show_summary(now, summary)
        if summary.failed:
            raise typer.Exit(ExitCode.DATA)
    return summary


def show_plan(now: State, plan: Plan) -> None:
    """Print what a run would do."""
    say = now.reporter.say
    say(f"Mode {plan.mode.value}, month {plan.month}, model {plan.model.release}. Nothing was written.")
    if plan.mode is Mode.TRAIN:
        say("Months with reviews: " + (", ".join(str(month) for month in plan.train_months) or "none") + ".")
        return
    for building in plan.buildings:
        say(f"  {building.id:>8}  {building.rows:>6} rows  {building.name}{' (closed)' if building.closed else ''}")
    if not plan.buildings:
        say(f"No building has VOC in {plan.month}.")


def show_summary(now: State, summary: Summary) -> None:
    """Print what became of a run and where it lies."""
    say = now.reporter.say
    if summary.mode is not Mode.TRAIN:
        reviewed = f", {summary.reviewed_rows} of them reviewed" if summary.mode is Mode.REFRESH else ""
        say(f"{summary.month}: {summary.succeeded} of {summary.total} buildings, {summary.rows} rows{reviewed}.")
    for building, reason in summary.failed.items():
        say(f"  failed: building {building}: {reason}")
    for row in summary.disputed[:20]:
        say(f"  not merged: VOC {row.get('voc_id', '?')}: {row.get('reason', '')}")
    if len(summary.disputed) > 20:
        say(f"  … and {len(summary.disputed) - 20} more; see 처리결과 in the review sheet.")
    for name, where in summary.details.get("links", {}).items():
        say(f"  {name}: {where}")
