"""Google's own description of the Sheets API, as google-api-python-client ships it, and what deviates from it.

The document says names, types, enums, paths and query parameters. It does not say which fields exclude each other,
which must be set, what an error's body holds, nor what a request does; so neither does this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import files
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from tests.sheets_server.errors import ApiError
from tests.sheets_server.render import Mask, parse_mask
from tests.sheets_server.server import Exchange

Schema = Mapping[str, Any]

_DOCUMENT = "googleapiclient/discovery_cache/documents/sheets.v4.json"
_IMPLIED = re.compile(r"root [`'](\w+)")
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
    "any": (str, bool, int, float, type(None)),  # only cells are of any type, and a cell is no list and no object
}


class Method(NamedTuple):
    """One method of the API; ``request`` and ``response`` are names of schemas, "" when there is no body."""

    id: str
    verb: str
    path: re.Pattern[str]
    parameters: Mapping[str, Schema]
    request: str
    response: str


class Discovery:
    """Compares exchanges with the document; deviations are sentences that begin with the place."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the parsed document."""
        self.schemas: Mapping[str, Schema] = document["schemas"]
        self._common: Mapping[str, Schema] = document["parameters"]
        self.methods = tuple(_methods(document))

    def method(self, verb: str, path: str) -> Method | None:
        """Return the method that an HTTP verb and a path mean."""
        here = urlsplit(path).path
        return next((found for found in self.methods if found.verb == verb and found.path.fullmatch(here)), None)

    def deviations(self, exchange: Exchange) -> list[str]:
        """Return what the document does not allow in a request and, if it succeeded, in its answer."""
        method = self.method(exchange.method, exchange.path)
        if method is None:
            return [f"{exchange.method} {exchange.path}: no such method"]
        found = [*self._path(method, exchange.path), *self._query(method, exchange.path)]
        found += self._sent(method, exchange.sent)
        if exchange.status == 200:
            found += self.value(exchange.given, {"$ref": method.response}, "answer", sent=False)
        return [f"{method.id}: {text}" for text in found]

    def value(self, value: object, schema: Schema, at: str, *, sent: bool) -> Iterator[str]:
        """Yield the deviations of a JSON value; ``sent``: by a client, which may not set what is read-only."""
        schema = self._resolved(schema)
        kind = str(schema["type"])
        if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind in {"integer", "number"}):
            yield f"{at}: {json.dumps(value, ensure_ascii=False)[:60]} is no {schema.get('id', kind)}"
        elif isinstance(value, dict):
            yield from self._members(value, schema, at, sent=sent)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.value(item, schema["items"], f"{at}[{index}]", sent=sent)
        else:
            yield from _scalar(value, schema, at)

    def mask(self, text: str, schema: Schema, at: str) -> Iterator[str]:
        """Yield the names of a field mask that the schema does not have."""
        try:
            yield from self._masked(parse_mask(text), schema, at)
        except ApiError as error:
            yield f"{at}: {error.message}"

    def _resolved(self, schema: Schema) -> Schema:
        return self.schemas[schema["$ref"]] if "$ref" in schema else schema

    def _members(self, value: Mapping[str, object], schema: Schema, at: str, *, sent: bool) -> Iterator[str]:
        known: Mapping[str, Schema] = schema.get("properties", {})
        for name, item in value.items():
            if sent and item is None and name in known:
                continue  # in a request null is the same as nothing
            below = known.get(name, schema.get("additionalProperties"))
            if below is None:
                yield f"{at}: unknown key {name!r}"
            elif sent and below.get("readOnly"):
                yield f"{at}.{name}: is read-only"
            elif sent and below.get("format") == "google-fieldmask" and isinstance(item, str):
                yield from self.mask(item, self._mask_root(below, known), f"{at}.{name}")
            else:
                yield from self.value(item, below, f"{at}.{name}", sent=sent)

    def _mask_root(self, mask: Schema, siblings: Mapping[str, Schema]) -> Schema:
        """Return what a mask's names begin below: its description says so, in words."""
        named = _IMPLIED.search(mask["description"])
        return {"$ref": "CellData"} if named is None else siblings.get(named[1]) or {"$ref": named[1]}

    def _masked(self, mask: Mask, schema: Schema, at: str) -> Iterator[str]:
        schema = self._resolved(schema)
        while schema["type"] == "array":
            schema = self._resolved(schema["items"])
        for name, below in mask.items():
            known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if known is None and name != "*":
                yield f"{at}: unknown field {name!r}"
            elif known is not None:
                yield from self._masked(below, known, at)

    def _path(self, method: Method, path: str) -> Iterator[str]:
        found = method.path.fullmatch(urlsplit(path).path)
        for name, text in (found.groupdict() if found else {}).items():
            yield from _parameter(unquote(text), method.parameters[name], name)

    def _query(self, method: Method, path: str) -> Iterator[str]:
        for name, texts in parse_qs(urlsplit(path).query, keep_blank_values=True).items():
            schema = method.parameters.get(name, self._common.get(name, {}))
            if schema.get("location") != "query":
                yield f"query: unknown parameter {name!r}"
                continue
            if len(texts) > 1 and not schema.get("repeated"):
                yield f"query: {name!r} is given {len(texts)} times"
            for text in texts:
                yield from _parameter(text, schema, name)
                if name == "fields":
                    yield from self.mask(text, {"$ref": method.response}, "query: fields")

    def _sent(self, method: Method, body: bytes) -> Iterator[str]:
        if not method.request:
            if body:
                yield "body: there must be none"
            return
        try:
            value = json.loads(body)
        except ValueError:
            yield "body: is no JSON"
            return
        yield from self.value(value, {"$ref": method.request}, "body", sent=True)


def load() -> Discovery:
    """Read the document from the installed distribution, whose code is not imported.

    Raises:
        LookupError: the distribution does not hold it.
    """
    for path in files("google-api-python-client") or ():
        if path.as_posix() == _DOCUMENT:
            return Discovery(json.loads(path.read_text(encoding="utf-8")))
    raise LookupError(f"google-api-python-client does not hold {_DOCUMENT}.")


def _methods(resource: Mapping[str, Any]) -> Iterator[Method]:
    for method in resource.get("methods", {}).values():
        yield Method(
            method["id"],
            method["httpMethod"],
            _pattern(method["path"]),
            method["parameters"],
            method.get("request", {}).get("$ref", ""),
            method["response"]["$ref"],
        )
    for below in resource.get("resources", {}).values():
        yield from _methods(below)


def _pattern(template: str) -> re.Pattern[str]:
    """Return what matches a percent-encoded path; a range may hold a colon, which Google does not need encoded."""
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile(
        "/"
        + "".join(
            re.escape(part) if index % 2 == 0 else f"(?P<{part}>[A-Za-z0-9._~!$&'()*+,;=@%{':' * (part == 'range')}-]+)"
            for index, part in enumerate(parts)
        )
    )


def _parameter(text: str, schema: Schema, name: str) -> Iterator[str]:
    """Yield what is wrong with a parameter, which is text whatever its type."""
    if schema["type"] == "boolean" and text not in {"true", "false"}:
        yield f"{name}: {text!r} is no boolean"
    elif schema["type"] == "integer" and not re.fullmatch(r"-?\d+", text):
        yield f"{name}: {text!r} is no integer"
    else:
        yield from _scalar(int(text) if schema["type"] == "integer" else text, schema, name)


def _scalar(value: object, schema: Schema, at: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {', '.join(schema['enum'])}"
    if schema.get("format") == "int32" and isinstance(value, int) and not -(2**31) <= value < 2**31:
        yield f"{at}: {value} is beyond 32 bits"
