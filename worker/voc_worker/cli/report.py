"""``voc report`` and ``voc serve``: looking at dashboards."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from typing import Annotated

import typer

from voc_models import keys
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_worker import publication
from voc_worker.cli.state import state
from voc_worker.serve import local_server


def report(
    context: typer.Context,
    building: Annotated[str, typer.Option(help="Id of the building.")],
    month: Annotated[str, typer.Option(help="2025-12 or 202512.")],
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Say where a building's dashboard is and what it shows, and open it."""
    now = state(context)
    asked = Month.parse(month)
    found = publication.current(now.parts.store, asked, building)
    if found is None or found.latest.dashboard is None:
        raise DataError(
            f"Building {building} has no dashboard for {asked}. Make it: voc run --mode full --month {asked}."
        )
    latest = found.latest
    url = now.parts.store.url(keys.dashboard_link(asked, building))
    now.reporter.say(f"{latest.rows} rows, {latest.reviewed_rows} reviewed, model {latest.model.release}.")
    now.reporter.say(f"Run {latest.run_id}. The link that stays: {url}")
    if open_it:
        if not url.startswith("file:"):
            now.reporter.say("The store is not on this machine: `voc serve` shows it in the browser.")
        elif not webbrowser.open(url):
            now.reporter.say("No browser could be started here; open the link by hand.")


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8900,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Show the store's months, buildings and dashboards in a browser, on this machine only. Ctrl-C ends it."""
    store = state(context).parts.store
    with local_server(store, port=port) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        state(context).reporter.say(f"The store {store.address} is at {url} (Ctrl-C ends it).")
        if open_it:
            webbrowser.open(url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
