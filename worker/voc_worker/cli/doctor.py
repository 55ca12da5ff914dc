"""``voc doctor``: what works, what does not, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from voc_models.exit_codes import ExitCode
from voc_worker.checks import DOCTOR, examine
from voc_worker.cli.state import state


def doctor(
    context: typer.Context,
    env: Annotated[str | None, typer.Option(help="Read .env.NAME instead of .env.", metavar="NAME")] = None,
) -> None:
    """Check database, store, review book, models and fonts, and say what to fix.

    Ends with 0 when everything works, with 69 when something does not.
    """
    now = state(context, env)
    sick = 0
    for finding in examine(now.parts, DOCTOR):
        now.reporter.say(finding.line)
        sick += not finding.fine
    if sick:
        now.reporter.say(f"{sick} of {len(DOCTOR)} checks failed. Each line says what to do.")
        raise typer.Exit(ExitCode.UNAVAILABLE)
