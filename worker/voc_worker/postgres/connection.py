"""Connections to the customer's PostgreSQL, and what its errors mean to a person."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from voc_models.exit_codes import DataError, TryAgainError, UnavailableError, UsageError
from voc_worker.schema import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_SECONDS: Final = 10
STATEMENT_MINUTES: Final = 10
#: What a server says before it lets nobody in; only its words tell (libpq gives no code for a refused connection).
_REFUSALS: Final = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|인증을 실패|데이터베이스 없음"
)


class DatabaseUnavailableError(UnavailableError):
    """The database does not answer, or broke off."""


class DatabaseRefusedError(UsageError):
    """The database answers, but lets this user not in or not at a table."""


class DatabaseBusyError(TryAgainError):
    """Somebody else holds a lock that is needed."""


class SourceDataError(DataError):
    """What was asked for is not in the database, or what is there cannot be used."""


@dataclass(frozen=True)
class Database:
    """Where the database is and who asks; the password appears in no message and no ``repr``."""

    host: str
    port: int
    name: str
    user: str
    password: SecretStr = field(repr=False)
    sslmode: str = "prefer"

    def __str__(self) -> str:
        return f"database {self.name} on {self.host}:{self.port}"


@contextmanager
def connected(database: Database) -> Iterator[Connection]:
    """Open a connection for the block and close it afterwards, committing nothing by itself.

    Raises:
        DatabaseUnavailableError: nobody answers there.
        DatabaseRefusedError: the password, the user or the database's name is wrong.
    """
    with translated(database):
        connection = psycopg.connect(
            make_conninfo(
                host=database.host,
                port=database.port,
                dbname=database.name,
                user=database.user,
                password=database.password.get_secret_value(),
                sslmode=database.sslmode,
                connect_timeout=_CONNECT_SECONDS,
                application_name="voc-nlp",
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
            ),
            prepare_threshold=None,  # poolers that share connections between clients know no prepared statements
        )
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """Turn the driver's errors into sentences that name the database and the next step."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseRefusedError(
            f"{database} refuses user {database.user}: {_first_line(error)}. "
            "Ask its administrator for the right (GRANT)."
        ) from error
    except psycopg.errors.QueryCanceled as error:
        raise DatabaseUnavailableError(
            f"{database} took longer than {STATEMENT_MINUTES} minutes for one query. "
            "Look for a lock or a missing index."
        ) from error
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise DatabaseBusyError(f"{database} is busy: {_first_line(error)}. Try again later.") from error
    except psycopg.OperationalError as error:
        said = _first_line(error)
        if error.sqlstate is None and _REFUSALS.search(str(error)):
            raise DatabaseRefusedError(
                f"{database} refuses user {database.user}: {said}. Check DB_NAME, DB_USER and DB_PASSWORD."
            ) from error
        raise DatabaseUnavailableError(
            f"{database} does not answer: {said}. Check DB_HOST, DB_PORT and DB_SSLMODE, and that it runs."
        ) from error
    except psycopg.DataError as error:
        raise SourceDataError(f"{database} holds a value that cannot be used: {_first_line(error)}.") from error
    except psycopg.IntegrityError as error:
        raise SourceDataError(f"{database} refuses a row: {_first_line(error)}. Look at the table's rules.") from error
    except psycopg.ProgrammingError as error:
        raise SchemaError(
            f"{database} does not understand a query: {_first_line(error)}. "
            "Check the types of the tables and columns named in SOURCE_CONFIG."
        ) from error


def _first_line(error: psycopg.Error) -> str:
    said = error.diag.message_primary or str(error).strip().split("\n", 1)[0]
    return said.rstrip(".")


class Table(NamedTuple):
    """A table that exists: its quoted name and the type of each of its columns."""

    name: sql.Identifier
    types: dict[str, str]


def find_table(connection: Connection, table: str, setting: str) -> Table:
    """Look a table (or view) up.

    Raises:
        SchemaError: it is not there, or this user may not see it; the sentence names the setting.
    """
    name = sql.Identifier(*table.split("."))
    found = connection.execute(
        "SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a "
        "WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped",
        [name.as_string(connection)],
    ).fetchall()
    if not found:
        raise SchemaError(f"The database has no table {table}. Set {setting} in SOURCE_CONFIG to the right name.")
    return Table(name, dict(found))
