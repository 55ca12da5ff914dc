"""Every word that a page says comes from one catalogue per language, ``texts/{language}.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from voc_models.exit_codes import UsageError


class UnknownLanguageError(UsageError):
    """There is no catalogue for that language."""


class Texts:
    """A catalogue: ``texts("cards.voc_count")`` returns the words, its ``{name}`` places filled."""

    def __init__(self, language: str, entries: Mapping[str, str]) -> None:
        self.language = language
        self._entries = entries

    def __call__(self, key: str, **values: object) -> str:
        """Return the text at ``key``; a missing key is a KeyError, which a test finds before a reader does."""
        return self._entries[key].format(**values)

    def keys(self) -> frozenset[str]:
        """Return every key, for the test that finds unused and missing ones."""
        return frozenset(self._entries)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in tree.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": str(value)}
    return found


@lru_cache(maxsize=4)
def catalogue(language: str = "ko") -> Texts:
    """Return the catalogue of ``language``.

    Raises:
        UnknownLanguageError: no such file is packaged.
    """
    folder = resources.files("voc_worker.pages") / "texts"
    try:
        text = (folder / f"{language}.toml").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = ", ".join(sorted(item.name.removesuffix(".toml") for item in folder.iterdir()))
        raise UnknownLanguageError(f"There are no page texts in {language!r}. Known: {known}.") from error
    return Texts(language, _flat(tomllib.loads(text)))
