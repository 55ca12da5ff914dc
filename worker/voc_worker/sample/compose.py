"""Write one request and one answer, the way people of a building write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voc_worker.sample.language import Register, inflect, with_mistakes, with_particles

if TYPE_CHECKING:
    from random import Random

    from voc_worker.sample.words import Building, Replies, Scene, Style, Vocabulary, World


@dataclass(frozen=True)
class Tenant:
    """Somebody who writes often, and always in the same way; ``haste`` is the rate of mistakes."""

    register: Register
    haste: float
    signature: str


@dataclass(frozen=True)
class Place:
    """Where the trouble is: a floor (negative below ground, 0 for none) and a room ("" for none)."""

    floor: int
    room: str


@dataclass(frozen=True)
class Matter:
    """What a request is about: repeats and duplicates share one."""

    scene: Scene
    thing: str
    plate: str
    place: Place


def make_tenant(rng: Random, style: Style) -> Tenant:
    """Invent a tenant; the phone numbers lie in ranges that Korea has not assigned."""
    name = rng.choice(style.surnames) + rng.choice(style.given)
    signature = rng.choice(style.signatures).format(
        phone=_phone(rng),
        name=name,
        rank=rng.choice(style.ranks),
        company=rng.choice(style.companies),
        mail=f"user{rng.randrange(100, 999)}@example.com",
        ext=rng.randrange(1000, 9999),
    )
    return Tenant(Register(rng.choices((0, 1, 2), (3, 4, 4))[0]), rng.choice((0.0, 0.01, 0.03, 0.08, 0.2)), signature)


def _phone(rng: Random) -> str:
    first, last = rng.randrange(1000, 2000), rng.randrange(10_000)
    return rng.choice(("010-{:04d}-{:04d}", "010{:04d}{:04d}", "010.{:04d}.{:04d}", "02-{:04d}-{:04d}")).format(
        first, last
    )


def make_matter(rng: Random, world: World, scene: Scene, building: Building, things: tuple[str, ...] = ()) -> Matter:
    """Choose the thing and the place."""
    room = rng.choice(scene.where)
    if room in world.single_rooms:
        floors = [0]
    elif "주차장" in room:
        floors = list(range(-building.basements, 0))
    else:
        floors = list(range(1, building.floors + 1))
    plate = _plate(rng)
    thing = rng.choice(things or scene.things).replace("{plate}", plate)
    return Matter(scene, thing, plate, Place(rng.choice(floors), room))


def say_place(rng: Random, place: Place) -> str:
    """Name a place in one of the ways in which people do; "" when they leave it out."""
    if "층" in place.room or (place.room and not place.floor):
        return place.room
    below = place.floor < 0
    number = abs(place.floor)
    floors = (
        [f"지하{number}층", f"지하 {number}층", f"B{number}", f"B{number}F"]
        if below
        else [f"{number}층"] * 4 + [f"{number}F"]
    )
    floor = rng.choice(floors)
    if place.room in {"사무실", "창가 자리", ""} and not below and rng.random() < 0.4:
        # The room number follows from the place, so that a repeated complaint names the same one.
        return f"{number}{(number * 7 + len(place.room)) % 12 + 1:02d}호"
    return rng.choice((f"{floor} {place.room}".strip(), f"{floor} {place.room}".strip(), floor, place.room))


def write_request(
    rng: Random, words: Vocabulary, tenant: Tenant, matter: Matter, *, again: bool = False
) -> tuple[str, str]:
    """Return title and request."""
    style, scene = words.style, matter.scene
    place = say_place(rng, matter.place)
    slots = {"t": matter.thing, "place": place, "plate": matter.plate, "a": rng.choice(scene.asks)}
    title = rng.choice(
        (
            rng.choice(scene.titles),
            f"{place} {rng.choice(scene.titles)}",
            "",
            rng.choice(("문의", "요청드립니다", "확인 부탁", "시설 접수", place)),
        )
    )
    kind = rng.random()
    if kind < 0.05:
        body = rng.choice(style.shorts).format(p=place, **slots)
    elif kind < 0.07:
        body = rng.choice(style.english).format(**slots)
    elif kind < 0.15:
        # The trouble itself stands in a photograph, a telephone call, or only in the title.
        body = rng.choice(style.pointers).format(**slots)
    else:
        body = _sentences(rng, words, tenant, matter, slots, again=again)
    finished = [with_particles(_filled(text, slots)).strip() for text in (title, body)]
    title, body = (with_mistakes(text, rng, style.typos, tenant.haste) for text in finished)
    if rng.random() < 0.02:
        title, body = title or body[:20], ""
    return title.strip(), body.strip()


def _filled(text: str, slots: dict[str, str]) -> str:
    for name, value in slots.items():
        text = text.replace("{" + name + "}", value)
    return re.sub(" {2,}", " ", text)


def _sentences(
    rng: Random, words: Vocabulary, tenant: Tenant, matter: Matter, slots: dict[str, str], *, again: bool
) -> str:
    style, scene, register = words.style, matter.scene, tenant.register
    says = list(scene.says)
    rng.shuffle(says)
    where = f"{slots['place']} " if rng.random() < 0.75 and slots["place"] else ""
    start = (
        rng.choice(style.greetings[register])
        + (rng.choice(style.again) if again else "")
        + where
        + rng.choice(style.since)
    )
    if rng.random() < 0.3 and not scene.praise:
        link = rng.choice(style.links[register])
        parts = [start + link.replace("{c}", inflect(says[0], register, linking=True))]
    else:
        parts = [start + inflect(says[0], register), rng.choice(style.asks[register])]
    if rng.random() < 0.22:
        parts.insert(1, inflect(says[1], register))
    if rng.random() < 0.2:
        other = rng.choice(rng.choice(rng.choice(words.subjects).scenes).things)
        parts.insert(rng.randrange(1, len(parts) + 1), rng.choice(style.asides).format(other=other))
    if rng.random() < 0.18:
        parts[rng.randrange(len(parts))] += rng.choice(style.feelings)
    if rng.random() < 0.06:
        parts += rng.sample(style.stories, rng.randrange(2, len(style.stories)))
    elif rng.random() < 0.15:
        parts.append(rng.choice(style.stories))
    parts.append(tenant.signature if rng.random() < 0.5 else "")
    joint = rng.choice((" ", " ", "\n", ". ")) if register is not Register.FORMAL else rng.choice((". ", ".\n", " "))
    return joint.join(part.rstrip(".") if joint.startswith(".") else part for part in parts if part)


def _plate(rng: Random) -> str:
    return f"{rng.randrange(10, 99)}{rng.choice('가나다라마거너더')} {rng.randrange(1000, 9999)}"


def write_reply(rng: Random, replies: Replies, matter: Matter, work: str) -> str:
    """Return the answer of the building's staff; one in four says nothing about what was done."""
    place = say_place(rng, matter.place)
    if rng.random() < 0.24:
        text = rng.choice(replies.vague)
    elif matter.scene.replies and work == "수리" and rng.random() < 0.6:
        text = rng.choice(matter.scene.replies)
    else:
        text = rng.choice(replies.done[work])
        if rng.random() < 0.12:
            # What was looked at or promised besides: the words of another work type.
            other = rng.choice(replies.done[rng.choice(("긴급", "안내", "이관", "정기"))])
            text = rng.choice((f"{other}. {text}", f"{text}. {other}"))
    if rng.random() < 0.7:
        text = rng.choice(replies.open) + text + "." + rng.choice(replies.close)
    return with_particles(_filled(text, {"t": matter.thing, "place": place or "해당"}))
