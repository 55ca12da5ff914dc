"""What may go wrong at the API server, each with what it means for the caller; the client's own error is the cause."""

from __future__ import annotations

from voc_models.exit_codes import DataError, TryAgainError, UnavailableError, UsageError, VocError


class ClusterError(VocError):
    """Base of what the API server answers when it does not do what was asked."""


class NotFoundError(ClusterError, DataError):
    """There is no such object, or no such kind of object."""


class ConflictError(ClusterError, TryAgainError):
    """Somebody else changed the object first; read it again."""


class AlreadyExistsError(ConflictError):
    """There is an object of that name already."""


class ForbiddenError(ClusterError, UsageError):
    """The service account may not do that, or a quota or an admission rule refuses it."""


class InvalidError(ClusterError, UsageError):
    """The API server refuses the object's content."""


class GoneError(ClusterError, TryAgainError):
    """A list could not be finished because its snapshot is too old; begin it again."""


class ClusterUnavailableError(ClusterError, UnavailableError):
    """The API server cannot be reached, is overloaded, or does not know who is asking."""


_BY_STATUS: dict[int, type[ClusterError]] = {
    400: InvalidError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: InvalidError,
    415: InvalidError,
    422: InvalidError,
}


def error_of(verb: str, resource: str, code: int, reason: str, message: str) -> ClusterError:
    """Return the error for an answer of the API server.

    Args:
        verb: what was asked, in RBAC's words.
        resource: of what, such as ``jobs.batch``, with a name where there is one.
        code: the HTTP status.
        reason: CamelCase word of the answer's Status object, "" without one.
        message: its sentence.
    """
    said = message.strip().rstrip(".") or reason or "no message"
    if reason == "AlreadyExists":
        return AlreadyExistsError(f"{resource} already exists: {said}.")
    kind = _BY_STATUS.get(code, ClusterUnavailableError)
    if kind is ForbiddenError:
        return kind(f"The API server forbids to {verb} {resource}: {said}. Give the service account that right.")
    if kind is ClusterUnavailableError:
        return kind(f"The API server did not {verb} {resource} (HTTP {code}): {said}. Try again later.")
    return kind(f"The API server refused to {verb} {resource} (HTTP {code}): {said}.")
