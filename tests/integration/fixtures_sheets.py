"""A spreadsheet on the tests' Sheets server, its owner, a reviewer, and the product's book on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import gspread
from google.auth.credentials import Credentials
from google.oauth2 import service_account
from requests import Response

from tests.sheets_server import Person, SheetsServer, Spreadsheet, running
from voc_models.months import Month
from voc_worker.review.sheets import GoogleSheetsBook, Places
from voc_worker.review.sheets_client import Budget, load_credentials

ACCOUNT = "voc@voc-test.iam.gserviceaccount.com"
MONTH = Month(2025, 12)
TITLE = MONTH.compact
RUN = "full_20260101_020000_1a2b3"
SCOPES = ["https://www.googleapis.com/auth/spreadsheets"]


class Clock:
    """A clock that only sleeping moves; ``slept`` holds every wait in seconds."""

    def __init__(self) -> None:
        """Start at nought."""
        self.seconds = 0.0
        self.slept: list[float] = []

    def time(self) -> float:
        """Return the seconds since the start."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self.seconds += seconds
        self.slept.append(seconds)

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


class Desk(NamedTuple):
    """Everything that a test of the sheet touches."""

    server: SheetsServer
    file: Spreadsheet
    credentials: Credentials
    clock: Clock

    def book(self, holder: str = RUN, places: Places | None = None) -> GoogleSheetsBook:
        """Return the product's book as ``holder``."""
        return GoogleSheetsBook(
            self.credentials,
            places or Places(self.file.id, {}),
            holder=holder,
            endpoint=self.server.endpoint,
            budget=Budget(clock=self.clock.time, sleep=self.clock.sleep),
            now=self.clock.now,
        )

    @property
    def owner(self) -> Person:
        """The person whom no protection binds."""
        return Person(self.file, self.file.owner, TITLE)

    @property
    def reviewer(self) -> Person:
        """A person who may edit what is not protected."""
        return Person(self.file, "reviewer@example.com", TITLE)

    def paths(self) -> list[str]:
        """Return the asked-for verbs since the log was cleared: what follows the spreadsheet's id."""
        return [entry.path.partition(self.file.id)[2].partition("?")[0] for entry in self.server.asked]


class Redirected(gspread.HTTPClient):
    """gspread's client with another address."""

    endpoint = ""

    def request(self, method: str, endpoint: str, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - handed through
        """Ask the test server what was meant for Google."""
        here = endpoint.replace("https://sheets.googleapis.com", self.endpoint)
        return super().request(method, here, *args, **kwargs)


def opened(server: SheetsServer, key: dict[str, str] | None = None) -> gspread.Spreadsheet:
    """Return the spreadsheet as gspread sees it."""
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # google-auth is partly typed
        key or server.key_file(), scopes=SCOPES
    )
    client = gspread.Client(credentials, http_client=type("Here", (Redirected,), {"endpoint": server.endpoint}))
    return client.open_by_key("sheet-1")


def saved_key(server: SheetsServer, folder: Path) -> Path:
    """Write a new key file of ACCOUNT and return its path."""
    path = folder / "key.json"
    path.write_text(json.dumps(server.key_file(ACCOUNT)), encoding="utf-8")
    return path


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """Run a server with one spreadsheet that is shared with ACCOUNT."""
    with running() as server:
        file = server.spreadsheet()
        file.writers.add(ACCOUNT)
        yield Desk(server, file, load_credentials(saved_key(server, folder)), Clock())
