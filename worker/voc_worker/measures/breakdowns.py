"""A month taken apart: by subject, by time, by place, by confidence and review state."""

from __future__ import annotations

import calendar
from collections import Counter, defaultdict
from datetime import date
from statistics import median
from typing import TYPE_CHECKING, Final

import pandas as pd

from voc_worker.measures.model import (
    ConfidenceBand,
    DayCount,
    LabelCount,
    ParetoItem,
    PlaceCount,
    PlaceKind,
    ReviewState,
    SlowSubject,
)
from voc_worker.measures.rows import corrected, hours_until, labels, places, ranked, reviewed, times
from voc_worker.measures.statistics import median_interval
from voc_worker.tables import lesser_confidence

if TYPE_CHECKING:
    from voc_models.labels import Label
    from voc_models.months import Month

_BANDS: Final = (0.0, 0.5, 0.7, 0.9, 1.0)
_SLOWEST: Final = 5
_PLACES: Final = 10


def pareto(rows: pd.DataFrame, previous: pd.DataFrame | None, last_year: pd.DataFrame | None) -> tuple[ParetoItem, ...]:
    """Return the subjects, most rows first, with the work types inside each and the counts of the other months.

    A subject that only another month has is left out: it is no part of this month's whole.
    """
    work: dict[Label, list[Label]] = defaultdict(list)
    for subject, kind in zip(labels(rows, "subject"), labels(rows, "work"), strict=True):
        work[subject].append(kind)
    before, year_ago = (None if other is None else Counter(labels(other, "subject")) for other in (previous, last_year))
    items, running = [], 0
    for label, count in ranked(labels(rows, "subject")):
        running += count
        items.append(
            ParetoItem(
                label=label,
                count=count,
                share=count / len(rows),
                cumulative=running / len(rows),
                work=label_counts(work[label]),
                previous=None if before is None else before[label],
                last_year=None if year_ago is None else year_ago[label],
            )
        )
    return tuple(items)


def label_counts(found: list[Label]) -> tuple[LabelCount, ...]:
    """Return each label with its count, most first."""
    return tuple(LabelCount(label, count) for label, count in ranked(found))


def weekday_averages(rows: pd.DataFrame, month: Month) -> tuple[float, ...]:
    """Return rows per Monday, Tuesday, … of the month, days without rows included; () for an empty month."""
    if rows.empty:
        return ()
    counts = Counter(moment.weekday() for moment in times(rows, "created_at"))
    days = Counter(day.weekday() for day in _days(month))
    return tuple(counts[weekday] / days[weekday] for weekday in range(7))


def daily(rows: pd.DataFrame, month: Month) -> tuple[DayCount, ...]:
    """Return every day of the month with its rows; () for an empty month."""
    averages = weekday_averages(rows, month)
    counts = Counter(moment.date() for moment in times(rows, "created_at"))
    return tuple(DayCount(day, day.weekday(), counts[day], averages[day.weekday()]) for day in _days(month) if averages)


def hour_matrix(rows: pd.DataFrame) -> tuple[tuple[int, ...], ...]:
    """Return rows by weekday (0 is Monday) and hour received; () for an empty month."""
    counts = Counter((moment.weekday(), moment.hour) for moment in times(rows, "created_at"))
    return tuple(tuple(counts[weekday, hour] for hour in range(24)) for weekday in range(7) if counts)


def slowest(rows: pd.DataFrame) -> tuple[SlowSubject, ...]:
    """Return up to five subjects by median hours to completion, slowest first.

    Only subjects with enough completed rows for a 95 % interval of the median (six). Rows still open have no time; they
    are counted beside the median, which they would only raise.
    """
    hours: dict[Label, list[float]] = defaultdict(list)
    for label, number in zip(labels(rows, "subject"), hours_until(rows, "completed_at"), strict=True):
        hours[label].append(number)
    found = []
    for label, numbers in hours.items():
        done = sorted(number for number in numbers if not pd.isna(number))
        interval = median_interval(done)
        if interval:
            found.append(SlowSubject(label, len(done), median(done), *interval, len(numbers) - len(done)))
    return tuple(sorted(found, key=lambda item: (-item.median_hours, item.label))[:_SLOWEST])


def worst_places(rows: pd.DataFrame, previous: pd.DataFrame | None) -> tuple[PlaceCount, ...]:
    """Return up to ten floors and ten zones that the texts name, most rows first; a row counts once for each."""
    subjects: dict[tuple[PlaceKind, str], list[Label]] = defaultdict(list)
    for named, label in zip(_named(rows), labels(rows, "subject"), strict=True):
        for place in named:
            subjects[place].append(label)
    before = None if previous is None else Counter(place for named in _named(previous) for place in named)
    found = [
        PlaceCount(name, kind, len(inside), *ranked(inside)[0], None if before is None else before[kind, name])
        for (kind, name), inside in subjects.items()
    ]
    found.sort(key=lambda item: (item.kind, -item.count, item.place))
    kinds: tuple[PlaceKind, PlaceKind] = ("floor", "zone")
    return tuple(item for kind in kinds for item in [place for place in found if place.kind == kind][:_PLACES])


def confidence_bands(rows: pd.DataFrame) -> tuple[ConfidenceBand, ...]:
    """Return rows and reviewed rows by the lesser confidence, lowest band first; rows without one come last, if any."""
    checked = reviewed(rows)
    bands: dict[int | None, list[bool]] = {index: [] for index in range(len(_BANDS) - 1)}
    for number, done in zip(lesser_confidence(rows), checked, strict=True):
        index = None if pd.isna(number) else sum(number >= edge for edge in _BANDS[1:-1])
        bands.setdefault(index, []).append(done)
    return tuple(
        ConfidenceBand(
            None if index is None else _BANDS[index],
            None if index is None else _BANDS[index + 1],
            len(inside),
            sum(inside),
        )
        for index, inside in bands.items()
    )


def review_state(rows: pd.DataFrame) -> ReviewState:
    """Return how many rows people have reviewed and corrected, and how many of them are 표본."""
    checked = reviewed(rows)
    return ReviewState(
        rows=len(rows),
        reviewed=sum(checked),
        corrected_subject=sum(corrected(rows, "subject")),
        corrected_work=sum(corrected(rows, "work")),
        sample_rows=int(rows["is_sample"].sum()),
        sample_reviewed=sum(done and sample for done, sample in zip(checked, rows["is_sample"], strict=True)),
    )


def _named(rows: pd.DataFrame) -> list[list[tuple[PlaceKind, str]]]:
    return [[*(("floor", name) for name in p.floors), *(("zone", name) for name in p.zones)] for p in places(rows)]


def _days(month: Month) -> list[date]:
    return [date(month.year, month.month, day + 1) for day in range(calendar.monthrange(month.year, month.month)[1])]
