"""``voc sample``: the made-up data set."""

from __future__ import annotations

from typing import Annotated

import typer

from voc_models.exit_codes import UsageError
from voc_worker.cli.state import state
from voc_worker.postgres import Database
from voc_worker.postgres.connection import connected
from voc_worker.sample.generate import SEED, generate
from voc_worker.sample.load import LoadReport, load

app = typer.Typer(
    help="The made-up data set: six buildings, sixteen months. Every name in it is invented.", no_args_is_help=True
)


@app.command("load")
def load_sample(
    context: typer.Context,
    seed: Annotated[int, typer.Option(help="Another seed makes another sample.")] = SEED,
    even_here: Annotated[
        bool, typer.Option("--even-here", help="Load it into the configured database, not an embedded one.")
    ] = False,
) -> None:
    """Load the sample into the embedded PostgreSQL; into a configured database only with --even-here."""
    now = state(context)
    if not now.settings.embedded_database and not even_here:
        raise UsageError(
            f"DB_HOST is {now.settings.db_host}: this is not the embedded database. "
            "Add --even-here if the sample really belongs there."
        )
    report = load_into(now.parts.database, seed)
    now.reporter.say(f"{report.rows} requests " + ("were loaded." if report.written else "were there already."))


def load_into(database: Database, seed: int = SEED) -> LoadReport:
    """Load the sample into ``database`` unless it is there."""
    with connected(database) as connection:
        return load(connection, generate(seed))
