"""What the building's page shows, section by section: measures in, views for the templates out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voc_worker.measures.model import Comparability, Missing
from voc_worker.pages import charts
from voc_worker.pages.wording import count, day, hours, label_name, models_said, month_only, weekdays

if TYPE_CHECKING:
    from voc_worker.measures.model import BuildingMeasures, RepeatComplaint, RisingTopic
    from voc_worker.pages.texts import Texts

View = dict[str, Any]
_LINKS = 12
_REPEATS, _REPEATS_FIRST = 40, 8
_PLACES = 12
_SLOWEST = 8
_NO_CHANCE = 0.0001


def linked_rows(measures: BuildingMeasures) -> frozenset[str]:
    """Return the ids of the rows that some section links to."""
    rising = (voc_id for topic in measures.trends.rising for voc_id in topic.voc_ids[:_LINKS])
    repeated = (o.voc_id for item in measures.repeats[:_REPEATS] for o in item.occurrences[:_LINKS])
    return frozenset([*rising, *repeated])


def topics(measures: BuildingMeasures, t: Texts, shown: frozenset[str]) -> View:
    """New and rising topics; ``shown`` are the ids that the table of rows holds, so that every link leads somewhere."""
    trends = measures.trends
    if trends.comparability is Comparability.NONE:
        return {"lead": t("topics.lead_none"), "entries": [], "none": t("topics.not_judged")}
    lead = t("topics.lead", months=len(trends.months_used), tested=trends.topics_tested)
    if trends.months_left_out:
        lead = f"{lead} {t('topics.restricted', left=len(trends.months_left_out))}"
    longest = max((max(topic.count, topic.expected) for topic in trends.rising), default=1)
    items = [_topic(topic, longest, t, shown) for topic in trends.rising]
    return {"lead": lead, "entries": items, "none": t("topics.none")}


def _topic(topic: RisingTopic, longest: float, t: Texts, shown: frozenset[str]) -> View:
    said = {"count": count(topic.count), "p": _chance(t, topic.p_value), "q": _chance(t, topic.q_value)}
    expected = f"{topic.expected:.1f}"
    if topic.new or topic.ratio is None:
        sentence = t("topics.sentence_new", **said)
    else:
        sentence = t("topics.sentence", expected=expected, ratio=f"{topic.ratio:.1f}", **said)
    bar = t("topics.bar", count=count(topic.count), expected=expected)
    segments = (charts.Segment(topic.count, 0, bar),)
    return {
        "topic": label_name(topic.label),
        "badge": t("topics.new" if topic.new else "topics.rising"),
        "sentence": sentence,
        "plot": charts.stacked(segments, longest, ghost=topic.expected),
        "alt": bar,
        **_links(topic.voc_ids, shown),
    }


def _chance(t: Texts, value: float) -> str:
    return t("topics.rare", n=f"{_NO_CHANCE:.2%}") if value < _NO_CHANCE else f"{value:.2%}"


def _links(voc_ids: tuple[str, ...], shown: frozenset[str]) -> View:
    links = [voc_id for voc_id in voc_ids[:_LINKS] if voc_id in shown]
    return {"links": links, "more": len(voc_ids) - len(links)}


def repeats(measures: BuildingMeasures, t: Texts, shown: frozenset[str]) -> View:
    """Repeat complaints with their dates."""
    silent = measures.kpi("repeat_rate").missing is Missing.NO_PLACES
    entries = [_repeat(item, t, shown) for item in measures.repeats[:_REPEATS]]
    unseen = len(measures.repeats) - len(entries)
    return {
        "entries": entries[:_REPEATS_FIRST],
        "rest": entries[_REPEATS_FIRST:],
        "others": t("repeats.others", n=len(entries) - _REPEATS_FIRST),
        "more": t("repeats.more", n=unseen) if unseen else "",
        "none": t("repeats.none_places" if silent else "repeats.none"),
    }


def _repeat(item: RepeatComplaint, t: Texts, shown: frozenset[str]) -> View:
    moments = [occurrence.created_at for occurrence in item.occurrences]
    return {
        "place": item.place,
        "subject": label_name(item.label),
        "count": len(moments),
        "dates": ", ".join(t("date.short", month=moment.month, day=moment.day) for moment in moments[:_LINKS]),
        **_links(tuple(occurrence.voc_id for occurrence in item.occurrences), shown),
    }


def year(measures: BuildingMeasures, t: Texts) -> View:
    """Rows of the last 13 months: last year's same month beside this one."""
    trend = measures.trend[-13:]
    values = [point.count for point in trend]
    names = [t("date.month_short", year=point.month.year % 100, month=point.month.month) for point in trend]
    said = [count(value) if value is not None else t("page.empty_value") for value in values]
    last = len(values) - 1
    kinds = ["now" if index == last else "off" if index == 0 and last >= 12 else "past" for index in range(len(values))]
    short = [month_only(t, point.month) for point in trend]
    parts = ", ".join(f"{name} {value}" for name, value in zip(names, said, strict=True))
    return {
        "plot": charts.shares([value or 0 for value in values], short, said, kinds),
        "alt": t("year.alt", parts=parts),
        "caption": t("year.caption") if None in values else "",
    }


def days(measures: BuildingMeasures, t: Texts) -> View:
    """Daily trend with weekday averages."""
    named = [day(t, item.day) for item in measures.daily]
    counts = [item.count for item in measures.daily]
    most = max(range(len(counts)), key=counts.__getitem__)
    titles = [t("days.bar", day=name, count=count(n)) for name, n in zip(named, counts, strict=True)]
    averages = measures.weekday_averages
    said = [f"{value:.1f}" for value in averages]
    usual = [item.weekday_average for item in measures.daily]
    top = {"day": named[most], "count": count(counts[most])}
    return {
        "lead": t("days.lead", **top),
        "plot": charts.daily(counts, usual, [item.weekday >= 5 for item in measures.daily], titles),
        "alt": t("days.alt", average=f"{sum(counts) / len(counts):.1f}", **top),
        "caption": t("days.caption"),
        "weekdays": charts.shares(
            averages, weekdays(t), said, ["off" if number >= 5 else "bar" for number in range(7)]
        ),
        "weekdays_alt": t(
            "days.weekdays_alt", parts=", ".join(f"{n} {c}" for n, c in zip(weekdays(t), said, strict=True))
        ),
        "heads": [t("days.day"), t("days.count"), t("days.usual")],
        "numbers": [(n, count(c), f"{u:.1f}") for n, c, u in zip(named, counts, usual, strict=True)],
    }


def heat(measures: BuildingMeasures, t: Texts) -> View:
    """Hour by weekday, as a table whose cells are shaded in six steps."""
    names = weekdays(t)
    highest = max((value for row in measures.hours for value in row), default=0)
    items = []
    for hour in range(24):
        values = [row[hour] for row in measures.hours]
        cells = [{"text": value or "", "level": -(-5 * value // highest) if value else 0} for value in values]
        items.append({"hour": hour, "cells": cells})
    peak = max(
        ((weekday, hour) for weekday in range(7) for hour in range(24)), key=lambda at: measures.hours[at[0]][at[1]]
    )
    lead = t("hours.lead", weekday=names[peak[0]], hour=peak[1], count=count(highest))
    return {"lead": lead, "weekdays": names, "entries": items}


def slow(measures: BuildingMeasures, t: Texts) -> View:
    """Slowest subjects with how sure their medians are."""
    chosen = measures.slowest[:_SLOWEST]
    longest = max((item.high_hours for item in chosen), default=1)
    items = []
    for item in chosen:
        low, middle, high = (hours(t, value) for value in (item.low_hours, item.median_hours, item.high_hours))
        key = "slow.rows_open" if item.open_rows else "slow.rows"
        items.append(
            {
                "name": label_name(item.label),
                "count": t(key, n=count(item.rows), open=count(item.open_rows)),
                "median": middle,
                "range": t("slow.interval", low=low, high=high),
                "plot": charts.interval(item.low_hours, item.median_hours, item.high_hours, longest),
                "alt": t("slow.bar", median=middle, low=low, high=high),
            }
        )
    silent = measures.kpi("median_hours_completion").missing is Missing.NO_COMPLETION_TIMES
    return {"lead": t("slow.lead"), "entries": items, "none": t("slow.none_times" if silent else "slow.none")}


def places(measures: BuildingMeasures, t: Texts) -> View:
    """Floors and zones that the texts name."""
    chosen = sorted(measures.places, key=lambda item: (-item.count, item.place))[:_PLACES]
    longest = max((item.count for item in chosen), default=1)
    items = [
        {
            "name": item.place,
            "count": count(item.count),
            "plot": charts.bar(item.count, longest),
            "top": t("places.top_of", name=label_name(item.top_subject), count=count(item.top_subject_count)),
        }
        for item in chosen
    ]
    return {"lead": t("places.lead"), "entries": items}


def method(t: Texts, *, masked: bool) -> list[View]:
    """How the numbers are computed."""
    entries = [
        (t(f"method.{key}_name"), t(f"method.{key}")) for key in ("completion", "hours", "repeat", "rising", "company")
    ]
    entries.append((t("method.privacy_name"), t("method.privacy" if masked else "method.privacy_off")))
    return [{"name": name, "text": text} for name, text in entries]


def title_of(measures: BuildingMeasures, t: Texts) -> str:
    """Say when and with which model the page was made, for the line under the building's name."""
    if measures.rows == 0:
        return t("building.about_empty")
    reviewed = measures.review.reviewed
    models = models_said(measures.model_versions, t)
    checked = t("building.reviewed", n=count(reviewed)) if reviewed else t("building.unreviewed")
    return t("building.about", count=count(measures.rows), model=models, reviewed=checked)
