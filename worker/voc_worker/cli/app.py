"""The root of the ``voc`` command, its error sentences and exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from voc_models.exit_codes import ExitCode, VocError
from voc_worker.cli import backfill, classify, demo, doctor, models, promote, report, review, run, sample, train
from voc_worker.cli.state import State

app = typer.Typer(
    name="voc",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Tag a month of tenants' requests (VOC), publish dashboards, collect reviews, retrain.

A month in four commands:

    voc run --mode full --auto-month        # the 1st: tag last month, dashboards, review workbook

    voc review open --month 2025-12         # reviewers correct tags until the 15th

    voc run --mode refresh --auto-month     # the 15th: reviewed numbers behind the same links

    voc train --months 2025-11,2025-12      # the 20th: less to correct next month

Settings come from the environment and from `.env` (`--env dev`: `.env.dev`); `.env.example` explains each.
Without any setting everything is embedded and lies in ./var. `voc doctor` says what is missing.
""",
)


@app.callback()
def root(
    context: typer.Context,
    env: Annotated[str | None, typer.Option(help="Read .env.NAME instead of .env.", metavar="NAME")] = None,
) -> None:
    """Remember which settings file the subcommand reads."""
    context.obj = State(env)


app.command("run")(run.run)
app.command("train")(train.train)
app.command("classify")(classify.classify)
app.command("report")(report.report)
app.command("serve")(report.serve)
app.command("doctor")(doctor.doctor)
app.command("promote")(promote.promote)
app.command("backfill")(backfill.backfill)
app.command("demo")(demo.demo)
app.add_typer(review.app, name="review")
app.add_typer(models.app, name="models")
app.add_typer(sample.app, name="sample")


#: What Typer leaves with after a wrong option, and after Ctrl-C.
_MISUSED, _INTERRUPTED = 2, 130


def main() -> None:
    """Run the command; an error is one sentence on standard error and the contract's exit code."""
    errors = Console(stderr=True)
    try:
        app()
    except VocError as error:
        errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except SystemExit as leaving:
        if leaving.code == _MISUSED:
            sys.exit(ExitCode.USAGE)
        if leaving.code == _INTERRUPTED:
            errors.print("Interrupted. Run the same command again to go on where it stopped.")
            sys.exit(ExitCode.TRY_AGAIN)
        raise
