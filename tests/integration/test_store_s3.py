"""The S3 store against a real S3 server."""

from __future__ import annotations

import functools
import select
import socket
import socketserver
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit

import boto3
import pytest
from pydantic import SecretStr

from tests.integration.fixtures_s3 import SECRET, S3Server
from tests.integration.store_contract import StoreContract
from voc_models.exit_codes import DataError, UsageError
from voc_models.store import PreconditionFailedError, StoreUnavailableError
from voc_models.store_s3 import S3Access, S3Store
from voc_models.stores import check_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client


@pytest.fixture
def open_store(s3_server: S3Server) -> Callable[[], S3Store]:
    """Opens the test's prefix, in any process."""
    return functools.partial(S3Store, s3_server.new_store().address, s3_server.access)


@pytest.fixture
def store(open_store: Callable[[], S3Store]) -> S3Store:
    """The test's own, empty prefix."""
    return open_store()


class TestS3Store(StoreContract):
    """The contract, kept by a bucket."""


class _AnswerLost(socketserver.ThreadingTCPServer):
    """Stands between client and server on a port of its own and swallows the server's first answer."""

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        parts = urlsplit(server)
        self.target = (str(parts.hostname), int(parts.port or 80))
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.swallowed = 0
        self.clients: list[socket.socket] = []

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        for client in self.clients:
            with suppress(OSError):  # most are closed already
                client.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Relay(socketserver.BaseRequestHandler):
    server: _AnswerLost

    def handle(self) -> None:
        """Copy bytes both ways until one side closes."""
        client = self.request
        self.server.clients.append(client)
        with socket.create_connection(self.server.target) as upstream:
            while True:
                for ready in select.select([client, upstream], [], [])[0]:
                    data = ready.recv(65_536)
                    if not data or (ready is upstream and self._swallow(data)):
                        return
                    (upstream if ready is client else client).sendall(data)

    def _swallow(self, answer: bytes) -> bool:
        # "100 Continue" only invites the body; the answer comes after it.
        if self.server.swallowed or answer.startswith(b"HTTP/1.1 100"):
            return False
        self.server.swallowed += 1
        return True


def test_a_write_whose_answer_was_lost_is_recognised(s3_server: S3Server) -> None:
    """When the connection breaks after the server has written, the repeated if_absent write still counts as won."""
    address = s3_server.new_store().address
    with _AnswerLost(str(s3_server.access.endpoint_url)) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,)).start()
        etag = S3Store(address, s3_server.access._replace(endpoint_url=proxy.url)).put("once", b"mine", if_absent=True)
        assert proxy.swallowed == 1
    assert S3Store(address, s3_server.access).get("once") == (b"mine", etag)


def test_a_lost_race_is_no_success_of_ours(store: S3Store) -> None:
    """An if_absent write of the very bytes that are there already is refused all the same."""
    store.put("once", b"same")
    with pytest.raises(PreconditionFailedError):
        store.put("once", b"same", if_absent=True)


class Change(TypedDict, total=False):
    """What one case changes of the access."""

    endpoint_url: str
    access_key: str
    secret_key: SecretStr


def another_tool(server: S3Server, store: S3Store) -> tuple[S3Client, str]:
    """Return a client as other programs use it, and the store's prefix."""
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=server.access.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=server.access.access_key,
        aws_secret_access_key=SECRET,
    )
    return client, store.address.removeprefix(f"s3://{store.bucket}/")


def test_damaged_bytes_are_not_handed_out(s3_server: S3Server, store: S3Store, tmp_path: Path) -> None:
    """An object whose bytes do not match their recorded SHA-256 is a DataError, and no file appears."""
    raw, prefix = another_tool(s3_server, store)
    raw.put_object(Bucket=store.bucket, Key=f"{prefix}/a", Body=b"changed", Metadata={"voc-sha256": "0" * 64})
    raw.close()
    with pytest.raises(DataError, match="does not match its checksum"):
        store.get("a")
    with pytest.raises(DataError, match="does not match its checksum"):
        store.get_file("a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_an_object_of_another_tool_can_be_read(s3_server: S3Server, store: S3Store) -> None:
    """An object without our metadata is handed out, and an empty object that stands for a folder is not listed."""
    raw, prefix = another_tool(s3_server, store)
    raw.put_object(Bucket=store.bucket, Key=f"{prefix}/folder/a", Body=b"1")
    raw.put_object(Bucket=store.bucket, Key=f"{prefix}/folder/", Body=b"")
    raw.close()
    assert store.get("folder/a").data == b"1"
    assert [entry.key for entry in store.list("")] == ["folder/a"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"access_key": "nobody"}, r"access is refused"),
        ({"secret_key": SecretStr("wrong-secret-value")}, r"access is refused"),
        ({"endpoint_url": "http://127.0.0.1:1"}, r"127\.0\.0\.1:1 does not answer .*Check S3_ENDPOINT_URL"),
    ],
)
def test_what_keeps_us_out_is_said_without_secrets(s3_server: S3Server, change: Change, sentence: str) -> None:
    """Wrong keys and a silent server give a sentence with the bucket and the next step, and never the secret."""
    access = s3_server.access._replace(**change)
    store = S3Store(f"s3://{s3_server.bucket}/x", access)
    assert access.secret_key is not None
    calls: list[Callable[[], object]] = [
        lambda: store.get("a"),
        lambda: store.exists("a"),
        lambda: list(store.list("")),
        lambda: store.put("a", b""),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError, match=sentence) as caught:
            call()
        text = "".join(traceback.format_exception(caught.value)) + repr(access) + repr(store)
        assert s3_server.bucket in str(caught.value)
        assert access.secret_key.get_secret_value() not in text


def test_a_missing_bucket_is_named(s3_server: S3Server, tmp_path: Path) -> None:
    """Every call on a bucket that is not there says so instead of calling the object absent."""
    store = S3Store("s3://no-such-bucket/x", s3_server.access)
    source = tmp_path / "a"
    source.write_bytes(b"1")
    calls: list[Callable[[], object]] = [
        lambda: store.get("a"),
        lambda: store.exists("a"),
        lambda: list(store.list("")),
        lambda: store.put("a", b"", if_absent=True),
        lambda: store.put_file("a", source),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError, match="there is no bucket no-such-bucket"):
            call()


def test_a_missing_local_file_is_not_blamed_on_the_server(store: S3Store, tmp_path: Path) -> None:
    """Uploading a file that is not there names the file."""
    with pytest.raises(StoreUnavailableError, match=r"absent\.bin.*Check the local disk"):
        store.put_file("a", tmp_path / "absent.bin")


@pytest.mark.parametrize("address", ["s3://", "s3:///prefix", "s3://UPPER/x", "s3://bucket/../x", "s3://bucket/a?b=c"])
def test_an_address_without_a_clean_bucket_and_prefix_is_refused(address: str) -> None:
    """A malformed S3 address is a usage error, before anything is sent."""
    with pytest.raises(UsageError):
        S3Store(address)


@pytest.mark.parametrize("endpoint", ["http://user:hidden@127.0.0.1:1", "no-scheme"])
def test_an_endpoint_with_a_password_or_without_a_scheme_is_refused(endpoint: str) -> None:
    """S3_ENDPOINT_URL is checked at once, and what it holds is not repeated."""
    with pytest.raises(UsageError, match="S3_ENDPOINT_URL") as caught:
        S3Store("s3://bucket/x", S3Access(endpoint))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("access", "missing"),
    [
        (S3Access("http://127.0.0.1:1", access_key="a"), "AWS_SECRET_ACCESS_KEY"),
        (S3Access("http://127.0.0.1:1", secret_key=SecretStr("hidden")), "AWS_ACCESS_KEY_ID"),
    ],
)
def test_half_of_the_keys_is_refused_by_the_name_of_the_other(access: S3Access, missing: str) -> None:
    """A Secret that lacks one of the two keys is a usage error that says which."""
    with pytest.raises(UsageError, match=rf"^{missing} is missing") as caught:
        S3Store("s3://bucket/x", access)
    assert "hidden" not in str(caught.value)


def test_the_whole_bucket_can_be_the_store(s3_server: S3Server) -> None:
    """An address without a prefix addresses the bucket itself."""
    store = S3Store(f"s3://{s3_server.bucket}", s3_server.access)
    store.put("top", b"1")
    assert store.url("top") == f"s3://{s3_server.bucket}/top"
    assert "top" in [entry.key for entry in store.list("")]
    store.delete("top")


def test_the_doctor_finds_the_server_in_order(store: S3Store) -> None:
    """check_store proves reading and conditional writing, and leaves nothing behind."""
    assert "keeps conditions" in check_store(store)
    assert list(store.list("")) == []
