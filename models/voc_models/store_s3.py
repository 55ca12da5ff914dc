"""The object store as an S3 bucket, on AWS or on a compatible server.

Conditional writes are the server's (If-Match, If-None-Match). Every object carries its SHA-256 as metadata besides the
checksum that S3 keeps: servers differ in which checksum they give back, and of multipart objects most give none.
"""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    NoCredentialsError,
    PartialCredentialsError,
)

from voc_models.exit_codes import DataError, UsageError
from voc_models.files import whole_file
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from pydantic import SecretStr

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SHA256: Final = "voc-sha256"
_WRITER: Final = "voc-writer"
_PART_BYTES: Final = 16 << 20
_ATTEMPTS: Final = 4
_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 60
_ABSENT: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_LOST: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_REFUSED: Final = frozenset({"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"})


class S3Access(NamedTuple):
    """How a bucket is reached; see :func:`voc_models.stores.open_store`."""

    endpoint_url: str | None = None
    path_style: bool = False
    region: str | None = None
    access_key: str | None = None
    secret_key: SecretStr | None = None
    session_token: SecretStr | None = None


class S3Store:
    """An :class:`~voc_models.store.ObjectStore` below a prefix of one bucket."""

    def __init__(self, address: str, access: S3Access | None = None) -> None:
        """Take ``s3://bucket/prefix``; nothing is sent yet. A UsageError when address or endpoint is not understood."""
        parts = urlsplit(address)
        prefix = parts.path.strip("/")
        if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment:
            raise UsageError(f"Store address {address!r} is not understood. Write it as s3://bucket/prefix.")
        self.bucket = parts.netloc
        self._prefix = f"{checked_key(prefix)}/" if prefix else ""
        self.address = f"s3://{self.bucket}/{self._prefix}".rstrip("/")
        self._access = access or S3Access()
        self._client = _client(self._access)
        self._bucket_seen = False

    def get(self, key: str) -> Fetched:
        """Return the object and its ETag; ObjectNotFoundError when there is none, DataError when it is damaged."""
        with self._calling("read", key):
            answer = self._client.get_object(Bucket=self.bucket, Key=self._key(key), ChecksumMode="ENABLED")
            data = answer["Body"].read()
        recorded = answer["Metadata"].get(_SHA256)
        if recorded is not None and recorded != sha256(data):
            raise self._damaged(key)
        return Fetched(data, answer["ETag"])

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        if_match: str | None = None,
        if_absent: bool = False,
    ) -> str:
        """Write the object whole and return its ETag; PreconditionFailedError when it is not as the caller expects."""
        digest = hashlib.sha256(data)
        writer = uuid4().hex
        conditions: dict[str, Any] = {}
        if if_match is not None:
            conditions["IfMatch"] = if_match
        if if_absent:
            conditions["IfNoneMatch"] = "*"
        with self._calling("write", key):
            try:
                return self._client.put_object(
                    Bucket=self.bucket,
                    Key=self._key(key),
                    Body=data,
                    ContentType=content_type,
                    ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
                    Metadata={_SHA256: digest.hexdigest(), _WRITER: writer},
                    **conditions,
                )["ETag"]
            except ClientError as error:
                # S3 answers If-Match on an absent object with 404, other servers with 412.
                if conditions and _code(error) in _LOST | _ABSENT:
                    return self._etag_if_ours(key, writer, error)
                raise

    def put_file(self, key: str, path: Path, *, content_type: str = "application/octet-stream") -> str:
        """Upload a file of any size, in parts when it is large, and return its ETag."""
        with self._calling("write", key):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._client.upload_file(
                str(path),
                self.bucket,
                self._key(key),
                ExtraArgs={"ContentType": content_type, "ChecksumAlgorithm": "SHA256", "Metadata": {_SHA256: digest}},
                Config=_TRANSFER,
            )
            return self._client.head_object(Bucket=self.bucket, Key=self._key(key))["ETag"]

    def get_file(self, key: str, path: Path) -> None:
        """Download to ``path``, which appears whole or not at all; DataError when the bytes are damaged."""
        with self._calling("read", key):
            recorded = self._client.head_object(Bucket=self.bucket, Key=self._key(key))["Metadata"].get(_SHA256)
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as part:
                self._client.download_file(self.bucket, self._key(key), str(part), Config=_TRANSFER)
                with part.open("rb") as file:
                    if recorded is not None and recorded != hashlib.file_digest(file, "sha256").hexdigest():
                        raise self._damaged(key)

    def exists(self, key: str) -> bool:
        """Tell whether there is an object."""
        try:
            with self._calling("read", key):
                self._client.head_object(Bucket=self.bucket, Key=self._key(key))
        except ObjectNotFoundError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects whose key starts with ``prefix``, in the order of their UTF-8 bytes."""
        found = []
        with self._calling("list", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._prefix + checked_prefix(prefix)
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(self._prefix)
                    if key and not key.endswith("/"):  # consoles make empty objects that stand for folders
                        found.append(Listed(key, entry["Size"]))
        # Compatible servers list folder by folder, which is another order.
        yield from sorted(found)

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""
        with self._calling("delete", key):
            self._client.delete_object(Bucket=self.bucket, Key=self._key(key))

    def url(self, key: str) -> str:
        """Return the object's ``s3://`` address."""
        return f"s3://{self.bucket}/{self._key(key)}"

    def _key(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _etag_if_ours(self, key: str, writer: str, lost: ClientError) -> str:
        """Return the ETag when the refused write had succeeded: its answer was lost and boto3 had sent it again."""
        if lost.response["ResponseMetadata"]["RetryAttempts"] > 0:
            with suppress(ClientError):  # removed in between: then it is not ours any more
                found = self._client.head_object(Bucket=self.bucket, Key=self._key(key))
                if found["Metadata"].get(_WRITER) == writer:
                    return found["ETag"]
        raise PreconditionFailedError(
            f"{key} is not as it was when it was read: somebody else was first. Read it again."
        ) from lost

    def _damaged(self, key: str) -> DataError:
        return DataError(f"{self.url(key)} does not match its checksum. It is damaged: write it again.")

    @contextmanager
    def _calling(self, verb: str, key: str) -> Iterator[None]:
        """Turn the client's errors into the store's."""
        try:
            yield
        except FlexibleChecksumError as error:
            raise self._damaged(key) from error
        except ClientError as error:
            self._fail(error, verb, key)
        except Boto3Error as error:  # the transfer manager hides the server's answer behind an error of its own
            if isinstance(error.__context__, ClientError):
                self._fail(error.__context__, verb, key)
            raise self._unreached(error, verb, key) from error
        except BotoCoreError as error:
            raise self._unreached(error, verb, key) from error
        except OSError as error:
            raise StoreUnavailableError(
                f"Cannot {verb} {self.address}/{key}: {error.strerror} ({error.filename}). Check the local disk."
            ) from error
        self._bucket_seen = True

    def _fail(self, error: ClientError, verb: str, key: str) -> NoReturn:
        code = _code(error)
        if code in _ABSENT and (code == "NoSuchKey" or self._bucket_is_there()):
            raise ObjectNotFoundError(f"There is no object {key} in {self.address}.") from error
        where = f"Cannot {verb} {self.address}/{key}"
        if code in _ABSENT or code == "NoSuchBucket":
            raise StoreUnavailableError(
                f"{where}: there is no bucket {self.bucket}. Create it, or change STORE."
            ) from error
        if code in _REFUSED:
            raise StoreUnavailableError(
                f"{where}: access is refused ({code}). Check the access key, the secret key and the bucket's policy."
            ) from error
        raise StoreUnavailableError(
            f"{where}: the server answers {code or 'with an error'}. Try again later."
        ) from error

    def _unreached(self, error: Exception, verb: str, key: str) -> StoreUnavailableError:
        where = f"Cannot {verb} {self.address}/{key}"
        if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
            return StoreUnavailableError(
                f"{where}: no complete credentials were found. "
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give a role."
            )
        server = self._access.endpoint_url or "AWS"
        return StoreUnavailableError(
            f"{where}: {server} does not answer as expected ({type(error).__name__}). "
            "Check S3_ENDPOINT_URL and the network, then try again."
        )

    def _bucket_is_there(self) -> bool:
        """Tell a missing object from a missing bucket: the answer to HEAD has no body that says which."""
        if not self._bucket_seen:
            try:
                self._client.head_bucket(Bucket=self.bucket)
            except ClientError as error:
                return _code(error) not in _ABSENT | {"NoSuchBucket"}
            self._bucket_seen = True
        return True


_TRANSFER: Final = TransferConfig(
    multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=4, num_download_attempts=_ATTEMPTS
)


def _client(access: S3Access) -> S3Client:
    if access.endpoint_url is not None and (
        urlsplit(access.endpoint_url).password or urlsplit(access.endpoint_url).username
    ):
        raise UsageError(
            "S3_ENDPOINT_URL holds a user name or a password. Leave them out; keys have settings of their own."
        )
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        s3={"addressing_style": "path" if access.path_style else "auto"},
    )
    # A compatible server knows no regions, but a signature names one.
    region = access.region or ("us-east-1" if access.endpoint_url else None)
    try:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=access.endpoint_url,
            region_name=region,
            aws_access_key_id=access.access_key,
            aws_secret_access_key=access.secret_key.get_secret_value() if access.secret_key else None,
            aws_session_token=access.session_token.get_secret_value() if access.session_token else None,
            config=config,
        )
    except PartialCredentialsError as error:
        missing = "AWS_SECRET_ACCESS_KEY" if access.access_key else "AWS_ACCESS_KEY_ID"
        raise UsageError(f"{missing} is missing, and the other key of the store is set. Set both.") from error
    except (BotoCoreError, ValueError) as error:
        raise UsageError("The S3 client cannot be made. S3_ENDPOINT_URL must look like https://host:port.") from error


def _code(error: ClientError) -> str:
    return error.response["Error"].get("Code", "")
