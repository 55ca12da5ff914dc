"""What a container's exit code means, and the errors that become one.

The numbers are the contract between the containers and the operator's podFailurePolicy (sysexits.h names):
one table, read by both sides.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """A step's answer; see the design's table "A container's answer"."""

    OK = 0
    USAGE = 64
    DATA = 65
    UNAVAILABLE = 69
    BUG = 70
    TRY_AGAIN = 75


#: The same attempt cannot end otherwise: no retry.
FINAL = frozenset({ExitCode.USAGE, ExitCode.DATA})
#: Worth another attempt, after a pause.
RETRIED = frozenset({ExitCode.UNAVAILABLE, ExitCode.BUG, ExitCode.TRY_AGAIN})


class VocError(Exception):
    """Base of every error that is meant for a person: one sentence with the fact, one with the next step."""

    exit_code: ExitCode = ExitCode.BUG


class UsageError(VocError):
    """The command or the configuration is wrong; a person has to change it. The whole run stops."""

    exit_code = ExitCode.USAGE


class DataError(VocError):
    """The data is wrong (unknown month, broken taxonomy, corrupt artifact); trying again will not help."""

    exit_code = ExitCode.DATA


class UnavailableError(VocError):
    """An upstream (database, store, sheet) does not answer; worth trying again later."""

    exit_code = ExitCode.UNAVAILABLE


class TryAgainError(VocError):
    """Interrupted, or somebody else was first: the same attempt may succeed later."""

    exit_code = ExitCode.TRY_AGAIN
