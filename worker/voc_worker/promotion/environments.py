"""Adapter: the environments' values files, and the stores that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from voc_models.exit_codes import UsageError
from voc_models.settings import CommonSettings
from voc_models.store import ObjectStore
from voc_models.stores import open_store
from voc_worker.promotion.pins import Pins, get, parse, read_pins

FILE = "values.yaml"


@dataclass(frozen=True)
class Environment:
    """One environment's values file as it was read."""

    name: str
    file: Path
    text: str
    values: dict[str, Any]

    @property
    def pins(self) -> Pins:
        """Its pins; PinError when they are not complete."""
        return read_pins(self.values, str(self.file))

    @property
    def model_place(self) -> tuple[object, object]:
        """Where its models are: an address means nothing without its endpoint."""
        address = get(self.values, "store", "modelAddress") or get(self.values, "store", "address")
        return address, get(self.values, "store", "endpointUrl") or None


class Stores(NamedTuple):
    """The stores of one environment."""

    months: ObjectStore
    models: ObjectStore


def read_environment(folder: Path, name: str) -> Environment:
    """Return an environment.

    Raises:
        UsageError: there is no such environment.
        PinError: its values file cannot be read as YAML.
    """
    file = folder / name / FILE
    try:
        # Not read_text(), which would change the ends of lines.
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}. Name a folder of --environments.") from error
    return Environment(name, file, text, parse(text, str(file)))


def write_environment(environment: Environment, text: str) -> None:
    """Replace the values file.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        environment.file.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise UsageError(f"{environment.file} cannot be written: {error}.") from error


def present(folder: Path, order: Sequence[str]) -> list[str]:
    """Return the environments that exist, in order.

    Raises:
        UsageError: there is none, or one that the order does not name: nobody knows what comes before it.
    """
    names = set(_names(folder))
    if not names:
        raise UsageError(f"{folder} holds no environment ({FILE} in a folder of its own). Set --environments.")
    if unknown := names - set(order):
        raise UsageError(f"{', '.join(sorted(unknown))} is not in the order {' → '.join(order)}. Set --order.")
    return [name for name in order if name in names]


def _names(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        yield from (child.name for child in folder.iterdir() if (child / FILE).is_file())


def open_stores(environment: Environment, settings: CommonSettings) -> Stores:
    """Return the stores that the values name; keys come from the settings.

    Raises:
        UsageError: the values name no store, or one that is not understood.
    """
    address = get(environment.values, "store", "address")
    if not address:
        raise UsageError(f"{environment.file} does not say store.address. Set it.")
    models = get(environment.values, "store", "modelAddress") or address

    def at(where: str) -> ObjectStore:
        return open_store(
            where,
            endpoint_url=get(environment.values, "store", "endpointUrl") or None,
            path_style=bool(get(environment.values, "store", "pathStyle")),
            region=get(environment.values, "store", "region") or settings.aws_default_region,
            access_key=settings.aws_access_key_id,
            secret_key=settings.aws_secret_access_key,
            session_token=settings.aws_session_token,
        )

    return Stores(at(address), at(models))
