"""Real servers for the integration ring, one set per test session (all xdist workers share it)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.integration.fixtures_s3 import s3_server
from voc_worker.embedded import EmbeddedPostgres
from voc_worker.sample.generate import generate
from voc_worker.sample.load import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voc_worker.embedded import ServerAddress
    from voc_worker.sample.generate import Sample

__all__ = ["s3_server"]  # a fixture is found by its name in the module


@pytest.fixture(scope="session")
def postgres_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerAddress]:
    """Run one PostgreSQL for the session; the last xdist worker to leave stops it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    with EmbeddedPostgres(shared / "postgres", durable=False) as address:
        yield address


@pytest.fixture(scope="session")
def sample() -> Sample:
    """Invent the sample once."""
    return generate()


@pytest.fixture(scope="session")
def sample_template(request: pytest.FixtureRequest, postgres_server: ServerAddress, sample: Sample) -> str:
    """Load the sample once for each xdist worker; return the database's name."""
    name = f"sample_{getattr(request.config, 'workerinput', {}).get('workerid', 'main')}"
    with psycopg.connect(postgres_server.create_database(name).conninfo()) as connection:
        load(connection, sample)
    return name


@pytest.fixture
def sample_database(postgres_server: ServerAddress, sample_template: str) -> ServerAddress:
    """Give the test a copy of the sample's database; copying takes a fraction of loading."""
    return postgres_server.create_database(f"test_{uuid.uuid4().hex}", template=sample_template)


@pytest.fixture
def empty_database(postgres_server: ServerAddress) -> ServerAddress:
    """Give the test a database of its own."""
    return postgres_server.create_database(f"test_{uuid.uuid4().hex}")
