"""What every subcommand shares: the settings file's name, the console, and the parts once they are opened."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import cached_property

import typer
from rich.console import Console

from voc_models.logs import configure_logging
from voc_models.settings import child_environment, isolated, isolated_environment, load
from voc_worker.local.progress import Reporter
from voc_worker.settings import Settings
from voc_worker.wiring import Parts


class State:
    """Made once a command; everything in it is opened when first asked for."""

    def __init__(self, env: str | None, changes: Mapping[str, object] | None = None) -> None:
        """Take the name of the settings file; ``changes``, when given, and the defaults are all the settings."""
        self.env = env
        self.changes = changes
        self.reporter = Reporter(Console())

    @cached_property
    def settings(self) -> Settings:
        """The settings of ``.env`` or ``.env.{env}``."""
        settings = load(Settings, self.env) if self.changes is None else isolated(Settings, **self.changes)
        # The command line speaks in sentences; log lines are for the steps' log files.
        configure_logging("WARNING" if settings.log_level == "INFO" else settings.log_level, settings.log_format)
        return settings

    @cached_property
    def parts(self) -> Parts:
        """The store, database, review book and registry, each opened on demand and left when the command ends."""
        parts = Parts(self.settings)
        atexit.register(parts.close)
        return parts

    def environment(self) -> dict[str, str]:
        """Return the environment of the steps' processes; an embedded database is started first."""
        database = self.parts.database_environment()
        if self.changes is None:
            return child_environment(self.env, database)
        return isolated_environment(Settings, **self.changes) | database


def state(context: typer.Context, env: str | None = None) -> State:
    """Return the command's state; ``env`` is a subcommand's own --env, which wins over the one before it."""
    found = context.find_object(State)
    return State(env) if env or found is None else found
