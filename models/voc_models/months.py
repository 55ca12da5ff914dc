"""Months, as people write them, and their half-open bounds in a time zone."""

from __future__ import annotations

import re
from datetime import datetime
from functools import total_ordering
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from voc_models.exit_codes import UsageError

KST = "Asia/Seoul"
_WRITTEN = re.compile(r"(\d{4})-?(\d{2})")


class MonthBounds(NamedTuple):
    """The half-open interval [start, end) of a month; both are aware of their zone."""

    start: datetime
    end: datetime


def zone(name: str) -> ZoneInfo:
    """Return the zone called ``name``.

    Raises:
        UsageError: the name is not in the IANA time zone database.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"Time zone {name!r} is unknown. Use an IANA name such as Asia/Seoul.") from error


@total_ordering
class Month:
    """A calendar month. ``str()`` gives ``2025-12``; ``compact`` gives ``202512``, the form of object keys."""

    __slots__ = ("month", "year")

    def __init__(self, year: int, month: int) -> None:
        """Take a year from 1900 to 9998 and a month from 1 to 12; anything else is a UsageError."""
        if not (1900 <= year <= 9998 and 1 <= month <= 12):
            raise UsageError(f"{year:04d}-{month:02d} is not a month. Write it as 2025-12 or 202512.")
        self.year, self.month = year, month

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read ``2025-12`` or ``202512``.

        Raises:
            UsageError: the text is neither.
        """
        found = _WRITTEN.fullmatch(text.strip())
        if not found or not found[0].isascii():
            raise UsageError(f"{text!r} is not a month. Write it as 2025-12 or 202512.")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, moment: datetime, time_zone: str = KST) -> Month:
        """Return the month that ``moment`` (aware) lies in, seen from ``time_zone``."""
        local = moment.astimezone(zone(time_zone))
        return cls(local.year, local.month)

    @property
    def compact(self) -> str:
        """``202512``."""
        return f"{self.year:04d}{self.month:02d}"

    def plus(self, months: int) -> Month:
        """Return the month that many months later (earlier when negative)."""
        index = self.year * 12 + self.month - 1 + months
        return Month(index // 12, index % 12 + 1)

    def bounds(self, time_zone: str = KST) -> MonthBounds:
        """Return [first instant, first instant of the next month) in ``time_zone``."""
        tz = zone(time_zone)
        after = self.plus(1)
        return MonthBounds(
            datetime(self.year, self.month, 1, tzinfo=tz), datetime(after.year, after.month, 1, tzinfo=tz)
        )

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def __repr__(self) -> str:
        return f"Month({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return (self.year, self.month) == (other.year, other.month) if isinstance(other, Month) else NotImplemented

    def __lt__(self, other: Month) -> bool:
        return (self.year, self.month) < (other.year, other.month)

    def __hash__(self) -> int:
        return hash((self.year, self.month))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's own signature
        """Validate from text or a Month; serialise as ``2025-12``."""

        def read(value: object) -> Month:
            if isinstance(value, Month):
                return value
            try:
                return cls.parse(str(value))
            except UsageError as error:
                raise ValueError(str(error)) from error

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
            metadata={"pydantic_js_functions": [lambda *_: {"type": "string", "pattern": r"^\d{4}-(0[1-9]|1[0-2])$"}]},
        )


def month_before(moment: datetime, time_zone: str = KST) -> Month:
    """Return the month before the one that ``moment`` lies in: what ``--auto-month`` and an omitted month mean."""
    return Month.of(moment, time_zone).plus(-1)
