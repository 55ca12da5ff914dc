"""The pins in an environment's ``values.yaml``: read, compared, and written without touching anything else. Pure.

A pin is replaced in the text: ruamel.yaml, which keeps comments, writes the whole file anew in one style, so that the
diff of a promotion would also hold indents, spaces and ends of lines that a team's own file has otherwise.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from voc_models.exit_codes import DataError
from voc_models.plan import PlannedModel
from voc_models.run import KEYWORD_MODEL

#: Keys below ``images`` whose ``digest`` is a pin; the chart's values have the same.
IMAGES = ("operator", "worker", "workerGpu", "trainer")
_GPU = "workerGpu"
_IMAGE_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RELEASE = re.compile(r"keyword|[0-9]{8}(-[0-9]+)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class PinError(DataError):
    """A values file has no usable pins, or they cannot be written into it."""


@dataclass(frozen=True)
class Pins:
    """What an environment runs: a digest for each image ("" for one that it does without), and the model.

    ``model`` is None where nothing is pinned: that environment follows ``champion.json``.
    """

    images: Mapping[str, str]
    model: PlannedModel | None

    def values(self) -> dict[tuple[str, ...], str]:
        """Return each pin by its path in the values file."""
        digests = {("images", name, "digest"): digest for name, digest in self.images.items()}
        model = self.model or PlannedModel(release="")
        return digests | {("model", "release"): model.release, ("model", "sha256"): model.digest}


def parse(text: str, where: str) -> dict[str, Any]:
    """Return a values file's content.

    Raises:
        PinError: it is no YAML, or no mapping.
    """
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PinError(f"{where} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise PinError(f"{where} holds no values. Give it at least images and store.")
    return values


def read_pins(values: Mapping[str, Any], where: str) -> Pins:
    """Return the pins of an environment.

    Raises:
        PinError: an image has no digest, a pin has the wrong form, or only one half of the model is pinned.
    """
    images = {name: _digest(values, name, where) for name in IMAGES}
    return Pins(images, _model(values, where))


def _digest(values: Mapping[str, Any], name: str, where: str) -> str:
    digest = get(values, "images", name, "digest") or ""
    if not digest and name == _GPU and get(values, "images", name, "repository") == "":
        return ""  # the chart's way to say that buildings with GPUs take the worker's image
    if not digest:
        raise PinError(
            f"{where} does not pin images.{name}.digest. Set it to the sha256:… of the image that CI pushed."
        )
    if not isinstance(digest, str) or not _IMAGE_DIGEST.fullmatch(digest):
        raise PinError(f"{where}: images.{name}.digest is {digest!r}. It must be sha256: and 64 hexadecimal digits.")
    return digest


def _model(values: Mapping[str, Any], where: str) -> PlannedModel | None:
    release, sha256 = get(values, "model", "release") or "", get(values, "model", "sha256") or ""
    if not release and not sha256:
        return None
    if not isinstance(release, str) or not _RELEASE.fullmatch(release):
        raise PinError(f"{where}: model.release is {release!r}. It must be a quoted release such as '20260116'.")
    wanted = "" if release == KEYWORD_MODEL else "64 hexadecimal digits, in quotes"
    if not isinstance(sha256, str) or bool(wanted) != bool(_SHA256.fullmatch(sha256)):
        raise PinError(f"{where}: model.sha256 of {release} is {sha256!r}. It must be {wanted or 'empty'}.")
    return PlannedModel(release=release, digest=sha256)


def unproved_images(pins: Pins, values: Mapping[str, Any]) -> list[str]:
    """Return the images that ``values`` run although ``pins`` do without them: there is no digest to copy."""
    return [
        name for name, digest in pins.images.items() if not digest and get(values, "images", name, "repository") != ""
    ]


def get(values: Mapping[str, Any], *path: str) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return what lies at ``path``, or None when there is nothing."""
    node: Any = values
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def with_pins(text: str, pins: Pins, where: str) -> str:
    """Return the values file with these pins and every other character as it was.

    Raises:
        PinError: the pins cannot be written without changing something else (they are shared by an anchor).
    """
    expected, changed = parse(text, where), text
    try:
        for path, value in pins.values().items():
            if (get(expected, *path) or "") != value:
                changed = _write(changed, path, value, where)
                _set(expected, path, value)
        if yaml.safe_load(changed) == expected:
            return changed
    except yaml.YAMLError as error:
        raise PinError(_shared(where)) from error
    raise PinError(_shared(where))


def _shared(where: str) -> str:
    return f"{where} cannot be changed in its pins alone; does it share them by an anchor? Write them out."


def _set(values: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for key in path[:-1]:
        values[key] = values.get(key) or {}
        values = values[key]
    values[path[-1]] = value


def _write(text: str, path: tuple[str, ...], value: str, where: str) -> str:
    """Return the text with the scalar at ``path`` replaced, or inserted into the deepest mapping that is there."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for depth, key in enumerate(path):
        if not isinstance(node, yaml.MappingNode):
            break
        found = next((child for name, child in node.value if name.value == key), None)
        if found is None:
            return _insert(text, node, path[depth:], value)
        node = found
    if isinstance(node, yaml.ScalarNode):
        return _replace(text, node, path, value)
    raise PinError(f"{where}: {'.'.join(path)} cannot be set there. Make it a plain value.")


def _replace(text: str, node: yaml.ScalarNode, path: tuple[str, ...], value: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    missing = path[-1:] if start == end else ()
    if missing:  # "digest:" with nothing behind it
        return f"{text[:start]} {_scalar(path, value, None)}{text[end:]}"
    return text[:start] + _scalar(path, value, node.style) + text[end:]


def _insert(text: str, mapping: yaml.MappingNode, path: tuple[str, ...], value: str) -> str:
    entry = _scalar(path, value, '"' if len(path) > 1 or mapping.flow_style else None)
    for key in reversed(path[1:]):
        entry = f"{{{key}: {entry}}}"
    entry = f"{path[0]}: {entry}"
    if mapping.flow_style or not mapping.value:
        at = mapping.start_mark.index + 1
        return text[:at] + entry + (", " if mapping.value else "") + text[at:]
    first = mapping.value[0][0].start_mark
    return f"{text[: first.index]}{entry}\n{' ' * first.column}{text[first.index :]}"


def _scalar(path: tuple[str, ...], value: str, style: str | None) -> str:
    """Return the value in the style that was there; a release and a hash of digits alone would be numbers unquoted."""
    quote = style if style in {"'", '"'} else ("" if value and path[-1] == "digest" else '"')
    return f"{quote}{value}{quote}"


def difference(before: str, after: str, where: str) -> str:
    """Return a unified diff, empty when nothing changed."""
    lines = (before.splitlines(keepends=True), after.splitlines(keepends=True))
    return "".join(difflib.unified_diff(*lines, fromfile=f"a/{where}", tofile=f"b/{where}"))
