"""The HTTP side of Google Sheets: credentials, a budget of requests, bounded retries. Adapter.

gspread's own ``HTTPClient`` does the calls; this one adds what it lacks: another address, UTF-8 bodies (its JSON is
ASCII, which doubles Korean text), a limit on requests per minute, and retries that end.
"""

from __future__ import annotations

import email.utils
import json as jsonlib
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import google.auth
import gspread
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.oauth2 import service_account
from gspread.exceptions import APIError
from gspread.http_client import FileType, ParamsType
from requests import RequestException, Response

from voc_worker.review.book import ReviewBookUnavailableError
from voc_worker.review.sheets_errors import SheetsAccessError, UnknownOutcomeError, explained, explained_auth

GOOGLE: Final = "https://sheets.googleapis.com"
SCOPES: Final = ("https://www.googleapis.com/auth/spreadsheets",)
TRIES: Final = 6
LONGEST_PAUSE_S: Final = 120.0
TIMEOUT_S: Final = (10.0, 180.0)
_RETRIED: Final = frozenset({429, 500, 502, 503, 504})


def load_credentials(key_file: Path | None) -> Credentials:
    """Return the service account of ``key_file``, or the workload's identity when there is none.

    Raises:
        SheetsAccessError: the file is missing or no service-account key, or the workload has no identity.
    """
    try:
        if key_file is None:
            found, _ = google.auth.default(scopes=list(SCOPES))
            return found
        loaded: Credentials = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]  # google-auth is partly typed
            str(key_file), scopes=list(SCOPES)
        )
    except OSError as error:
        raise SheetsAccessError(
            f"The key file {key_file} cannot be read. Set GOOGLE_APPLICATION_CREDENTIALS to a service-account key file."
        ) from error
    except (ValueError, DefaultCredentialsError) as error:
        if key_file is None:
            raise SheetsAccessError(
                "There is no Google identity here. Set GOOGLE_APPLICATION_CREDENTIALS to a service-account key file, "
                "or bind a workload identity to the Job's service account."
            ) from error
        raise SheetsAccessError(
            f"{key_file} is not a service-account key file. Download one in the Google Cloud console "
            "(IAM, Service accounts, Keys, JSON)."
        ) from error
    return loaded


def account_email(credentials: Credentials) -> str:
    """Return the e-mail address to share spreadsheets with, "" when the credentials do not say."""
    address = str(getattr(credentials, "service_account_email", "") or "")
    return address if "@" in address else ""


class Budget:
    """At most ``per_minute`` requests in any sixty seconds; more wait (Google's quota is per minute and account)."""

    def __init__(
        self,
        per_minute: int = 60,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the quota and, for tests, a clock (seconds) and a sleep."""
        self._per_minute = per_minute
        self._clock = clock
        self.sleep = sleep
        self._taken: deque[float] = deque()

    def take(self) -> None:
        """Return when one more request is allowed."""
        if len(self._taken) >= self._per_minute:
            wait = self._taken.popleft() + 60.0 - self._clock()
            if wait > 0:
                self.sleep(wait)
        self._taken.append(self._clock())


class SheetsClient(gspread.HTTPClient):
    """gspread's HTTP client with an address, a budget and bounded retries; raises VocErrors only."""

    def __init__(self, credentials: Credentials, *, endpoint: str | None = None, budget: Budget | None = None) -> None:
        """Take the credentials; ``endpoint`` replaces Google's address (a proxy, a test server)."""
        super().__init__(credentials)
        self.email = account_email(credentials)
        self.budget = budget or Budget()
        self._endpoint = (endpoint or GOOGLE).rstrip("/")
        self.set_timeout(TIMEOUT_S)

    def request(
        self,
        method: str,
        endpoint: str,
        params: ParamsType | None = None,
        data: bytes | None = None,
        json: Mapping[str, Any] | None = None,
        files: FileType = None,
        headers: Any = None,  # noqa: ANN401 - gspread's signature
    ) -> Response:
        """Ask, wait and ask again as long as it makes sense.

        Raises:
            UnknownOutcomeError: the answer to a structural write was lost; it may have been carried out.
            ReviewBookUnavailableError: Google does not answer, or asks to wait too long.
            VocError: Google refuses; see ``sheets_errors``.
        """
        if json is not None:
            data = jsonlib.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
            headers = {**(headers or {}), "Content-Type": "application/json; charset=utf-8"}
        url = endpoint.replace(GOOGLE, self._endpoint, 1)
        spreadsheet = url.partition("/v4/spreadsheets/")[2].split("/")[0].split(":")[0]
        # Setting the same values again does no harm; adding rows or sheets again does.
        repeatable = not (url.endswith(":batchUpdate") and "/values" not in url)
        last = ""
        for attempt in range(TRIES):
            self.budget.take()
            try:
                return super().request(method, url, params, data, None, files, headers)
            except GoogleAuthError as error:
                raise explained_auth(error, self.email) from error
            except APIError as error:
                status = error.response.status_code
                if status not in _RETRIED:
                    raise explained(error, spreadsheet, self.email) from error
                if status != 429 and not repeatable:
                    raise UnknownOutcomeError(_lost(str(error))) from error
                last = str(error)
                self._pause(attempt, error.response.headers.get("Retry-After"), last)
            except RequestException as error:
                if not repeatable:
                    raise UnknownOutcomeError(_lost(str(error))) from error
                last = str(error)
                self._pause(attempt, None, last)
        raise ReviewBookUnavailableError(f"Google Sheets did not answer in {TRIES} attempts ({last}). Try again later.")

    def _pause(self, attempt: int, retry_after: str | None, last: str) -> None:
        """Wait before the next attempt: what Google asks for, or 1, 2, 4 … s; both with up to one second more."""
        if attempt == TRIES - 1:
            return
        asked = _seconds(retry_after)
        if asked is not None and asked > LONGEST_PAUSE_S:
            raise ReviewBookUnavailableError(
                f"Google Sheets asks to wait {asked:.0f} seconds ({last}). Its quota is used up; try again later."
            )
        pause = asked if asked is not None else min(2.0**attempt, LONGEST_PAUSE_S)
        self.budget.sleep(pause + random.random())  # noqa: S311 - jitter, not a secret


def _lost(text: str) -> str:
    return (
        f"Google Sheets did not say whether it carried out a write ({text}). Run again: it goes on from what is there."
    )


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
