"""Turns what Google answers into sentences for people. Pure."""

from __future__ import annotations

from typing import Any

from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from gspread.exceptions import APIError

from voc_models.exit_codes import UsageError, VocError
from voc_worker.review.book import ReviewBookChangedError, ReviewBookError, ReviewBookUnavailableError


class SheetsAccessError(UsageError):
    """The key, the spreadsheet's id or its sharing is wrong; a person has to change it."""


class UnknownOutcomeError(ReviewBookUnavailableError):
    """The answer to a write that must not be repeated blindly was lost: look at the spreadsheet again first."""


def explained(error: APIError, spreadsheet: str, email: str) -> VocError:
    """Return the error that a refused request means.

    Args:
        error: Google's answer, after all retries.
        spreadsheet: the id that was asked for.
        email: the account that asked, "" when it is not known.
    """
    code = error.response.status_code
    text = str(error.error.get("message", ""))
    reasons = {str(detail.get("reason")) for detail in _details(error)}
    if code == 401:
        return SheetsAccessError(
            f"Google refuses the credentials of {email or 'this workload'}. "
            "Create a new key for the service account and set GOOGLE_APPLICATION_CREDENTIALS."
        )
    if code == 403 and ("SERVICE_DISABLED" in reasons or "has not been used in project" in text):
        return SheetsAccessError(
            "The Google Sheets API is not enabled in the service account's project. "
            "Enable it at https://console.cloud.google.com/apis/library/sheets.googleapis.com "
            "and try again in a few minutes."
        )
    if code == 403:
        return SheetsAccessError(
            f"Spreadsheet {spreadsheet} is not shared with {email or 'this workload'}. "
            f"Open it, press Share, and add {email or 'its service account'} as an editor."
        )
    if code == 404:
        return SheetsAccessError(
            f"There is no spreadsheet {spreadsheet}. SHEETS_ID is the part of its address between /d/ and /edit."
        )
    if code == 400:
        return _refused(text, spreadsheet, email)
    return ReviewBookUnavailableError(f"Google Sheets answers {code} ({text}). Try again later.")


def _refused(text: str, spreadsheet: str, email: str) -> VocError:
    """Return what a 400 means."""
    if "10000000 cells" in text:
        return ReviewBookError(
            f"Spreadsheet {spreadsheet} has reached Google's limit of 10,000,000 cells. Start a new one: create a "
            f"spreadsheet, share it with {email or 'the service account'} as an editor, and set SHEETS_ID to its id; "
            "the months in the old one stay there for people to read."
        )
    if "No grid with id" in text or "No sheet with id" in text or "Unable to parse range" in text:
        return ReviewBookChangedError(
            f"Somebody deleted or renamed the month's worksheet in spreadsheet {spreadsheet} while it was being used. "
            "Run again: a missing worksheet is made anew; a deleted one can be restored from the version history."
        )
    if "already exists" in text:
        return ReviewBookChangedError(
            f"Another run is writing to spreadsheet {spreadsheet}. Try again in a few minutes."
        )
    if "protected cell" in text:
        return SheetsAccessError(
            f"Somebody protected cells of spreadsheet {spreadsheet} against {email or 'the service account'}. "
            "Remove that protection (Data, Protected sheets and ranges) or add the account to it."
        )
    return ReviewBookError(f"Google Sheets refuses a request for spreadsheet {spreadsheet}: {text}")


#: OAuth's codes for a sign-in that will not succeed by trying again.
_REFUSALS = ("invalid_", "unauthorized_client", "access_denied", "unsupported_grant_type")


def explained_auth(error: GoogleAuthError, email: str) -> VocError:
    """Return the error that a failed sign-in means."""
    text = " ".join(str(part) for part in error.args)
    if isinstance(error, TransportError):
        return ReviewBookUnavailableError(f"Google's sign-in does not answer: {text}. Try again later.")
    if isinstance(error, RefreshError) and not any(word in text for word in _REFUSALS):
        return ReviewBookUnavailableError(f"Google's sign-in is unavailable: {text}. Try again later.")
    if "reasonable timeframe" in text:
        return SheetsAccessError(
            "Google refuses the sign-in because this machine's clock is wrong by more than some minutes. "
            "Set the clock (NTP) and run again."
        )
    if "Invalid JWT Signature" in text or "account not found" in text:
        return SheetsAccessError(
            f"The key file of {email or 'the service account'} is no longer valid: {text} "
            "Create a new key for the account and set GOOGLE_APPLICATION_CREDENTIALS."
        )
    return SheetsAccessError(f"Google refuses to sign in {email or 'this workload'}: {text}")


def _details(error: APIError) -> list[dict[str, Any]]:
    details = error.error.get("details", [])
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
