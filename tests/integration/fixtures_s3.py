"""A real S3 server for the tests: SeaweedFS, from its wheel, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import pytest
from pydantic import SecretStr

from voc_models.store_s3 import S3Access, S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "not-a-secret-of-anyone"  # noqa: S105 - the throw-away server's key


class S3Server(NamedTuple):
    """Where a running server is and how to get in."""

    access: S3Access
    bucket: str

    def new_store(self) -> S3Store:
        """Return a store below a prefix that nobody else has."""
        return S3Store(f"s3://{self.bucket}/{uuid4().hex}", self.access)


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address on which nothing listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _command(folder: Path, bucket: str, s3_port: int) -> list[str]:
    ports = iter(free_ports(8))
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    return [
        str(weed if weed.exists() else shutil.which("weed")),
        "mini",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-bucket={bucket}",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-s3.localSocket=",
        f"-filer.localSocket={folder}/filer.sock",
        "-volume.preStopSeconds=0",
        f"-s3.port={s3_port}",
        *(
            f"-{name}={next(ports)}"
            for name in ("s3.port.grpc", "master.port", "master.port.grpc", "filer.port", "filer.port.grpc")
        ),
        *(f"-{name}={next(ports)}" for name in ("volume.port", "volume.port.grpc", "admin.port")),
    ]


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - an http address made above
        except urllib.error.HTTPError as error:
            error.close()
            return  # it answers, if only to say that one must sign
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"SeaweedFS did not start:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    """Run a server in ``folder`` while the block runs; it holds one empty bucket."""
    bucket, key = "voc-test", "tester"
    (s3_port,) = free_ports(1)
    url = f"http://127.0.0.1:{s3_port}"
    log = folder / "weed.log"
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": SECRET, "HOME": str(folder)}
    with log.open("wb") as output:
        server = subprocess.Popen(
            _command(folder, bucket, s3_port), stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=environment
        )
        try:
            _wait(url, server, log)
            access = S3Access(url, path_style=True, access_key=key, secret_key=SecretStr(SECRET))
            _wait_for_bucket(S3Store(f"s3://{bucket}", access))
            yield S3Server(access, bucket)
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for_bucket(store: S3Store) -> None:
    """The server answers before it has made its bucket."""
    deadline = time.monotonic() + 60
    while True:
        try:
            list(store.list(""))
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server for the session, with a bucket."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server
