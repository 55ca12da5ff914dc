"""``voc review``: the reviewers' sheet, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voc_models.exit_codes import UsageError
from voc_models.months import Month
from voc_worker.cli.state import State, state
from voc_worker.review.checkout import push, take

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
