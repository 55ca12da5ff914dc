"""What a review back end (Excel workbook, Google Sheets) must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import pandas as pd

from voc_models.exit_codes import DataError, TryAgainError, UnavailableError
from voc_models.labels import Taxonomy
from voc_models.months import Month


class ReviewBookError(DataError):
    """The sheet cannot be understood: a column was renamed or is there twice."""


class ReviewBookUnavailableError(UnavailableError):
    """The back end does not answer or refuses access."""


class ReviewBookChangedError(TryAgainError):
    """Somebody changed the workbook between our reading and our writing."""


class UploadReport(NamedTuple):
    """What one upload did: rows added, rows whose machine cells changed, rows left because people had written."""

    added: int
    updated: int
    kept: int


class ReviewBook(Protocol):
    """One review book; every method reaches the back end and raises the errors of this module."""

    def upload(self, month: Month, rows: pd.DataFrame, taxonomy: Taxonomy) -> UploadReport:
        """Add missing rows and update machine columns where every person's cell is empty.

        ``rows`` has the columns SHEET_MACHINE without 처리결과, all text, in the order
        wanted (표본 first, then least certain).
        """

    def read(self, month: Month) -> pd.DataFrame:
        """Return the month's rows as they stand: text columns SHEET in sheet order, plus ``sheet_row`` (int, 1-based).

        An absent worksheet is an empty frame; a sheet that cannot be understood is a ReviewBookError.
        """

    def write_results(self, month: Month, results: Mapping[str, str]) -> None:
        """Write 처리결과 by voc_id; rows not named keep what they have, people's cells are never touched."""

    def url(self, month: Month) -> str:
        """Return where a reviewer opens the month."""

    def check(self) -> str:
        """Prove that the back end can be read and written; return one sentence for ``voc doctor``."""
