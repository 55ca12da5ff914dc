"""The vocabulary of the sample, read from the YAML files beside this module."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from voc_models.labels import Label, Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_models.months import Month

_SUBJECT_FILES = ("facilities", "environment", "services")


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scene(_Words):
    """One kind of trouble: what it is about, what people say, and what is done (weights by key of ``Replies``).

    ``praise`` is no trouble at all: nobody adds that it is a nuisance.
    """

    things: tuple[str, ...]
    says: tuple[str, ...]
    titles: tuple[str, ...]
    asks: tuple[str, ...]
    work: dict[str, int]
    months: tuple[int, ...] = tuple(range(1, 13))
    where: tuple[str, ...] = ("사무실", "사무실", "복도", "회의실", "창가 자리", "휴게실", "")
    replies: tuple[str, ...] = ()
    twin: str = ""
    praise: bool = False


class Subject(_Words):
    """A subject with its share of requests, its seasons (factor by month) and its taxonomy row."""

    label: str
    share: float
    priority: int
    seasons: dict[int, float]
    keywords: tuple[str, ...]
    scenes: tuple[Scene, ...]


class Replies(_Words):
    """Answers by what was done; ``labels`` holds 대분류, 중분류, priority and keywords of each work type."""

    labels: dict[str, tuple[str, str, int, tuple[str, ...]]]
    done: dict[str, tuple[str, ...]]
    vague: tuple[str, ...]
    open: tuple[str, ...]
    close: tuple[str, ...]

    def label(self, work: str) -> Label:
        """Return the work type called ``work`` in the scenes."""
        major, minor, _, _ = self.labels[work]
        return Label(major, minor)


class Style(_Words):
    """How people write; lists of three are by register (notes, friendly, formal)."""

    greetings: tuple[tuple[str, ...], ...]
    asks: tuple[tuple[str, ...], ...]
    links: tuple[tuple[str, ...], ...]
    since: tuple[str, ...]
    feelings: tuple[str, ...]
    again: tuple[str, ...]
    asides: tuple[str, ...]
    stories: tuple[str, ...]
    shorts: tuple[str, ...]
    pointers: tuple[str, ...]
    english: tuple[str, ...]
    signatures: tuple[str, ...]
    companies: tuple[str, ...]
    surnames: str
    given: tuple[str, ...]
    ranks: tuple[str, ...]
    typos: tuple[tuple[str, str], ...]


class Building(_Words):
    """A building: requests a month, their growth a month, floors, and the median hours to a first reply."""

    id: str
    name: str
    rate: float
    growth: float
    floors: int
    basements: int
    hours_to_reply: float
    closed: date | None = None


class Rising(_Words):
    """A topic that is ``times`` as frequent as usual in one building in one month."""

    building: str
    month: Month
    label: str
    times: float
    things: tuple[str, ...] = ()


class World(_Words):
    """The customer; of ``single_rooms`` a building has one, so that nobody names the floor."""

    first_month: Month
    last_month: Month
    buildings: tuple[Building, ...]
    rising: tuple[Rising, ...]
    holidays: frozenset[date]
    single_rooms: frozenset[str]
    retired: tuple[TaxonomyEntry, ...]


class Vocabulary(_Words):
    """Everything that the generator draws from."""

    subjects: tuple[Subject, ...]
    replies: Replies
    style: Style
    world: World

    def taxonomy(self) -> Taxonomy:
        """Return the customer's taxonomy."""
        entries = []
        for subject in self.subjects:
            major, minor = Label.parse(subject.label)
            entries.append(
                TaxonomyEntry(
                    kind="subject", major=major, minor=minor, keywords=subject.keywords, priority=subject.priority
                )
            )
        for major, minor, priority, keywords in self.replies.labels.values():
            entries.append(TaxonomyEntry(kind="work", major=major, minor=minor, keywords=keywords, priority=priority))
        retired = [entry.model_copy(update={"active": False}) for entry in self.world.retired]
        return checked_taxonomy([*entries, *retired])


def _read(name: str) -> Any:  # noqa: ANN401 - YAML is anything until pydantic has looked at it
    text = resources.files(__package__).joinpath("words", f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders


@cache
def vocabulary() -> Vocabulary:
    """Read the vocabulary once."""
    return Vocabulary.model_validate(
        {
            "subjects": [subject for name in _SUBJECT_FILES for subject in _read(name)],
            "replies": _read("replies"),
            "style": _read("style"),
            "world": _read("buildings"),
        }
    )
