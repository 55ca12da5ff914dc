"""Months as people write them and their bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voc_models.exit_codes import UsageError
from voc_models.months import Month, month_before, zone

MONTHS = st.builds(Month, st.integers(1930, 9000), st.integers(1, 12))


@pytest.mark.parametrize("written", ["2025-12", "202512", " 2025-12 "])
def test_both_written_forms_are_the_same_month(written: str) -> None:
    """2025-12 and 202512, with spaces around, are December 2025."""
    assert Month.parse(written) == Month(2025, 12)


@pytest.mark.parametrize("written", ["2025-13", "2025", "25-12", "", "2025-1", "２０２５１２", "2025/12", "202500"])
def test_anything_else_is_refused_with_the_two_forms(written: str) -> None:
    """What is no month is refused by a sentence that shows how to write one."""
    with pytest.raises(UsageError, match="2025-12 or 202512"):
        Month.parse(written)


def test_bounds_are_half_open_midnights_in_seoul() -> None:
    """December 2025 in Seoul is from 30 November 15:00 UTC up to, not including, 31 December 15:00 UTC."""
    start, end = Month(2025, 12).bounds()
    assert start.astimezone(UTC) == datetime(2025, 11, 30, 15, tzinfo=UTC)
    assert end.astimezone(UTC) == datetime(2025, 12, 31, 15, tzinfo=UTC)


@given(MONTHS)
def test_consecutive_months_leave_no_gap(month: Month) -> None:
    """A month ends exactly where the next one starts."""
    assert month.bounds().end == month.plus(1).bounds().start


@given(MONTHS, st.integers(-240, 240))
def test_going_there_and_back_returns_to_the_month(month: Month, by: int) -> None:
    """Adding months and taking them away again changes nothing."""
    assert month.plus(by).plus(-by) == month


@given(MONTHS)
def test_both_forms_read_back(month: Month) -> None:
    """What is printed, in either form, is read as the same month."""
    assert Month.parse(str(month)) == month == Month.parse(month.compact)


def test_the_month_before_is_seen_from_the_zone() -> None:
    """At 16:00 UTC on 31 December it is already January in Seoul, so the month before is December."""
    moment = datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert month_before(moment, "Asia/Seoul") == Month(2025, 12)
    assert month_before(moment, "UTC") == Month(2025, 11)


@pytest.mark.parametrize("name", ["Asia/Soul", "", "../etc/passwd", "Asia"])
def test_an_unknown_zone_is_named(name: str) -> None:
    """A zone that the IANA database does not have is refused by its name."""
    with pytest.raises(UsageError, match="IANA name"):
        zone(name)
