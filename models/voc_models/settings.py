"""The settings that every image shares: where the stores are and where files may be put on this machine.

Only a package's ``settings.py`` reads the environment. Each name is an environment variable or a line of ``.env``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from voc_models.exit_codes import UsageError

ENV_NAME = "VOC_ENV"
#: In VOC_ENV: read no file at all.
NO_FILE = "-"


class CommonSettings(BaseSettings):
    """Stores, folders and logging; subclasses add what one image needs."""

    model_config = SettingsConfigDict(env_file_encoding="utf-8", extra="ignore", hide_input_in_errors=True)

    base_dir: Path = Field(Path(), description="Folder that relative folders below are resolved against.")
    out_dir: Path = Field(Path("var"), description="Embedded parts and scratch files: database, store, locks.")
    log_dir: Path = Field(Path("var/logs"), description="Log files of `voc run`, one folder per run.")
    model_dir: Path = Field(Path("var/models"), description="Local cache of model files, verified by hash.")

    store: str | None = Field(
        None, description="file:///path or s3://bucket/prefix. Omitted: S3_BUCKET and S3_PREFIX, else OUT_DIR/store."
    )
    model_store: str | None = Field(
        None, description="Address of the models, when environments share them. Omitted: STORE."
    )
    s3_bucket: str | None = Field(None, description="Bucket, when STORE is not given.")
    s3_prefix: str = Field("", description="Prefix inside the bucket, e.g. stat/voc.")
    s3_endpoint_url: str | None = Field(None, description="Endpoint of an S3-compatible server. Omitted: AWS.")
    s3_path_style: bool = Field(False, description="Address buckets as a path (most S3-compatible servers need it).")

    aws_access_key_id: str | None = Field(
        None, description="S3 key. Omitted: boto3's chain (profile, workload identity)."
    )
    aws_secret_access_key: SecretStr | None = Field(None, description="Its secret; kept out of logs and errors.")
    aws_session_token: SecretStr | None = Field(None, description="Only with temporary keys.")
    aws_default_region: str | None = Field(None, description="Region of the bucket, where the server asks for one.")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")
    log_format: Literal["text", "json"] = Field("text", description="json for a log collector, text for people.")

    def path(self, folder: Path) -> Path:
        """Return ``folder`` resolved against BASE_DIR."""
        return (self.base_dir / folder.expanduser()).resolve()

    @property
    def store_address(self) -> str:
        """The month's store, always as an address."""
        if self.store:
            return self.store
        if self.s3_bucket:
            return f"s3://{self.s3_bucket}/{self.s3_prefix.strip('/')}".rstrip("/")
        return (self.path(self.out_dir) / "store").as_uri()

    @property
    def model_store_address(self) -> str:
        """The models' store; the same one unless MODEL_STORE says otherwise."""
        return self.model_store or self.store_address


SettingsT = TypeVar("SettingsT", bound=CommonSettings)


def load(kind: type[SettingsT], env: str | None = None, folder: Path | None = None) -> SettingsT:
    """Read settings of ``kind`` from the environment over ``.env`` (or ``.env.{env}``) in ``folder`` (default: here).

    ``env`` falls back to the variable VOC_ENV, by which ``voc run --env dev`` tells the processes that it starts.

    Raises:
        UsageError: the named file is missing, or a value is wrong; the sentence names the variable, never the value.
    """
    env = env or os.environ.get(ENV_NAME) or None
    file = None if env == NO_FILE else (folder or Path()) / (f".env.{env}" if env else ".env")
    if env and file is not None and not file.is_file():
        raise UsageError(f"{file} does not exist. Copy .env.example to {file.name} and fill it in.")
    try:
        return kind(_env_file=file)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        fault = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{name} is wrong: {fault}. See .env.example for what it may be.") from error


def isolated(kind: type[SettingsT], **changes: object) -> SettingsT:
    """Return settings of ``kind`` made of defaults and ``changes`` alone: no environment, no file."""
    defaults = {name: field.get_default(call_default_factory=True) for name, field in kind.model_fields.items()}
    return kind(_env_file=None, **defaults | changes)


def isolated_environment(kind: type[CommonSettings], **changes: object) -> dict[str, str]:
    """Return an environment in which a step's process finds exactly ``isolated(kind, **changes)``."""
    names = {name.upper() for name in kind.model_fields}
    rest = {name: value for name, value in os.environ.items() if name.upper() not in names}
    return rest | {ENV_NAME: NO_FILE} | {name.upper(): str(value) for name, value in changes.items()}


def child_environment(env: str | None, changes: dict[str, str]) -> dict[str, str]:
    """Return the environment for a step's process: this one's, the name of the ``.env`` file, and ``changes``."""
    named = {ENV_NAME: env} if env else {}
    return {**os.environ, **named, **changes}
