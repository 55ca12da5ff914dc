"""The operator's settings, read from the environment here and nowhere else."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from voc_models.exit_codes import UsageError
from voc_models.months import KST
from voc_models.settings import CommonSettings

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Settings(CommonSettings):
    """What the operator and its commands can be told; ``.env.example`` documents every name."""

    namespace: str | None = Field(None, description="Namespace of the runs. Omitted: the operator pod's own.")
    config_file: Path = Field(
        Path("/etc/voc-nlp/config.yaml"), description="The operator's configuration: images, resources, nodes, queue."
    )
    http_port: int = Field(8080, ge=0, le=65535, description="Port of /healthz and /metrics; 0 takes a free one.")
    time_zone: str = Field(KST, description="Zone of the months of runs that `trigger` and `backfill` create.")
    job_name: str | None = Field(
        None, description="Name of the Job that runs `trigger`, whose annotation holds the scheduled time."
    )


def own_namespace(settings: Settings, file: Path = NAMESPACE_FILE) -> str:
    """Return the namespace to work in: NAMESPACE, else the one of the pod that this runs in.

    Raises:
        UsageError: NAMESPACE is not set and this is no pod.
    """
    if settings.namespace:
        return settings.namespace
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError("NAMESPACE is not set, and this is no pod that could tell. Set NAMESPACE.") from error


def read_text(path: Path) -> str:
    """Return the configuration file's text.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"CONFIG_FILE {path} cannot be read: {error}. Mount the operator's configuration.") from error
