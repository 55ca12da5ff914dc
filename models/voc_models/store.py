"""The object store's small interface; a directory and S3 implement it beside this file.

Keys are relative, ``/``-separated, without ``.`` or ``..`` parts.
An ETag is opaque: it only says whether an object changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from voc_models.exit_codes import DataError, TryAgainError, UnavailableError, UsageError


class StoreUnavailableError(UnavailableError):
    """The store does not answer, refuses access or is full."""


class ObjectNotFoundError(DataError):
    """There is no object at that key."""


class PreconditionFailedError(TryAgainError):
    """The object is not the one that was read (or exists although it must not): somebody else was first."""


class Fetched(NamedTuple):
    """An object's bytes and the ETag to give back in a conditional write."""

    data: bytes
    etag: str


class Listed(NamedTuple):
    """One entry of a listing; ``size`` in bytes."""

    key: str
    size: int


class ObjectStore(Protocol):
    """What worker, training and operator need of a store.

    Every method raises StoreUnavailableError when the store cannot be reached.
    """

    address: str

    def get(self, key: str) -> Fetched:
        """Return the object; ObjectNotFoundError when there is none, DataError when its checksum disagrees."""

    def put(
        self, key: str, data: bytes, *, content_type: str = ..., if_match: str | None = ..., if_absent: bool = ...
    ) -> str:
        """Write the object whole (readers see the old bytes or the new ones) and return its ETag.

        ``if_match`` writes only over the object with that ETag, ``if_absent`` only where there is none;
        otherwise PreconditionFailedError.
        """

    def put_file(self, key: str, path: Path, *, content_type: str = ...) -> str:
        """Upload a file of any size without holding it in memory (multipart on S3); return its ETag."""

    def get_file(self, key: str, path: Path) -> None:
        """Download to ``path``, which appears whole or not at all."""

    def exists(self, key: str) -> bool:
        """Tell whether there is an object."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects whose key starts with ``prefix``, in key order."""

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""

    def url(self, key: str) -> str:
        """Return an address that a person can open or copy (``file:///…`` or ``s3://…``)."""


_PART = r"[^/\x00-\x1f\\\ud800-\udfff]+"
_KEY = re.compile(f"{_PART}(/{_PART})*")


def checked_key(key: str) -> str:
    """Return ``key`` when it is relative and clean.

    Raises:
        UsageError: it is empty, absolute, or has an empty, ``.`` or ``..`` part.
    """
    if not _KEY.fullmatch(key) or any(part in {".", ".."} for part in key.split("/")) or len(key.encode()) > 900:
        raise UsageError(f"Object key {key!r} is not a clean relative path.")
    return key


def checked_prefix(prefix: str) -> str:
    """Return ``prefix`` when keys can start with it; the empty prefix means every key.

    Raises:
        UsageError: it is absolute or has an empty, ``.`` or ``..`` part.
    """
    if prefix:
        checked_key(prefix.removesuffix("/"))
    return prefix


def sha256(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def put_or_adopt(store: ObjectStore, key: str, data: bytes, *, content_type: str) -> bytes:
    """Write an immutable object, or return the bytes that are already there.

    A step may be executed twice; its second execution goes on from what the first one wrote, so that both end alike.
    """
    try:
        store.put(key, data, content_type=content_type, if_absent=True)
    except PreconditionFailedError:
        return store.get(key).data
    return data
