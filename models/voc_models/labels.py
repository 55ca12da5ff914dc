"""Labels are pairs (대분류, 중분류); the taxonomy says which pairs exist."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from voc_models.exit_codes import DataError

Head = Literal["subject", "work"]
HEADS: tuple[Head, Head] = ("subject", "work")
HEAD_NAMES: dict[Head, str] = {"subject": "주제", "work": "작업유형"}


class Label(NamedTuple):
    """One class: 대분류 and 중분류."""

    major: str
    minor: str

    def __str__(self) -> str:
        return f"{self.major}_{self.minor}"

    @classmethod
    def parse(cls, text: str) -> Label:
        """Read the joined form ``환경_청결/미화``; a 중분류 may contain ``_``, a 대분류 may not.

        Raises:
            DataError: there is no ``_`` or one side is empty.
        """
        major, separator, minor = text.partition("_")
        if not (separator and major and minor):
            raise DataError(f"Label {text!r} is not of the form 대분류_중분류.")
        return cls(major, minor)


#: What a row without usable text is tagged with, and where the keyword tagger lands without a hit.
OTHER = Label("기타", "기타")


class TaxonomyEntry(BaseModel):
    """One row of ``voc_taxonomy``."""

    model_config = ConfigDict(frozen=True)

    kind: Head
    major: str
    minor: str
    keywords: tuple[str, ...] = ()
    priority: int = 0
    active: bool = True

    @property
    def label(self) -> Label:
        """The pair that this row names."""
        return Label(self.major, self.minor)


class Taxonomy(BaseModel):
    """Every pair of both heads, retired ones included; built by :func:`checked_taxonomy`."""

    model_config = ConfigDict(frozen=True)

    entries: tuple[TaxonomyEntry, ...]

    def active(self, head: Head) -> tuple[TaxonomyEntry, ...]:
        """Return the entries in force for ``head``, in their stored order."""
        return tuple(entry for entry in self.entries if entry.kind == head and entry.active)

    def labels(self, head: Head) -> tuple[Label, ...]:
        """Return the labels in force for ``head``, in their stored order."""
        return tuple(entry.label for entry in self.active(head))

    def digest(self, head: Head) -> str:
        """Return the SHA-256 over the sorted active pairs: keywords may change without a new model."""
        pairs = sorted(self.labels(head))
        return hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode()).hexdigest()


def checked_taxonomy(entries: list[TaxonomyEntry]) -> Taxonomy:
    """Return the taxonomy of ``entries`` with 기타/기타 present for both heads.

    Raises:
        DataError: a pair is there twice, a part is blank, a 대분류 contains ``_``, or a head has no active pair.
    """
    twice = [key for key, count in Counter((e.kind, e.major, e.minor) for e in entries).items() if count > 1]
    if twice:
        kind, major, minor = twice[0]
        raise DataError(f"voc_taxonomy has {kind} {major}/{minor} more than once. Remove or deactivate the extra row.")
    for entry in entries:
        if not entry.major.strip() or not entry.minor.strip():
            raise DataError(
                f"voc_taxonomy has an orphan {entry.kind} row ({entry.major!r}/{entry.minor!r}): "
                "대분류 and 중분류 must both be filled."
            )
        if "_" in entry.major:
            raise DataError(f"대분류 {entry.major!r} contains '_', which separates 대분류 from 중분류. Rename it.")
        if (entry.major, entry.minor) != (entry.major.strip(), entry.minor.strip()):
            raise DataError(f"voc_taxonomy pair {entry.major!r}/{entry.minor!r} has spaces around it. Trim them.")
    complete = list(entries)
    for head in HEADS:
        of_head = [entry for entry in entries if entry.kind == head]
        if not any(entry.active for entry in of_head):
            raise DataError(f"voc_taxonomy has no active {head} pair. Add some, or activate them.")
        if OTHER not in {entry.label for entry in of_head}:
            complete.append(TaxonomyEntry(kind=head, major=OTHER.major, minor=OTHER.minor))
    return Taxonomy(entries=tuple(complete))
