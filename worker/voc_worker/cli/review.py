"""``voc review``: the reviewers' sheet, from the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.table import Table

from voc_models.exit_codes import DataError, UsageError
from voc_models.labels import HEAD_NAMES, HEADS
from voc_models.months import Month
from voc_worker import archive
from voc_worker.cli.state import State, state
from voc_worker.review.checkout import push, take
from voc_worker.review.history import load_history
from voc_worker.review.report import Rate, ReviewReport, review_report
from voc_worker.review.resolve import Resolution, resolve
from voc_worker.review.snapshot import counts_by_building, known_reviews

app = typer.Typer(help="The review sheet: open, push, url, status, conflicts, report.", no_args_is_help=True)
MonthOption = Annotated[str, typer.Option("--month", help="2025-12 or 202512.")]


@app.command("open")
def open_workbook(
    context: typer.Context,
    month: MonthOption,
    to: Annotated[Path, typer.Option(help="Folder for the file.")] = Path(),
    discard: Annotated[bool, typer.Option("--discard", help="Replace a copy that was not pushed.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only fetch the file.")] = False,
) -> None:
    """Fetch the month's workbook and open it. Give it back with `voc review push`."""
    now, asked = state(context), Month.parse(month)
    if now.settings.review_backend == "sheets":
        where = now.parts.book().url(asked)
        now.reporter.say(f"Reviewers work in Google Sheets: {where}")
    else:
        where = str(take(now.parts.store, asked, to, discard=discard))
        now.reporter.say(f"The workbook is {where}. When it is saved and closed: voc review push {where}")
    if not no_open:
        typer.launch(where)


@app.command("push")
def push_workbook(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file that `voc review open` fetched.")],
) -> None:
    """Give the workbook back; refused when somebody else has changed it meanwhile."""
    now = state(context)
    _only_workbook(now)
    pushed = push(now.parts.store, file)
    now.reporter.say(
        f"{file} is in the store: {pushed.marked} of {pushed.rows} rows are marked. The next refresh merges them."
        if pushed.written
        else f"{file} was not changed since it was fetched; nothing was written."
    )


def _only_workbook(now: State) -> None:
    if now.settings.review_backend == "sheets":
        raise UsageError("With REVIEW_BACKEND=sheets nothing is pushed: reviewers work in the sheet itself.")


@app.command()
def url(context: typer.Context, month: MonthOption) -> None:
    """Print where reviewers open the month."""
    now = state(context)
    now.reporter.say(now.parts.book().url(Month.parse(month)))


def _tagged(now: State, month: Month) -> pd.DataFrame:
    """Return the month's tagged rows of every building.

    Raises:
        DataError: the month was never run.
    """
    frames = [found.frame for found in archive.read_months(now.parts.store, month, what="tagged")]
    if not frames:
        raise DataError(f"{month} has no tagged rows yet. Run mode full for that month first.")
    return pd.concat(frames, ignore_index=True)


def _resolved(now: State, month: Month) -> Resolution:
    """Return what the sheet comes to as it stands now; nothing is written."""
    with now.parts.source() as source:
        taxonomy = source.taxonomy()
    tagged = _tagged(now, month)
    return resolve(now.parts.book().read(month), taxonomy, tagged, known_reviews(now.parts.store, month))


@app.command()
def status(context: typer.Context, month: MonthOption) -> None:
    """Show rows, reviewed, disputed and pending by building, as the sheet stands now."""
    now, asked = state(context), Month.parse(month)
    resolution = _resolved(now, asked)
    counts = counts_by_building(resolution)
    table = Table("Building", "Rows", "Reviewed", "Disputed", "Y missing")
    for building, *numbers in counts.itertuples(index=False, name=None):
        table.add_row(str(building), *map(str, numbers))
    table.add_section()
    table.add_row("all", *(str(int(counts[name].sum())) for name in ("rows", "reviewed", "disputed", "pending")))
    now.reporter.console.print(table)


@app.command()
def conflicts(context: typer.Context, month: MonthOption) -> None:
    """List every row that cannot be merged as it stands now, with the reason that its reviewer sees."""
    now, asked = state(context), Month.parse(month)
    disputed = _resolved(now, asked).disputed
    for one in disputed:
        where = f"row {one.sheet_row}" if one.sheet_row else "row deleted"
        now.reporter.say(f"VOC {one.voc_id or '?'}  building {one.building_id or '?'}  {where}: {one.reason}")
    now.reporter.say(f"{len(disputed)} rows of {asked} cannot be merged as they stand.")


@app.command()
def report(context: typer.Context, month: MonthOption) -> None:
    """Show the month's correction rates by class and by confidence, and how many rows it takes to reach 95 %."""
    now, asked = state(context), Month.parse(month)
    events = load_history(now.parts.store, asked)
    if not events:
        raise DataError(f"No review of {asked} was merged yet. Run mode refresh for that month first.")
    found = review_report(events, _tagged(now, asked))
    for head in HEADS:
        now.reporter.say(f"\n{HEAD_NAMES[head]}")
        now.reporter.console.print(_rates("By confidence", found.by_band[head]))
        now.reporter.console.print(_rates("By class", sorted(found.by_class[head], key=lambda one: -one.corrected)))
    now.reporter.say(effort_sentence(found))


def _rates(title: str, rates: Iterable[Rate]) -> Table:
    table = Table(title, "Reviewed", "Corrected", "Rate", "95 % interval")
    for one in rates:
        interval = f"{one.low:.1%} to {one.high:.1%}"
        table.add_row(one.name, str(one.reviewed), str(one.corrected), f"{one.rate:.1%}", interval)
    return table


def effort_sentence(found: ReviewReport) -> str:
    """Say how many rows a reviewer would have had to read, and on what that rests."""
    effort = found.effort
    if effort is None:
        return "Too few 표본 rows were reviewed to estimate how many rows must be read. Review the 표본 rows first."
    return (
        f"To reach 95 % right, {effort.rows} of {effort.total} rows would have had to be read, least certain first "
        f"(95 % interval {effort.low} to {effort.high}; from {effort.judged} of {effort.sampled} 표본 rows, "
        f"{effort.wrong} of them wrong)."
    )
