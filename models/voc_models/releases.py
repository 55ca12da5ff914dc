"""The records of the model store: releases, the champion, the history. Pure data; registry.py reads and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import Field, FiniteFloat

from voc_models.artifact import Kind
from voc_models.labels import HEADS, Head
from voc_models.plan import Record
from voc_models.run import KEYWORD_MODEL


class ReleaseHead(Record):
    """One head of a release: the artifact of some version, pinned by its manifest's SHA-256."""

    version: str = Field(pattern=r"^[0-9]{8}(-[0-9]+)?$")
    kind: Kind
    manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Release(Record):
    """``releases/{version}.json``: both heads; a head that is None is served by the keyword tagger."""

    schema_version: Literal[1] = 1
    version: str = Field(pattern=r"^[0-9]{8}(-[0-9]+)?$")
    created: datetime
    by: str
    subject: ReleaseHead | None = None
    work: ReleaseHead | None = None
    scores: Mapping[str, FiniteFloat] = Field(
        default_factory=dict, description="Such as subject_accuracy, for listings."
    )

    def head(self, head: Head) -> ReleaseHead | None:
        """Return one head's entry."""
        return self.subject if head == "subject" else self.work


#: How ``by`` begins where a person decided; otherwise it is the run whose gate did.
PERSON = "person: "


class Champion(Record):
    """``champion.json``: the release in service, and those before it, the last one last, for a rollback."""

    schema_version: Literal[1] = 1
    release: str = KEYWORD_MODEL
    since: datetime | None = None
    by: str = ""
    reason: str = ""
    earlier: tuple[str, ...] = ()


class ChampionState(NamedTuple):
    """The champion as it was read; ``etag`` is None while there is no ``champion.json``: the keyword tagger serves."""

    champion: Champion
    etag: str | None


Event = Literal["evaluated", "refused", "promoted", "rolled_back"]


class HistoryEntry(Record):
    """One line of ``history.jsonl``."""

    at: datetime
    event: Event
    release: str
    by: str
    reason: str = ""
    head: Head | None = None
    scores: Mapping[str, FiniteFloat] = Field(default_factory=dict)
    details: Mapping[str, Any] = Field(default_factory=dict)


class ListedRelease(NamedTuple):
    """A release in a listing."""

    release: Release
    champion: bool


def version_order(version: str) -> tuple[str, int]:
    """Return what sorts versions by age: ``20260116-10`` comes after ``20260116-2``."""
    day, _, number = version.partition("-")
    return day, int(number or 1)


def release_of(
    version: str, heads: Mapping[Head, ReleaseHead | None], *, by: str, created: datetime, champion: Release | None
) -> Release:
    """Return a release of the ``heads`` given; a head that is not among them keeps what the champion has."""
    kept = {head: champion.head(head) if champion else None for head in HEADS}
    both = {**kept, **heads}
    return Release(version=version, created=created, by=by, subject=both["subject"], work=both["work"])
