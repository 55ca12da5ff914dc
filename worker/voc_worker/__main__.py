"""``python -m voc_worker prepare|building|publish|check``: what containers run, with the exit codes of the contract."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from voc_models import answer
from voc_models.exit_codes import ExitCode, TryAgainError, UsageError, VocError
from voc_models.logs import configure_logging
from voc_models.months import Month
from voc_models.plan import Plan, read_record
from voc_models.run import Mode, TrainSpec, checked_run_id
from voc_models.settings import load
from voc_worker.settings import Settings
from voc_worker.wiring import Parts

log = logging.getLogger("voc_worker")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See python -m voc_worker --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m voc_worker",
        description="One step of a VocMonthlyRun. People use the `voc` command; containers use this one.",
        epilog="Exit codes: 0 done, 64 usage, 65 data, 69 upstream unavailable, 70 bug, 75 try again.",
    )
    parser.add_argument(
        "--answer-file", type=Path, default=answer.TERMINATION_LOG, help="where the one JSON line goes (%(default)s)"
    )
    commands = parser.add_subparsers(dest="step", required=True)
    prepare = commands.add_parser("prepare", help="write plan.json and, for refresh and train, the review snapshots")
    prepare.add_argument("--mode", required=True, choices=[mode.value for mode in Mode])
    prepare.add_argument("--month", required=True, type=Month.parse, help="2025-12 or 202512")
    prepare.add_argument("--run-id", required=True, type=checked_run_id)
    prepare.add_argument("--created", required=True, type=datetime.fromisoformat, help="the run's creation time")
    prepare.add_argument("--time-zone", default=None, help="IANA name; TIME_ZONE unless given")
    prepare.add_argument("--building", action="append", dest="buildings", help="repeat; omitted: every building")
    prepare.add_argument("--model-version", default="champion", help="champion, keyword or a release")
    prepare.add_argument("--train", type=TrainSpec.model_validate_json, help="spec.train as JSON")
    prepare.add_argument("--plan-file", type=Path, help="write the plan to this file and nothing into the store")
    building = commands.add_parser("building", help="tag or merge one building's month and publish its files")
    building.add_argument("--plan", required=True, help="key of the run's plan.json")
    building.add_argument("--building", required=True)
    publish = commands.add_parser("publish", help="fill the review sheet and the database, write report and summary")
    publish.add_argument("--plan", required=True, help="key of the run's plan.json")
    publish.add_argument("--images", type=answer.texts, default={}, help="JSON object from image to what the run used")
    publish.add_argument(
        "--failed", type=answer.texts, default={}, help="JSON object from building id to why it failed"
    )
    commands.add_parser("check", help="prove database, store, review sheet and model by using them (helm test)")
    return parser


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signature of a signal handler
    raise TryAgainError("The step was asked to stop (SIGTERM) before it was done. It can be run again.")


def _run(arguments: argparse.Namespace) -> answer.Answer:
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format)
    with closing(Parts(settings)) as parts:
        return _step(parts, arguments)


def _step(parts: Parts, arguments: argparse.Namespace) -> answer.Answer:
    # A step imports its own needs only: prepare and publish need no model runtime.
    if arguments.step == "prepare":
        from voc_worker.steps import prepare  # noqa: PLC0415 - see above

        return prepare.run(parts, arguments)
    if arguments.step == "check":
        from voc_worker.steps import check  # noqa: PLC0415 - see above

        return check.run(parts)
    plan = read_record(Plan, parts.store.get(arguments.plan).data, arguments.plan)
    if arguments.step == "building":
        from voc_worker.steps import building  # noqa: PLC0415 - see above

        return building.run(parts, plan, arguments.building)
    from voc_worker.steps import publish  # noqa: PLC0415 - see above

    return publish.run(parts, plan, arguments.failed, arguments.images)


def main(argv: list[str] | None = None) -> int:
    """Run one step and return its exit code; the answer goes to the termination log either way."""
    signal.signal(signal.SIGTERM, _terminate)
    answer_file = answer.TERMINATION_LOG
    try:
        arguments = _parser().parse_args(argv)
        answer_file = arguments.answer_file
        result = _run(arguments)
    except VocError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a person reads the container's log
        answer.write(answer.Answer(message=str(error)), answer_file)
        return error.exit_code
    except Exception as error:
        log.exception("This is a bug in voc-nlp.")
        answer.write(answer.Answer(message=f"A bug in voc-nlp: {type(error).__name__}."), answer_file)
        return ExitCode.BUG
    answer.write(result, answer_file)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
