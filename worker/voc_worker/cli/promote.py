"""``voc promote``: from one environment's values file to the next one's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from voc_models.exit_codes import ExitCode, UsageError
from voc_models.run import KEYWORD_MODEL
from voc_worker.checks import worst
from voc_worker.cli.state import State, state
from voc_worker.promotion.environments import write_environment
from voc_worker.promotion.promote import ORDER, check, propose

_ENVIRONMENTS = Path("charts/voc-nlp/environments")


def promote(
    context: typer.Context,
    source: Annotated[str | None, typer.Option("--from", help="Environment whose pins proved themselves.")] = None,
    target: Annotated[str | None, typer.Option("--to", help="The environment right after it.")] = None,
    environments: Annotated[Path, typer.Option(help="Folder with a values.yaml for each environment.")] = _ENVIRONMENTS,
    order: Annotated[str, typer.Option(help="The environments in the order of promotion.")] = ",".join(ORDER),
    check_only: Annotated[
        bool,
        typer.Option("--check", help="For CI: are all pins complete, in the store, and from the environment before?"),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the diff and write nothing.")] = False,
) -> None:
    """Copy the pins (image digests, model release and sha256) of one environment to the next.

    Refuses when the last run of the source or the gate of its model is not green, or when the release is not in the
    model store with that hash. It reads values files and stores, never a cluster; keys come from the environment or
    .env. Commit what it changed: the merge is the promotion, a revert is the way back.

    Example:
        voc promote --from dev --to stage
    """
    now = state(context)
    names = tuple(name.strip() for name in order.split(",") if name.strip())
    if check_only:
        if source or target or dry_run:
            raise UsageError("--check looks at every environment; leave --from, --to and --dry-run out.")
        _check(now, environments, names)
        return
    if source is None or target is None:
        raise UsageError("Say --from and --to, such as --from dev --to stage; or --check.")
    proposed = propose(environments, source, target, now.settings, datetime.now(UTC), names)
    if not proposed.diff:
        now.reporter.say(f"{target} has the pins of {source} already. Nothing to do.")
        return
    typer.echo(proposed.diff, nl=False)
    if dry_run:
        now.reporter.say("Nothing was written (--dry-run).")
        return
    write_environment(proposed.target, proposed.text)
    model = proposed.pins.model
    what = f"release {model.release}" if model and model.release != KEYWORD_MODEL else "the keyword tagger"
    now.reporter.say(
        f"{proposed.target.file} pins the images of {source} and {what}. Commit it and open a pull request."
    )


def _check(now: State, environments: Path, order: tuple[str, ...]) -> None:
    codes = []
    for name, code, sentence in check(environments, now.settings, order):
        now.reporter.say(f"{'ok  ' if code is ExitCode.OK else 'FAIL'}  {name:<7} {sentence}")
        codes.append(code)
    if (code := worst(codes)) is not ExitCode.OK:
        raise typer.Exit(code)
