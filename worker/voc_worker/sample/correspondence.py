"""One building's requests and answers, month by month: regulars, repeats, duplicates and common troubles."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from voc_models.labels import Label
from voc_worker.sample.compose import Matter, Tenant, make_matter, make_tenant, write_reply, write_request
from voc_worker.sample.times import handle, moment_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from random import Random

    from voc_models.months import Month
    from voc_worker.sample.words import Building, Rising, Subject, Vocabulary

_TENANTS_A_FLOOR = 4
#: Chances that a request repeats an earlier one, is sent twice, is sent again in other words, is shared by neighbours.
_REPEATED, _DUPLICATED, _REWORDED, _SHARED = 0.06, 0.02, 0.015, 0.012
#: Share of labels that another careful person would have chosen otherwise; a subject needs a scene with a twin for it.
_DEBATABLE_SUBJECT, _DEBATABLE_WORK = 0.036, 0.03
_OTHER_WORK = {
    "수리": "긴급", "긴급": "수리", "청소": "불출", "불출": "청소", "조정": "수리", "설치": "수리",
    "안내": "기타", "기타": "안내", "이관": "긴급", "정기": "긴급", "방역": "청소",
}  # fmt: skip


@dataclass(frozen=True)
class Letter:
    """One request with its answer, and its true labels."""

    building: str
    created: datetime
    replied: datetime | None
    completed: datetime | None
    title: str
    request: str
    reply: str
    subject: Label
    work: Label
    subject_debatable: bool
    work_debatable: bool
    about: Subject
    matter: Matter
    tenant: Tenant


class Correspondence:
    """What one building's tenants write; ``month`` is called once a month, in order."""

    def __init__(self, rng: Random, words: Vocabulary, building: Building) -> None:
        self._rng, self._words, self._building = rng, words, building
        self._tenants = [make_tenant(rng, words.style) for _ in range(_TENANTS_A_FLOOR * building.floors)]
        # Every building has weak spots of its own.
        self._bias = {subject.label: math.exp(rng.gauss(0, 0.3)) for subject in words.subjects}
        self._now = words.world.last_month.bounds().end
        self._recent: list[Letter] = []

    def month(self, month: Month) -> list[Letter]:
        """Return the month's letters in no particular order; none once the building is closed."""
        world, building, start = self._words.world, self._building, month.bounds().start
        if building.closed and building.closed <= start.date():
            return []
        age = (month.year - world.first_month.year) * 12 + month.month - world.first_month.month
        weights = [self._weight(subject, month) for subject in self._words.subjects]
        usual = sum(subject.share for subject in self._words.subjects)
        expected = building.rate * (1 + building.growth) ** age * sum(weights) / usual
        count = max(1, round(self._rng.gauss(expected, math.sqrt(expected))))
        letters: list[Letter] = []
        for _ in range(count):
            letters += self._occasion(month, weights, [*self._recent, *letters])
        self._recent = [letter for letter in letters if letter.created > month.bounds().end - timedelta(days=25)]
        return [letter for letter in letters if letter.created < month.bounds().end]

    def _rising(self, subject: Subject, month: Month) -> Rising | None:
        here = (self._building.id, month, subject.label)
        return next(
            (rise for rise in self._words.world.rising if (rise.building, rise.month, rise.label) == here), None
        )

    def _weight(self, subject: Subject, month: Month) -> float:
        rising = self._rising(subject, month)
        times = rising.times if rising else 1.0
        return subject.share * subject.seasons.get(month.month, 1.0) * self._bias[subject.label] * times

    def _occasion(self, month: Month, weights: Sequence[float], before: Sequence[Letter]) -> Iterator[Letter]:
        """Yield one letter, or several that belong together."""
        rng = self._rng
        created = moment_in(rng, month, self._words.world.holidays)
        earlier = [letter for letter in before if timedelta(days=2) < created - letter.created < timedelta(days=25)]
        if earlier and rng.random() < _REPEATED:
            old = rng.choice(earlier)
            tenant = old.tenant if rng.random() < 0.7 else rng.choice(self._tenants)
            yield self._write(created, tenant, old.about, old.matter, again=True)
            return
        subject = rng.choices(self._words.subjects, weights)[0]
        rising = self._rising(subject, month)
        scenes = [scene for scene in subject.scenes if month.month in scene.months]
        scene = scenes[0] if rising else rng.choice(scenes)
        matter = make_matter(rng, self._words.world, scene, self._building, rising.things if rising else ())
        letter = self._write(created, rng.choice(self._tenants), subject, matter)
        yield letter
        chance = rng.random()
        if chance < _DUPLICATED:
            yield _sent_again(letter, created + timedelta(seconds=rng.randrange(5, 900)), self._now)
        elif chance < _DUPLICATED + _REWORDED:
            added = rng.choice(("빨리요", "!!", "확인 부탁드립니다", "답변 없으셔서 다시 올립니다"))
            later = _sent_again(letter, created + timedelta(hours=rng.uniform(1, 30)), self._now)
            yield replace(later, request=f"{letter.request} {added}".strip(), replied=None, reply="")
        elif chance < _DUPLICATED + _REWORDED + _SHARED:
            for _ in range(rng.randrange(2, 5)):
                soon = created + timedelta(minutes=rng.uniform(2, 180))
                yield self._write(soon, rng.choice(self._tenants), subject, matter)

    def _write(
        self, created: datetime, tenant: Tenant, about: Subject, matter: Matter, *, again: bool = False
    ) -> Letter:
        rng, words = self._rng, self._words
        work = rng.choices(list(matter.scene.work), list(matter.scene.work.values()))[0]
        title, request = write_request(rng, words, tenant, matter, again=again)
        handling = handle(
            rng,
            created,
            work,
            hours_to_reply=self._building.hours_to_reply,
            holidays=words.world.holidays,
            now=self._now,
        )
        # Some are answered by telephone: a time without a text.
        reply = write_reply(rng, words.replies, matter, work) if handling.replied and rng.random() > 0.06 else ""
        other_subject = bool(matter.scene.twin) and rng.random() < _DEBATABLE_SUBJECT
        other_work = rng.random() < _DEBATABLE_WORK
        return Letter(
            building=self._building.id,
            created=created,
            replied=handling.replied,
            completed=handling.completed,
            title=title,
            request=request,
            reply=reply,
            subject=Label.parse(matter.scene.twin if other_subject else about.label),
            work=words.replies.label(_OTHER_WORK[work] if other_work else work),
            subject_debatable=other_subject,
            work_debatable=other_work,
            about=about,
            matter=matter,
            tenant=tenant,
        )


def _sent_again(letter: Letter, created: datetime, now: datetime) -> Letter:
    """Return the letter as sent once more; what the staff had done by then they tick off within minutes."""
    earliest = created + timedelta(minutes=7)
    if earliest >= now:
        return replace(letter, created=created, replied=None, completed=None, reply="")
    return replace(
        letter,
        created=created,
        replied=letter.replied and max(letter.replied, earliest),
        completed=letter.completed and max(letter.completed, earliest),
    )
