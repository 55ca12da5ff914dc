"""``voc models``: which releases exist, how good they are, which one is in service."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from voc_models.labels import HEAD_NAMES, HEADS
from voc_models.plan import PlannedModel
from voc_models.releases import PERSON, Champion, HistoryEntry, ListedRelease
from voc_models.run import CHAMPION_MODEL
from voc_worker.cli.state import state
from voc_worker.model_page import model_page

#: Columns of a full bar.
_BAR: Final = 40

app = typer.Typer(help="Versions, scores, the champion and its history.", invoke_without_command=True)


@app.callback()
def models(
    context: typer.Context,
    page: Annotated[
        Path | None, typer.Option(help="Also write the model page (accuracy by month, calibration, confusions) here.")
    ] = None,
) -> None:
    """List every release with its scores on the frozen 표본 rows, and the history of the champion."""
    if context.invoked_subcommand is not None:
        return
    now = state(context)
    registry = now.parts.registry
    releases = registry.list_releases()
    if releases:
        now.reporter.console.print(release_table(releases, registry.pin))
    else:
        now.reporter.say("No model has been trained yet. Train one with `voc train`.")
    now.reporter.say(service_sentence(registry.champion().champion, registry.pin and registry.resolve(CHAMPION_MODEL)))
    history = registry.history()
    if measured := [entry for entry in history if entry.head and "accuracy" in entry.scores]:
        now.reporter.console.print(accuracy_plot(measured[-20:]))
    for entry in history[-20:]:
        now.reporter.say(f"  {entry.at:%Y-%m-%d %H:%M}  {entry.event:<11} {entry.release:<11} {about(entry)}")
    if page is not None:
        page.write_text(model_page(now.parts), encoding="utf-8")
        now.reporter.say(f"The model page is {page}.")


def release_table(releases: list[ListedRelease], pin: PlannedModel | None = None) -> Table:
    """Return the releases, newest first, with what serves each head and the scores on frozen rows."""
    names = sorted({name for listed in releases for name in listed.release.scores})
    table = Table("Release", "Role", *(HEAD_NAMES[head] for head in HEADS), *names)
    for listed in reversed(releases):
        served = [entry.kind if (entry := listed.release.head(head)) else "keyword" for head in HEADS]
        scores = [f"{listed.release.scores[name]:.3f}" if name in listed.release.scores else "" for name in names]
        pinned = pin is not None and listed.release.version == pin.release
        roles = [role for role, has in (("pinned", pinned), ("champion", listed.champion)) if has]
        table.add_row(listed.release.version, ", ".join(roles), *served, *scores)
    return table


def accuracy_plot(entries: Iterable[HistoryEntry]) -> Table:
    """Return a bar for each accuracy on frozen rows that was ever measured, the newest last."""
    plot = Table("Measured", "Release", "", "Accuracy on 표본", "", show_edge=False)
    for entry in entries:
        accuracy = entry.scores["accuracy"]
        bar = "█" * round(accuracy * _BAR)
        head = HEAD_NAMES[entry.head] if entry.head else ""
        plot.add_row(f"{entry.at:%Y-%m-%d}", entry.release, head, bar.ljust(_BAR, "·"), f"{accuracy:.1%}")
    return plot


def service_sentence(champion: Champion, pinned: PlannedModel | None = None) -> str:
    """Say which release tags the next run, since when and by whose decision."""
    if pinned is not None:
        return f"In service: {pinned.release}, pinned by MODEL_RELEASE. champion.json says {champion.release}."
    if champion.since is None:
        return "In service: the keyword tagger."
    return f"In service: {champion.release} since {champion.since:%Y-%m-%d %H:%M}, by {champion.by}: {champion.reason}"


def about(entry: HistoryEntry) -> str:
    """Return scores and reason of a history entry on one line."""
    scores = ", ".join(f"{name} {value:.3f}" for name, value in sorted(entry.scores.items()))
    return " · ".join(part for part in (entry.by, scores, entry.reason) if part)


@app.command()
def promote(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A release that `voc models` lists, or keyword.")],
    reason: Annotated[str, typer.Option(help="Kept in the history.")] = "promoted by hand",
) -> None:
    """Put a release into service; recorded as a person's decision."""
    now = state(context)
    champion = now.parts.registry.promote(version, by=PERSON + getpass.getuser(), reason=reason, at=_now())
    now.reporter.say(switch_sentence(champion, now.settings.model_pin))


@app.command()
def rollback(
    context: typer.Context, reason: Annotated[str, typer.Option(help="Kept in the history.")] = "rolled back by hand"
) -> None:
    """Go back to the release that was in service before."""
    now = state(context)
    champion = now.parts.registry.rollback(by=PERSON + getpass.getuser(), reason=reason, at=_now())
    now.reporter.say(switch_sentence(champion, now.settings.model_pin, again=True))


def switch_sentence(champion: Champion, pin: PlannedModel | None, *, again: bool = False) -> str:
    """Say what a switch of the champion changes here: nothing while another release is pinned."""
    if pin is None or pin.release == champion.release:
        return f"Release {champion.release} is in service{' again' if again else ''}. The next run tags with it."
    return (
        f"Release {champion.release} is champion, but MODEL_RELEASE pins {pin.release} here: the next run tags with "
        "that one. Change the pin by `voc promote`."
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
