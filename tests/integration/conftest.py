"""Real servers for the integration ring, one set per test session (all xdist workers share it)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from voc_worker.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voc_worker.embedded import ServerAddress


@pytest.fixture(scope="session")
def postgres_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerAddress]:
    """Run one PostgreSQL for the session; the last xdist worker to leave stops it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    with EmbeddedPostgres(shared / "postgres", durable=False) as address:
        yield address


@pytest.fixture
def empty_database(postgres_server: ServerAddress) -> ServerAddress:
    """Give the test a database of its own."""
    return postgres_server.create_database(f"test_{uuid.uuid4().hex}")
