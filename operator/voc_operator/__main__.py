"""The operator's commands; each exits with a code of the contract (``voc_models.exit_codes``)."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from voc_models.exit_codes import ExitCode, VocError
from voc_models.logs import configure_logging
from voc_models.settings import load
from voc_operator import backfill, cancel, check, trigger
from voc_operator.run_command import run_operator
from voc_operator.settings import Settings

logger = logging.getLogger("voc_operator")


class Command(NamedTuple):
    """One subcommand: what it does in a sentence, its arguments, and what runs it."""

    summary: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Settings, argparse.Namespace], None]


def _none(_parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


COMMANDS: dict[str, Command] = {
    "run": Command("Watch the namespace's VocMonthlyRuns and drive them until SIGTERM.", _none, run_operator),
    "trigger": Command("Create the run of the month before the scheduled time.", trigger.arguments, trigger.run),
    "backfill": Command("Create the runs of missed months, retry those that failed.", backfill.arguments, backfill.run),
    "cancel": Command("Cancel every active run and wait until their pods ended.", cancel.arguments, cancel.run),
    "check": Command("Is the API served, and may the operator do its work?", _none, check.run),
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    root = argparse.ArgumentParser(prog="python -m voc_operator", description="The operator of VocMonthlyRun objects.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.arguments(commands.add_parser(name, help=command.summary, description=command.summary))
    return root


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        arguments = parser().parse_args(words)
    except SystemExit as end:
        return ExitCode.OK if not end.code else ExitCode.USAGE
    try:
        settings = load(Settings)
        configure_logging(settings.log_level, settings.log_format)
        COMMANDS[arguments.command].run(settings, arguments)
    except VocError as error:
        logger.error("%s", error)
        return error.exit_code
    except Exception:
        logger.exception("A bug ended %s.", arguments.command)
        return ExitCode.BUG
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
