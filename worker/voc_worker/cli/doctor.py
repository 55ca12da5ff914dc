"""``voc doctor``: what works, what does not, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

import typer

from voc_models.exit_codes import ExitCode, VocError
from voc_models.run import CHAMPION_MODEL
from voc_models.stores import check_store
from voc_worker.cli.state import State, state
from voc_worker.wiring import Parts


class Check(NamedTuple):
    """One thing that must work."""

    name: str
    prove: Callable[[Parts], str]


def doctor(
    context: typer.Context,
    env: Annotated[str | None, typer.Option(help="Read .env.NAME instead of .env.", metavar="NAME")] = None,
) -> None:
    """Check database, store, review book, models and fonts, and say what to fix.

    Ends with 0 when everything works, with 69 when something does not.
    """
    now = state(context, env)
    sick = 0
    for name, fine, sentence in examine(now):
        now.reporter.say(f"{'ok  ' if fine else 'FAIL'}  {name:<11} {sentence}")
        sick += not fine
    if sick:
        now.reporter.say(f"{sick} of {len(CHECKS)} checks failed. Each line says what to do.")
        raise typer.Exit(ExitCode.UNAVAILABLE)


def examine(now: State) -> Iterator[tuple[str, bool, str]]:
    """Yield (name, whether it works, sentence) of each check; one failure never hides another."""
    for check in CHECKS:
        try:
            yield check.name, True, check.prove(now.parts)
        except VocError as error:
            yield check.name, False, str(error)


def _settings(parts: Parts) -> str:
    where = "the embedded PostgreSQL" if parts.settings.embedded_database else parts.settings.db_host
    return f"database: {where}; store: {parts.store.address}; models: {parts.models.address}."


def _database(parts: Parts) -> str:
    with parts.source() as source:
        return source.check()


def _taxonomy(parts: Parts) -> str:
    with parts.source() as source:
        taxonomy = source.taxonomy()
    return f"{len(taxonomy.labels('subject'))} subjects and {len(taxonomy.labels('work'))} work types are active."


def _store(parts: Parts) -> str:
    return check_store(parts.store)


def _review(parts: Parts) -> str:
    return parts.book().check()


def _models(parts: Parts) -> str:
    planned = parts.registry.resolve(CHAMPION_MODEL)
    if not planned.digest:
        return "No model has been trained yet; the keyword tagger is in service."
    return f"Release {planned.release} is in service."


def _fonts(parts: Parts) -> str:
    return f"Word clouds are drawn with {parts.font()}."


CHECKS = (
    Check("settings", _settings),
    Check("database", _database),
    Check("taxonomy", _taxonomy),
    Check("store", _store),
    Check("review", _review),
    Check("models", _models),
    Check("fonts", _fonts),
)
