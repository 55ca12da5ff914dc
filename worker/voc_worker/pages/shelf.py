"""The pages of ``voc serve``: which months and buildings the store holds. Keys and records in, HTML out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from voc_models.months import Month
from voc_worker.pages.assemble import page
from voc_worker.pages.texts import catalogue
from voc_worker.pages.wording import count, month_name, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voc_worker.pages.texts import Texts

_DASHBOARD: Final = re.compile(r"(\d{6})/([^/]+)/dashboard\.html")
_FLEET: Final = re.compile(r"(\d{6})/fleet_\d{6}_.+\.html")


@dataclass(frozen=True, slots=True)
class ShelvedBuilding:
    """A building with a dashboard in some month; ``name`` is its id when no plan names it."""

    building_id: str
    name: str
    rows: int
    reviewed: int
    model: str


def months_in(keys: Iterable[str]) -> dict[Month, list[str]]:
    """Return the ids of the buildings with a dashboard by month, newest month first, and only real months."""
    found: dict[Month, list[str]] = {}
    for key in keys:
        matched = _DASHBOARD.fullmatch(key)
        if matched and 1 <= int(matched[1][4:]) <= 12 and 1900 <= int(matched[1][:4]) <= 9998:
            found.setdefault(Month.parse(matched[1]), []).append(matched[2])
    return {month: sorted(found[month], key=_natural) for month in sorted(found, reverse=True)}


def fleets_in(keys: Iterable[str]) -> list[str]:
    """Return the keys of the fleet reports, as they were listed."""
    return [key for key in keys if _FLEET.fullmatch(key)]


def months_page(months: dict[Month, list[str]], address: str) -> str:
    """Return the first page: every month, and how many buildings it has."""
    t = catalogue()
    entries = [
        {
            "link": f"/{month.compact}/",
            "text": month_name(t, month),
            "note": t("shelf.buildings", n=count(len(ids))),
        }
        for month, ids in months.items()
    ]
    return _page(
        t("shelf.title"), address, {"entries": entries, "none": t("shelf.no_months"), "fleet": "", "up": ""}, t
    )


def month_page(month: Month, buildings: Iterable[ShelvedBuilding], fleet_key: str | None, address: str) -> str:
    """Return a month's page: its buildings, and the newest fleet report."""
    t = catalogue()
    entries = [
        {
            "link": f"/{month.compact}/{building.building_id}/dashboard.html",
            "text": one_line(building.name),
            "note": t(
                "shelf.building",
                id=building.building_id,
                rows=count(building.rows),
                reviewed=count(building.reviewed),
                model=building.model,
            ),
        }
        for building in buildings
    ]
    fleet = f"/{fleet_key}" if fleet_key else ""
    return _page(
        t("shelf.month", month=month_name(t, month)),
        address,
        {"entries": entries, "none": t("shelf.no_buildings"), "fleet": fleet, "up": "/"},
        t,
    )


def problem_page(sentence: str) -> str:
    """Return a page that says what went wrong."""
    t = catalogue()
    return _page(t("shelf.problem"), "", {"entries": [], "none": one_line(sentence), "fleet": "", "up": "/"}, t)


def _page(heading: str, address: str, shelf: dict[str, Any], t: Texts) -> str:
    view = {
        "title": heading,
        "eyebrow": t("shelf.eyebrow"),
        "heading": heading,
        "about": one_line(address),
        "nav": (),
        "footer": t("shelf.footer"),
        "shelf": shelf,
    }
    return page("shelf.html.j2", view, t, scripted=False)


def _natural(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdecimal() and text.isascii() else (10**9, text)
