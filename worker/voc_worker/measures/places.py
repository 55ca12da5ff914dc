"""Places that a Korean text names: floors, rooms and zones of a building. Pure.

Only what is written with a number or is on the list counts; ``층간소음`` names no floor and ``3호기`` no room.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

_HIGHEST: Final = 123
_LOWEST: Final = 10
_SPOKEN: Final = {"일": 1, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9, "십": 10}

_FLOOR: Final = re.compile(
    r"(?P<under>지하\s?|(?<![A-Za-z0-9])[Bb]-?)?(?<![\d.,])(?P<first>\d{1,3})"
    r"(?:\s?(?:[~,·/-]|에서)\s?(?P<under_last>지하\s?|[Bb]-?)?(?P<last>\d{1,3}))?\s?(?:층|[Ff](?![A-Za-z0-9]))"
)
_BASEMENT: Final = re.compile(r"(?<![A-Za-z0-9])[Bb]-?(\d{1,2})(?![A-Za-z0-9-]|호|동|\s?(?:층|[Ff]\b))")
_SPOKEN_FLOOR: Final = re.compile(rf"(?<![가-힣])(지하\s?)?([{''.join(_SPOKEN)}])층")
_ROOM: Final = re.compile(
    r"(?:(?<![\d.,])(?P<wing>\d{1,4}|[A-Za-z가-하])동\s?)?(?<![\d.,-])(?P<room>[Bb]?\d{2,4}(?:-\d{1,2})?)\s?호(?!기|선|차|봉|점)"
)

#: What people write, and what it is called in reports. Longer writings come first, so that 지하주차장 is one word.
_ZONES: Final[dict[str, str]] = {
    "지하 주차장": "주차장",
    "지하주차장": "주차장",
    "주차타워": "주차장",
    "주차장": "주차장",
    "주차램프": "주차장",
    "화장실": "화장실",
    "탕비실": "탕비실",
    "회의실": "회의실",
    "로비": "로비",
    "엘리베이터": "엘리베이터",
    "엘레베이터": "엘리베이터",
    "승강기": "엘리베이터",
    "엘베": "엘리베이터",
    "에스컬레이터": "에스컬레이터",
    "비상계단": "계단",
    "계단": "계단",
    "복도": "복도",
    "옥상": "옥상",
    "정문": "정문",
    "후문": "후문",
    "현관": "현관",
    "출입구": "출입구",
    "기계실": "기계실",
    "전기실": "전기실",
    "방재실": "방재실",
    "구내식당": "식당",
    "식당": "식당",
    "휴게실": "휴게실",
    "휴게공간": "휴게실",
    "흡연실": "흡연구역",
    "흡연장": "흡연구역",
    "흡연구역": "흡연구역",
    "샤워실": "샤워실",
    "창고": "창고",
    "분리수거장": "분리수거장",
    "쓰레기장": "분리수거장",
    "하역장": "하역장",
    "테라스": "테라스",
    "놀이터": "놀이터",
    "헬스장": "헬스장",
    "외벽": "외벽",
    "화단": "화단",
}
#: Every floor has one, so that without its floor it is no place to return to.
_ON_EVERY_FLOOR: Final = frozenset({"화장실", "탕비실", "회의실", "휴게실", "복도", "계단", "샤워실", "창고", "출입구"})
_ZONE: Final = re.compile("|".join(map(re.escape, sorted(_ZONES, key=len, reverse=True))))


class Places(NamedTuple):
    """What one text names: ``floors`` such as ``3층`` or ``B2``, ``rooms`` such as ``101동 1204호``, and ``zones``.

    Each holds every place once, in the order of the text; the floor of a room is among the floors.
    """

    floors: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The most precise name of where it is: the room, else floor and zone, else either; "" when it is anywhere."""
        if self.rooms:
            return self.rooms[0]
        if not self.floors:
            return next((zone for zone in self.zones if zone not in _ON_EVERY_FLOOR), "")
        return " ".join((self.floors[0], *self.zones[:1]))


# One page asks for the places of the same rows several times: for repeats, their rate, and the worst places.
@lru_cache(maxsize=8192)
def find_places(text: str) -> Places:
    """Return the places that ``text`` names."""
    found_rooms = list(_ROOM.finditer(text)) if "호" in text else []
    floors: list[str] = []
    if "층" in text or "F" in text or "f" in text:
        floors += [floor for found in _FLOOR.finditer(text) for floor in _range(found)]
        floors += [_name(_SPOKEN[found[2]], under=bool(found[1])) for found in _SPOKEN_FLOOR.finditer(text)]
    if "B" in text or "b" in text:
        floors += [f"B{int(found[1])}" for found in _BASEMENT.finditer(text) if 1 <= int(found[1]) <= _LOWEST]
    floors += [floor for found in found_rooms if (floor := _floor_of_room(found["room"]))]
    zones = [_ZONES[found[0]] for found in _ZONE.finditer(text)]
    return Places(_once(floors), _once([_room(found) for found in found_rooms]), _once(zones))


def _range(found: re.Match[str]) -> list[str]:
    """Return the floors of ``3층``, ``지하 1~3층`` or ``B1~3층``; one that no building has is none."""
    first = -int(found["first"]) if found["under"] else int(found["first"])
    if not found["last"]:
        return [_named(first)] if _exists(first) else []
    both_under = bool(found["under_last"]) or bool(found["under"] and found["under"].startswith("지하"))
    last = -int(found["last"]) if both_under else int(found["last"])
    if not (_exists(first) and _exists(last)):
        return []
    between = range(min(first, last), max(first, last) + 1) if "~" in found[0] or "-" in found[0] else (first, last)
    return [_named(level) for level in between if level]


def _exists(level: int) -> bool:
    return level != 0 and -_LOWEST <= level <= _HIGHEST


def _named(level: int) -> str:
    return _name(abs(level), under=level < 0)


def _name(number: int, *, under: bool) -> str:
    return f"B{number}" if under else f"{number}층"


def _room(found: re.Match[str]) -> str:
    room = f"{found['room'].upper()}호"
    return f"{found['wing'].upper()}동 {room}" if found["wing"] else room


def _floor_of_room(room: str) -> str:
    """Return the floor of ``1204`` (12층) or ``B203`` (B2); rooms of fewer than three digits do not tell."""
    under, digits = room[0] in "Bb", room.lstrip("Bb").partition("-")[0]
    level = int(digits) // 100
    known = len(digits) >= 3 and 1 <= level <= (_LOWEST if under else _HIGHEST)
    return _name(level, under=under) if known else ""


def _once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
