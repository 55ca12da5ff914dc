"""Errors as the Sheets API words them."""

from __future__ import annotations

from typing import Any

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
NOT_FOUND = "Requested entity was not found."
NO_PERMISSION = "The caller does not have permission"
NO_TOKEN = "Request had invalid authentication credentials. Expected OAuth 2 access token."  # noqa: S105 - a message
PROTECTED = (
    "You are trying to edit a protected cell or object. "
    "Please contact the spreadsheet owner to remove protection if you need to edit."
)
CELL_LIMIT = "This action would increase the number of cells in the workbook above the limit of 10000000 cells."
LONG_CELL = "Your input contains more than the maximum of 50000 characters in a single cell."


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, code: int, message: str, *, retry_after: str | None = None, reason: str | None = None) -> None:
        """Take the HTTP status, Google's sentence, a Retry-After header and an ErrorInfo reason."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.reason = reason

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": STATUS.get(self.code, "UNKNOWN")}
        if self.reason:
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.reason}]
        return {"error": error}
