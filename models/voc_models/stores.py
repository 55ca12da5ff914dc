"""Opening the store that an address names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voc_models.exit_codes import UsageError
from voc_models.store_file import FileStore

if TYPE_CHECKING:
    from pydantic import SecretStr

    from voc_models.store import ObjectStore


def open_store(
    address: str,
    *,
    endpoint_url: str | None = None,
    path_style: bool = False,
    region: str | None = None,
    access_key: str | None = None,
    secret_key: SecretStr | None = None,
) -> ObjectStore:
    """Return the store at ``address`` without touching it yet.

    Args:
        address: ``file:///path`` or ``s3://bucket/prefix``.
        endpoint_url: of an S3-compatible server; AWS when None. This and what follows matter to S3 alone.
        path_style: put the bucket into the path instead of the host name.
        region: of the bucket; boto3's own configuration decides when None.
        access_key: with ``secret_key``; boto3's chain (AWS_* variables, profiles, workload identity) when None.
        secret_key: kept out of every message.

    Raises:
        UsageError: the address or the endpoint is not understood.
    """
    scheme = address.partition("://")[0]
    if scheme == "file":
        return FileStore(address)
    if scheme == "s3":
        # boto3 takes half a second to import: only those who use S3 wait for it.
        from voc_models.store_s3 import S3Access, S3Store  # noqa: PLC0415 - see above

        access = S3Access(endpoint_url, path_style, region, access_key, secret_key)
        return S3Store(address, access)
    raise UsageError(f"Store address {address!r} is not understood. Use file:///path or s3://bucket/prefix.")
