"""When people write and when the staff answer: office hours, weekends, holidays."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from random import Random

    from voc_models.months import Month

_HOURS = (3, 2, 1, 1, 1, 2, 6, 18, 60, 100, 92, 74, 38, 78, 82, 70, 60, 42, 22, 12, 9, 7, 6, 4)
_WEEKDAYS = (1.3, 1.12, 1.0, 1.0, 0.95, 0.2, 0.13)
_OPENS, _CLOSES = 9, 18
#: Median hours from the answer to the end of the work.
_HOURS_OF_WORK = {
    "안내": 0.3, "기타": 0.5, "조정": 2, "청소": 2.5, "긴급": 4, "불출": 9,
    "수리": 22, "방역": 30, "설치": 55, "정기": 70, "이관": 95,
}  # fmt: skip


class Handling(NamedTuple):
    """When a request was answered and done; None while it was not."""

    replied: datetime | None
    completed: datetime | None


def _closed(day: date, holidays: AbstractSet[date]) -> bool:
    return day.weekday() >= 5 or day in holidays


def moment_in(rng: Random, month: Month, holidays: AbstractSet[date]) -> datetime:
    """Draw a moment of the month (Asia/Seoul): mornings and early afternoons of working days above all."""
    bounds = month.bounds()
    days = [bounds.start + timedelta(days=i) for i in range((bounds.end - bounds.start).days)]
    weights = [_WEEKDAYS[6 if day.date() in holidays else day.weekday()] for day in days]
    day = rng.choices(days, weights)[0]
    hour = rng.choices(range(24), _HOURS)[0]
    return day.replace(hour=hour, minute=rng.randrange(60), second=rng.randrange(60))


def _in_office(moment: datetime, rng: Random, holidays: AbstractSet[date]) -> datetime:
    """Move a moment outside office hours into the first two hours of the next working day."""
    if moment.hour >= _CLOSES:
        moment = moment.replace(hour=0) + timedelta(days=1)
    while _closed(moment.date(), holidays):
        moment = moment.replace(hour=0) + timedelta(days=1)
    if moment.hour < _OPENS:
        moment = moment.replace(hour=_OPENS, minute=0) + timedelta(minutes=rng.uniform(0, 120))
    return moment.replace(microsecond=0)


def _hours(rng: Random, median: float) -> timedelta:
    return timedelta(hours=median * math.exp(rng.gauss(0, 0.9)))


def handle(
    rng: Random, created: datetime, work: str, *, hours_to_reply: float, holidays: AbstractSet[date], now: datetime
) -> Handling:
    """Draw when a request was answered and completed; what would lie after ``now`` has not happened yet."""
    replied = _in_office(created + _hours(rng, hours_to_reply), rng, holidays) if rng.random() > 0.07 else None
    done = _in_office((replied or created) + _hours(rng, _HOURS_OF_WORK[work]), rng, holidays)
    completed = done if rng.random() > 0.04 else None
    return Handling(
        replied if replied and replied < now else None,
        completed if completed and completed < now else None,
    )
