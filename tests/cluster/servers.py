"""What the customer has beside a cluster: a PostgreSQL with the sample and an S3 store, on this machine."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg

from tests.cluster.relay import Relay
from tests.integration.fixtures_s3 import SECRET, running_s3
from voc_models.store_s3 import S3Store
from voc_worker.embedded import EmbeddedPostgres
from voc_worker.sample.generate import generate
from voc_worker.sample.load import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.fixtures_s3 import S3Server
    from voc_worker.embedded import ServerAddress


@dataclass(frozen=True)
class Servers:
    """Both servers, as this machine reaches them, and the lines by which pods reach them (a test may cut those)."""

    database: ServerAddress
    s3: S3Server
    database_line: Relay
    s3_line: Relay

    def environment(self, prefix: str, database: str | None = None) -> dict[str, str]:
        """Return the settings by which a pod uses them, with a store below ``prefix``; secrets are among them."""
        line, s3 = self.database_line, self.s3_line
        return {
            "DB_HOST": line.address,
            "DB_PORT": str(line.port),
            "DB_NAME": database or self.database.dbname,
            "DB_USER": self.database.user,
            "DB_PASSWORD": self.database.password,
            "STORE": f"s3://{self.s3.bucket}/{prefix}",
            "S3_ENDPOINT_URL": f"http://{s3.address}:{s3.port}",
            "S3_PATH_STYLE": "true",
            "AWS_ACCESS_KEY_ID": self.s3.access.access_key or "",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def store(self, prefix: str) -> S3Store:
        """Return the store of that prefix, as this machine reaches it."""
        return S3Store(f"s3://{self.s3.bucket}/{prefix}", self.s3.access)


@contextmanager
def running_servers(folder: Path, address: str) -> Iterator[Servers]:
    """Run both while the block runs; pods reach them on ``address``."""
    for name in ("postgres", "s3"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        database = stack.enter_context(EmbeddedPostgres(folder / "postgres", durable=False))
        with psycopg.connect(database.conninfo()) as connection:
            load(connection, generate())
        s3 = stack.enter_context(running_s3(folder / "s3"))
        lines = [Relay(address, database.port), Relay(address, urlsplit(s3.access.endpoint_url or "").port or 0)]
        for line in lines:
            stack.callback(line.close)
        yield Servers(database, s3, *lines)
