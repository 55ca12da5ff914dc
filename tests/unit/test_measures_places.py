"""Places that a Korean text names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voc_worker.measures.places import find_places


@pytest.mark.parametrize(
    ("text", "floors"),
    [
        ("3층 복도", ["3층"]),
        ("3 층", ["3층"]),
        ("12F 로비", ["12층"]),
        ("지하 2층", ["B2"]),
        ("지하2층", ["B2"]),
        ("B2 주차장", ["B2"]),
        ("b1층", ["B1"]),
        ("B-3", ["B3"]),
        ("지하 B2층", ["B2"]),
        ("1~3층", ["1층", "2층", "3층"]),
        ("지하 1~2층", ["B2", "B1"]),
        ("B1~2층", ["B1", "1층", "2층"]),
        ("3, 5층", ["3층", "5층"]),
        ("10층에서 12층", ["10층", "12층"]),
        ("10에서 12층", ["10층", "12층"]),
        ("삼층 로비", ["3층"]),
        ("지하 일층", ["B1"]),
        ("1204호", ["12층"]),
        ("B203호", ["B2"]),
        ("302-1호", ["3층"]),
        ("3층 301호", ["3층"]),
        ("층간소음이 심해요", []),
        ("3.5층", []),
        ("999층", []),
        ("0층", []),
        ("B17 기둥", []),
        ("B2B 거래", []),
        ("AB2", []),
        ("12호 옆", []),
        ("3호기 점검", []),
        ("2호선", []),
        ("2025년 12월 3일 14:05", []),
        ("1,234,000원", []),
        ("", []),
    ],
)
def test_floors_are_found(text: str, floors: list[str]) -> None:
    """Floors are found however they are written, a room tells its floor, and other numbers are none."""
    assert list(find_places(text).floors) == floors


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        ("1204호 누수", ["1204호"]),
        ("101동 1204호", ["101동 1204호"]),
        ("a동 302호와 303호", ["A동 302호", "303호"]),
        ("b102호", ["B102호"]),
        ("승강기 3호기", []),
        ("2호선 12호차", []),
        ("제3호", []),
        ("1204", []),
    ],
)
def test_rooms_are_found(text: str, rooms: list[str]) -> None:
    """Rooms are found with their building; lifts, lines and bare numbers are none."""
    assert list(find_places(text).rooms) == rooms


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("지하주차장 지하 주차장 주차장", ["주차장"]),
        ("남자화장실과 탕비실", ["화장실", "탕비실"]),
        ("엘베 승강기 엘레베이터", ["엘리베이터"]),
        ("비상계단", ["계단"]),
        ("관리사무소에 전화", []),
    ],
)
def test_zones_have_one_name(text: str, zones: list[str]) -> None:
    """However a zone is written, it has one name and is counted once."""
    assert list(find_places(text).zones) == zones


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("12층 1204호 화장실", "1204호"),
        ("3층 남자화장실", "3층 화장실"),
        ("3층", "3층"),
        ("로비 바닥", "로비"),
        ("화장실 변기", ""),
        ("복도 지나 정문", "정문"),
        ("너무 추워요", ""),
    ],
)
def test_the_key_is_as_precise_as_the_text(text: str, key: str) -> None:
    """The key of a place is its room, else floor and zone; what every floor has is no place."""
    assert find_places(text).key == key


@settings(deadline=None)
@given(st.text(st.sampled_from("0123456789층호동Bb지하 ~-,F.에서실"), max_size=20))
def test_any_text_names_floors_that_exist(text: str) -> None:
    """Whatever is written, a floor lies between B10 and 123층."""
    for floor in find_places(text).floors:
        number = int(floor.strip("B층"))
        assert 1 <= number <= (10 if floor.startswith("B") else 123)
