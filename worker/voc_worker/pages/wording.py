"""How numbers are said in a page: counts, shares, durations, changes, dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voc_models.run import KEYWORD_MODEL
from voc_models.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from voc_models.labels import Label
    from voc_models.months import Month
    from voc_worker.pages.texts import Texts


def count(value: float) -> str:
    """Return a count with thousands separated: ``1,234``; a fraction keeps one decimal."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def share(value: float, decimals: int = 0) -> str:
    """Return a share in [0, 1] in percent; what is not quite all (or nothing) is never rounded to it."""
    shown = round(value * 100, decimals)
    nearest = 10.0**-decimals
    if shown >= 100 and value < 1:
        shown = 100 - nearest
    if shown <= 0 < value:
        shown = nearest
    return f"{shown:.{decimals}f}%"


def hours(t: Texts, value: float) -> str:
    """Return a duration given in hours in the unit that people would choose."""
    if value < 1:
        return t("unit.minutes", n=f"{value * 60:.0f}")
    if value < 48:
        return t("unit.hours", n=f"{value:.1f}")
    return t("unit.days", n=f"{value / 24:.1f}")


def change(now: float, then: float) -> float | None:
    """Return the relative change, or None where there was nothing to compare with."""
    return None if then == 0 else now / then - 1


def day(t: Texts, moment: date) -> str:
    """Return a date with its weekday, e.g. ``12월 3일(수)``."""
    return t("date.day", month=moment.month, day=moment.day, weekday=weekdays(t)[moment.weekday()])


def weekdays(t: Texts) -> tuple[str, ...]:
    """Return the seven weekday names, Monday first."""
    return tuple(t("date.weekdays").split())


def month_only(t: Texts, month: Month) -> str:
    """Return a month without its year: ``12월``."""
    return t("date.month_only", month=month.month)


def month_name(t: Texts, month: Month) -> str:
    """Return a month: ``2025년 12월``."""
    return t("date.month", year=month.year, month=month.month)


def label_name(label: Label) -> str:
    """Return a pair as people read it: ``설비 > 누수``."""
    return one_line(f"{label.major} > {label.minor}")


def one_line(text: str) -> str:
    """Return ``text`` on one line without control, invisible and direction-changing characters."""
    return " ".join(display_text(text, masked=False).split())


def models_said(versions: Iterable[str], t: Texts) -> str:
    """Name the releases that tagged, and the keyword rules as what they are."""
    return ", ".join(
        t("building.keyword") if version == KEYWORD_MODEL else t("building.model", version=version)
        for version in versions
    )
