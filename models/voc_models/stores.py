"""Opening the store that an address names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from voc_models.exit_codes import UsageError
from voc_models.store import PreconditionFailedError, StoreUnavailableError
from voc_models.store_file import FileStore

if TYPE_CHECKING:
    from pydantic import SecretStr

    from voc_models.settings import CommonSettings
    from voc_models.store import ObjectStore


def open_store(
    address: str,
    *,
    endpoint_url: str | None = None,
    path_style: bool = False,
    region: str | None = None,
    access_key: str | None = None,
    secret_key: SecretStr | None = None,
    session_token: SecretStr | None = None,
) -> ObjectStore:
    """Return the store at ``address`` without touching it yet.

    Args:
        address: ``file:///path`` or ``s3://bucket/prefix``.
        endpoint_url: of an S3-compatible server; AWS when None. This and what follows matter to S3 alone.
        path_style: put the bucket into the path instead of the host name.
        region: of the bucket; boto3's own configuration decides when None.
        access_key: with ``secret_key``; boto3's chain (AWS_* variables, profiles, workload identity) when None.
        secret_key: kept out of every message.
        session_token: with temporary keys.

    Raises:
        UsageError: the address or the endpoint is not understood.
    """
    scheme = address.partition("://")[0]
    if scheme == "file":
        return FileStore(address)
    if scheme == "s3":
        # boto3 takes half a second to import: only those who use S3 wait for it.
        from voc_models.store_s3 import S3Access, S3Store  # noqa: PLC0415 - see above

        access = S3Access(endpoint_url, path_style, region, access_key, secret_key, session_token)
        return S3Store(address, access)
    raise UsageError(f"Store address {address!r} is not understood. Use file:///path or s3://bucket/prefix.")


def configured_store(settings: CommonSettings, address: str) -> ObjectStore:
    """Return the store at ``address`` with the endpoint and keys of ``settings``; see :func:`open_store`."""
    return open_store(
        address,
        endpoint_url=settings.s3_endpoint_url,
        path_style=settings.s3_path_style,
        region=settings.aws_default_region,
        access_key=settings.aws_access_key_id,
        secret_key=settings.aws_secret_access_key,
        session_token=settings.aws_session_token,
    )


def check_store(store: ObjectStore) -> str:
    """Prove on a throw-away object that the store can be written, read, listed and written conditionally.

    Returns:
        One sentence for ``voc doctor``.

    Raises:
        StoreUnavailableError: it cannot, or it ignores conditions: two runs could then overwrite each other.
    """
    key = f"voc-check-{uuid4().hex}"
    try:
        etag = store.put(key, b"1", if_absent=True)
        for condition in ({"if_absent": True}, {"if_match": f"not-{etag}"}):
            _expect_refusal(store, key, **condition)
        store.put(key, b"2", if_match=etag)
        if store.get(key).data != b"2" or [entry.key for entry in store.list(key)] != [key]:
            raise StoreUnavailableError(f"{store.address} does not show what was just written. Use another store.")
    finally:
        store.delete(key)
    return f"{store.address} can be read and written, and keeps conditions."


def _expect_refusal(store: ObjectStore, key: str, *, if_match: str | None = None, if_absent: bool = False) -> None:
    try:
        store.put(key, b"0", if_match=if_match, if_absent=if_absent)
    except PreconditionFailedError:
        return
    raise StoreUnavailableError(
        f"{store.address} ignores conditional writes, so two runs could overwrite each other. "
        "Use a server that knows If-Match and If-None-Match."
    )
