"""``python -m voc_training train|promote``: what the training containers run, and what ``voc train`` starts."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from voc_models import answer, keys
from voc_models.answer import Answer
from voc_models.exit_codes import ExitCode, TryAgainError, UsageError, VocError
from voc_models.logs import configure_logging
from voc_models.plan import Plan, read_record
from voc_models.run import Mode, TrainSpec
from voc_models.settings import load
from voc_models.store import ObjectStore
from voc_models.stores import configured_store
from voc_training.settings import Settings

if TYPE_CHECKING:
    from voc_training.team import Team

log = logging.getLogger("voc_training")
_STOPPED = "Training was asked to stop; it goes on from its last checkpoint when it is started again."


class StoppedError(TryAgainError):
    """The container was asked to end; the checkpoints are kept."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step and return its exit code (voc_models.exit_codes)."""
    started = time.monotonic()
    answer_file = answer.TERMINATION_LOG
    try:
        chosen = _parser().parse_args(arguments)
        answer_file = chosen.answer_file
        signal.signal(signal.SIGTERM, _stop)
        settings = load(Settings, chosen.env)
        configure_logging(settings.log_level, settings.log_format)
        said = _train(settings, chosen) if chosen.step == "train" else _promote(settings, chosen)
        if said is None:  # a follower: the leader answers
            return ExitCode.OK
    except VocError as error:
        return _failed(error.exit_code, str(error), answer_file)
    except KeyboardInterrupt:
        return _failed(StoppedError.exit_code, _STOPPED, answer_file)
    except Exception:
        log.exception("This is a bug in voc_training.")
        return _failed(ExitCode.BUG, "A bug in voc_training; the log has the traceback.", answer_file)
    answer.write(said.model_copy(update={"seconds": round(time.monotonic() - started, 3)}), answer_file)
    print(said.message)  # noqa: T201 - the answer to the person who started it
    return ExitCode.OK


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Answer with the contract's exit code instead of argparse's 2."""
        raise UsageError(f"{message}. See python -m voc_training --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m voc_training", description="Train models on reviewed rows, and promote them.")
    parser.add_argument(
        "--answer-file", type=Path, default=answer.TERMINATION_LOG, help="where the one JSON line goes (%(default)s)"
    )
    steps = parser.add_subparsers(dest="step", required=True)
    for name, text in (
        ("train", "fit, export, compare with the champion, publish, and write the decision"),
        ("promote", "apply the decision that train wrote, and write the run's summary"),
    ):
        step = steps.add_parser(name, help=text, description=text)
        step.add_argument("--plan", required=True, help="key of the run's plan.json in the store")
        step.add_argument("--env", default=None, help="read .env.ENV instead of .env")
        if name == "train":
            step.add_argument(
                "--base-model", default=None, help="hub name, local folder, or scratch; default: the plan's"
            )
            step.add_argument("--joint", action="store_true", help="one encoder with two heads instead of two encoders")
        else:
            step.add_argument("--images", type=answer.texts, default={}, help="JSON object from image to what was used")
    return parser


def _train(settings: Settings, chosen: argparse.Namespace) -> Answer | None:
    """Train, or, in a process that torchrun started beside the first, take part in its fits and answer nothing."""
    from voc_training.team import joined  # noqa: PLC0415 - torch takes seconds to import; promote and --help need none

    with joined() as team:
        if team.leads:
            return _lead(settings, chosen, team)
        configure_logging("WARNING", settings.log_format)
        team.follow()
    return None


def _lead(settings: Settings, chosen: argparse.Namespace, team: Team) -> Answer:
    from voc_training.fit_encoder import EncoderPlan  # noqa: PLC0415 - as above
    from voc_training.pipeline import Job, train  # noqa: PLC0415 - the same

    store, models, plan = _opened(settings, chosen.plan)
    spec = plan.train or TrainSpec()
    encoder = EncoderPlan(
        chosen.base_model or spec.base_model,
        settings.train_epochs,
        settings.train_rows_per_step,
        settings.train_max_length,
        settings.train_seed,
    )
    job = Job(
        plan=plan,
        store=store,
        models=models,
        encoder=encoder,
        joint=chosen.joint or settings.train_layout == "joint",
        work=settings.path(settings.out_dir) / "train" / plan.run_id,
        cache=settings.path(settings.model_dir),
        git_commit=settings.git_commit,
        clock=lambda: datetime.now(UTC),
        team=team,
    )
    decision = train(job)
    return Answer(
        rows=decision.rows,
        keys={"decision": keys.decision(plan.month, plan.run_id), "release": keys.release(decision.release.release)},
        digests={"release": decision.release.digest},
        model=decision.release.release,
        message=f"{decision.verdict}: {decision.reason}",
    )


def _promote(settings: Settings, chosen: argparse.Namespace) -> Answer:
    from voc_training.publish import apply, stored_decision, write_summary  # noqa: PLC0415 - keeps --help fast

    store, models, plan = _opened(settings, chosen.plan)
    decision = stored_decision(store, plan)
    if decision is None:
        raise UsageError(f"Run {plan.run_id} has no decision yet. Run its train step first.")
    now = datetime.now(UTC)
    champion, sentence = apply(models, decision, now)
    summary = write_summary(store, plan, decision, champion, sentence, now, chosen.images)
    return Answer(rows=decision.rows, keys={"summary": summary}, model=champion, message=sentence)


def _opened(settings: Settings, key: str) -> tuple[ObjectStore, ObjectStore, Plan]:
    """Open both stores and read the plan.

    Raises:
        UsageError: the plan is of another mode.
        DataError: there is no such plan.
    """
    store, models = (
        configured_store(settings, address) for address in (settings.store_address, settings.model_store_address)
    )
    plan = read_record(Plan, store.get(key).data, key)
    if plan.mode is not Mode.TRAIN:
        raise UsageError(f"{key} is a plan of mode {plan.mode}. Give the plan of a train run.")
    return store, models, plan


def _stop(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - signal's own signature
    raise StoppedError(_STOPPED)


def _failed(code: ExitCode, sentence: str, answer_file: Path) -> int:
    answer.write(Answer(message=sentence), answer_file)
    print(sentence, file=sys.stderr)  # noqa: T201 - the answer to the person who started it
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
