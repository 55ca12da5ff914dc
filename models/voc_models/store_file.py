"""The object store as a directory: the embedded default, and what the tests of everything else stand on.

An object is a file; its ETag is the SHA-256 of its bytes. A folder ``.voc-store`` inside holds what is no object:
files being written and locks. Any number of processes on one machine may share the directory.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from voc_models.exit_codes import UsageError
from voc_models.files import flush, sweep, temporary_file, whole_file
from voc_models.store import (
    Fetched,
    Listed,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreUnavailableError,
    checked_key,
    checked_prefix,
    sha256,
)

_PRIVATE: Final = ".voc-store"
#: Keys share this many locks, so that lock files stay few and are never removed (removing one would race).
_LOCKS: Final = 64
_LOCK_SECONDS: Final = 60.0
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_COLLIDES: Final = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTEMPTY})


class FileStore:
    """An :class:`~voc_models.store.ObjectStore` in a local directory, made when the first object is written."""

    def __init__(self, address: str) -> None:
        """Take ``file:///an/absolute/path``; another form is a UsageError."""
        parts = urlsplit(address)
        folder = unquote(parts.path)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not folder.startswith("/"):
            raise UsageError(f"Store address {address!r} is not understood. Write it as file:///an/absolute/path.")
        self.root = Path(folder).resolve()
        self.address = self.root.as_uri()
        self._swept = False

    def get(self, key: str) -> Fetched:
        """Return the object and its ETag; ObjectNotFoundError when there is none."""
        path = self._path(key)
        with self._reading(key):
            data = path.read_bytes()
        return Fetched(data, sha256(data))

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",  # noqa: ARG002 - a file system keeps no content type
        if_match: str | None = None,
        if_absent: bool = False,
    ) -> str:
        """Write the object whole and return its ETag; PreconditionFailedError when it is not as the caller expects."""

        def write(part: Path) -> str:
            part.write_bytes(data)
            return sha256(data)

        return self._write(key, write, if_match=if_match, if_absent=if_absent)

    def put_file(self, key: str, path: Path, *, content_type: str = "application/octet-stream") -> str:  # noqa: ARG002 - a file system keeps no content type
        """Copy a file of any size into the store and return its ETag."""

        def write(part: Path) -> str:
            shutil.copyfile(path, part)
            return _file_sha256(part)

        return self._write(key, write, if_match=None, if_absent=False)

    def get_file(self, key: str, path: Path) -> None:
        """Copy the object to ``path``, which appears whole or not at all."""
        source = self._path(key)
        with self._reading(key), source.open("rb") as reading:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as part, part.open("wb") as writing:
                shutil.copyfileobj(reading, writing, 1 << 20)

    def exists(self, key: str) -> bool:
        """Tell whether there is an object."""
        try:
            return self._path(key).is_file()
        except OSError as error:
            self._fail(error, "read", self._path(key))

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects whose key starts with ``prefix``, in the order of their UTF-8 bytes."""
        folder, _, _ = checked_prefix(prefix).rpartition("/")
        yield from self._walk(self.root / folder, f"{folder}/" if folder else "", prefix)

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""
        path = self._path(key)
        if not self.exists(key):
            return
        try:
            with self._lock(key):
                path.unlink(missing_ok=True)
        except OSError as error:
            self._fail(error, "delete", path)

    def url(self, key: str) -> str:
        """Return the object's ``file:///`` address."""
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        if checked_key(key).split("/", 1)[0] == _PRIVATE:
            raise UsageError(f"Object key {key!r} lies in {_PRIVATE}, which the store keeps for itself.")
        return self.root / key

    def _write(self, key: str, write: Callable[[Path], str], *, if_match: str | None, if_absent: bool) -> str:
        """Let ``write`` fill a temporary file, then put it in its place under the key's lock."""
        path = self._path(key)
        working = self.root / _PRIVATE
        try:
            working.mkdir(parents=True, exist_ok=True)
            self._sweep_once(working)
            with temporary_file(working) as part:
                etag = write(part)
                flush(part)
                path.parent.mkdir(parents=True, exist_ok=True)
                # Every writer takes the lock, unconditional ones too: nothing may come between a check and its rename.
                with self._lock(key):
                    self._check(key, path, if_match=if_match, if_absent=if_absent)
                    part.replace(path)
                flush(path.parent)
        except OSError as error:
            self._fail(error, "write", path)
        return etag

    def _check(self, key: str, path: Path, *, if_match: str | None, if_absent: bool) -> None:
        if if_absent and path.exists():
            raise PreconditionFailedError(f"{key} exists already: somebody else was first. Read it again.")
        if if_match is None:
            return
        try:
            unchanged = _file_sha256(path) == if_match
        except FileNotFoundError as error:
            raise PreconditionFailedError(f"{key} is gone: it was removed since it was read.") from error
        if not unchanged:
            raise PreconditionFailedError(f"{key} was changed by somebody else since it was read. Read it again.")

    @contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        name = f"{int(sha256(key.encode()), 16) % _LOCKS:02}.lock"
        try:
            with FileLock(self.root / _PRIVATE / name, timeout=_LOCK_SECONDS):
                yield
        except Timeout as error:
            raise StoreUnavailableError(
                f"{self.root} stayed locked for {_LOCK_SECONDS:.0f} s. See which process holds {_PRIVATE}/{name}."
            ) from error

    def _sweep_once(self, working: Path) -> None:
        if not self._swept:
            self._swept = True
            sweep(working)

    def _walk(self, folder: Path, at: str, prefix: str) -> Iterator[Listed]:
        """Yield the objects below ``folder`` whose key starts with ``prefix``; ``at`` is the folder's own key."""
        try:
            entries = [(entry, entry.is_dir()) for entry in folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._fail(error, "list", folder)
        # A folder sorts as its children do: with the slash that follows its name.
        for name, entry in sorted((f"{entry.name}/" if is_dir else entry.name, entry) for entry, is_dir in entries):
            key = at + name
            if name == f"{_PRIVATE}/" and not at:
                continue
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._walk(entry, key, prefix)
            elif key.startswith(prefix):
                yield from self._listed(key, entry)

    def _listed(self, key: str, path: Path) -> Iterator[Listed]:
        """Yield the one object, or nothing when it is gone or is no object of ours."""
        try:
            yield Listed(checked_key(key), path.stat().st_size)
        except (FileNotFoundError, UsageError):
            return
        except OSError as error:
            self._fail(error, "list", path)

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectNotFoundError(f"There is no object {key} in {self.address}.") from error
        except OSError as error:
            self._fail(error, "read", self._path(key))

    def _fail(self, error: OSError, verb: str, path: Path) -> NoReturn:
        """Raise what a person can act on; the operating system's error stays the cause."""
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise StoreUnavailableError(
                f"Cannot {verb} {path}: the disk is full or a size limit is reached ({reason}). "
                "Free some space, then run it again."
            ) from error
        if error.errno in _REFUSED:
            raise StoreUnavailableError(
                f"Cannot {verb} {path}: access is refused ({reason}). "
                "Give this user the right to the folder, or set STORE to another one."
            ) from error
        if error.errno in _COLLIDES:
            raise UsageError(
                f"Cannot {verb} {path}: the key cannot be a file there ({reason}). Choose another key."
            ) from error
        raise StoreUnavailableError(f"Cannot {verb} {path}: {reason}. Check the folder and its disk.") from error


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
