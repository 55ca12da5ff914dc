"""The Google Sheets back end of the review: one spreadsheet for all buildings, or one per group of them. Adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml
from google.auth.credentials import Credentials

from voc_models.exit_codes import UsageError
from voc_models.labels import Taxonomy
from voc_models.months import Month
from voc_worker.review.book import UploadReport
from voc_worker.review.layout import read_frame
from voc_worker.review.sheets_calls import SheetCalls
from voc_worker.review.sheets_client import Budget, SheetsClient
from voc_worker.review.sheets_file import SheetFile


class SheetsMapError(UsageError):
    """It is not said which spreadsheet a building's rows belong to."""


class Places(NamedTuple):
    """Which spreadsheet each building's rows belong to; ``default`` takes those that ``by_building`` does not name."""

    default: str | None
    by_building: Mapping[str, str]

    def of(self, building_id: str) -> str:
        """Return a building's spreadsheet.

        Raises:
            SheetsMapError: it has none.
        """
        found = self.by_building.get(building_id) or self.default
        if not found:
            raise SheetsMapError(
                f"Building {building_id} has no spreadsheet. Add it to SHEETS_MAP, or set SHEETS_ID for all others."
            )
        return found

    def all(self) -> tuple[str, ...]:
        """Return every spreadsheet once."""
        return tuple(dict.fromkeys([*([self.default] if self.default else []), *self.by_building.values()]))


def read_places(sheets_id: str | None, sheets_map: Path | None) -> Places:
    """Return the places that the settings name; an address pasted in place of an id is understood.

    Args:
        sheets_id: SHEETS_ID.
        sheets_map: a YAML file from building id to spreadsheet id.

    Raises:
        SheetsMapError: neither is set, or the file is no such map.
    """
    by_building: dict[str, str] = {}
    if sheets_map is not None:
        try:
            read = yaml.safe_load(sheets_map.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise SheetsMapError(f"SHEETS_MAP {sheets_map} cannot be read: {error}") from error
        if not isinstance(read, dict) or not all(isinstance(value, str) and value for value in read.values()):
            raise SheetsMapError(
                f'SHEETS_MAP {sheets_map} must map building ids to spreadsheet ids, as in  "95": 1AbC….'
            )
        by_building = {str(key): spreadsheet_id(value) for key, value in read.items()}
    default = spreadsheet_id(sheets_id) if sheets_id else None
    if default is None and not by_building:
        raise SheetsMapError("No spreadsheet is set. Create one, share it, and set SHEETS_ID to its id.")
    return Places(default, by_building)


def spreadsheet_id(text: str) -> str:
    """Return the id in ``text``, which may be the spreadsheet's whole address."""
    text = text.strip()
    return text.partition("/d/")[2].partition("/")[0] if "/d/" in text else text


class GoogleSheetsBook:
    """A ``ReviewBook`` on Google Sheets."""

    def __init__(
        self,
        credentials: Credentials,
        places: Places,
        *,
        holder: str,
        endpoint: str | None = None,
        budget: Budget | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Ask nothing yet.

        Args:
            credentials: see ``sheets_client.load_credentials``.
            places: see ``read_places``.
            holder: who writes, best a run id: two holders exclude each other, one may go on where it was interrupted.
            endpoint: another address of the Sheets API.
            budget: requests per minute; for tests also a clock and a sleep.
            now: the time (aware), by which a dead writer's lease runs out.
        """
        self._client = SheetsClient(credentials, endpoint=endpoint, budget=budget)
        self._places = places
        self._files = {name: SheetFile(SheetCalls(self._client, name), holder, now) for name in places.all()}

    def upload(self, month: Month, rows: pd.DataFrame, taxonomy: Taxonomy) -> UploadReport:
        """Add and update rows, each in its building's spreadsheet (see ``ReviewBook.upload``).

        Raises:
            SheetsMapError: a building has no spreadsheet; nothing is written then.
            ReviewBookError: the worksheet cannot be understood, or the spreadsheet is full.
            ReviewBookChangedError: somebody else is writing, or rows and columns kept moving.
            ReviewBookUnavailableError: Google does not answer.
            SheetsAccessError: the key, the id or the sharing is wrong.
        """
        where = rows["building_id"].map(self._places.of)
        total = UploadReport(0, 0, 0)
        for name, file in self._files.items():
            part = rows[where == name]
            if not part.empty or len(self._files) == 1:
                done = file.upload(month, part.reset_index(drop=True), taxonomy)
                total = UploadReport(*(one + other for one, other in zip(total, done, strict=True)))
        return total

    def read(self, month: Month) -> pd.DataFrame:
        """Return the rows of every spreadsheet (see ``ReviewBook.read``); ``sheet_row`` counts within each."""
        frames = [frame for frame in (file.read(month) for file in self._files.values()) if not frame.empty]
        return pd.concat(frames, ignore_index=True) if frames else read_frame([])

    def write_results(self, month: Month, results: Mapping[str, str]) -> None:
        """Write 처리결과 by voc_id in every spreadsheet (see ``ReviewBook.write_results``)."""
        for file in self._files.values():
            file.write_results(month, results)

    def url(self, month: Month) -> str:
        """Return the address of the month's worksheet; with several spreadsheets one a line."""
        return "\n".join(file.url(month) for file in self._files.values())

    def check(self) -> str:
        """Prove that every spreadsheet can be read and written; an error says what to share with whom."""
        titles = [f"'{file.check()}' ({name})" for name, file in self._files.items()]
        account = self._client.email or "this workload's identity"
        return f"Google Sheets {', '.join(titles)} can be read and written by {account}."
