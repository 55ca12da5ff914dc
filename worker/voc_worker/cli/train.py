"""``voc train``: fine-tune on reviewed months, compare, promote or refuse."""

from __future__ import annotations

from typing import Annotated

import typer

from voc_models.months import Month
from voc_models.run import Mode, checked_spec
from voc_worker.cli.run import execute
from voc_worker.cli.state import state


def train(
    context: typer.Context,
    months: Annotated[
        str | None, typer.Option(help="2025-10,2025-11. Omitted: every month that people have reviewed.")
    ] = None,
    base_model: Annotated[
        str, typer.Option(help="A hub name, a local directory, or `scratch` (a small encoder of its own).")
    ] = "skt/kobert-base-v1",
    promote: Annotated[
        str, typer.Option(help="auto: the gate decides; manual: a person does, later; never: only measure.")
    ] = "auto",
    joint: Annotated[
        bool, typer.Option("--joint", help="One encoder with two heads instead of two encoders: half the time to tag.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and write nothing.")] = False,
    env: Annotated[str | None, typer.Option(help="Read .env.NAME instead of .env.", metavar="NAME")] = None,
) -> None:
    """Train subject and work classifiers on reviewed rows, and put them into service if they are better.

    표본 rows measure the models and never train one. An interrupted training goes on from its last checkpoint.

    Examples:
        voc train --months 2025-10,2025-11
        voc train --base-model scratch --promote manual
    """
    listed = [Month.parse(part) for part in months.split(",") if part.strip()] if months else None
    now = state(context, env)
    spec = checked_spec(
        mode=Mode.TRAIN,
        time_zone=now.settings.time_zone,
        train={"months": listed, "base_model": base_model, "promote": promote},
    )
    execute(now, spec, dry_run=dry_run, settings={"TRAIN_LAYOUT": "joint"} if joint else {})
