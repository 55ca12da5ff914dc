"""The ten-second summary: a headline, what stands out, and what to do, in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voc_worker.pages.listing import LOW_PERCENT
from voc_worker.pages.wording import change, count, hours, label_name, month_only, share

if TYPE_CHECKING:
    from voc_worker.measures.model import BuildingMeasures, Kpi
    from voc_worker.pages.texts import Texts

#: A change below this is called similar: month lengths alone differ by a tenth.
_SIMILAR = 0.03
_MOST_ACTIONS = 4
#: A subject is called slow when it takes this many times the building's median.
_SLOW = 1.5


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, and the section that shows why."""

    text: str
    target: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a reader sees first."""

    headline: str
    points: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()


def summarise(measures: BuildingMeasures, t: Texts) -> Summary:
    """Say in sentences what a building's month was and what to do about it."""
    month = month_only(t, measures.month)
    if measures.rows == 0:
        return Summary(t("summary.empty", month=month))
    actions = (*_rising(measures, t), *_repeats(measures, t), *_loose_ends(measures, t))[:_MOST_ACTIONS]
    return Summary(
        headline(measures.kpi("voc_count"), month, t),
        tuple(_points(measures, t)),
        actions or (Action(t("summary.none"), "subjects"),),
    )


def headline(card: Kpi, scope: str, t: Texts) -> str:
    """Say how many requests there were in ``scope`` (``12월``) and how that stands against the month before."""
    rows = card.value or 0
    if card.previous is None:
        return t("summary.alone", month=scope, count=count(rows))
    moved = change(rows, card.previous)
    said = {"month": scope, "count": count(rows), "previous": count(card.previous)}
    if rows == card.previous:
        return t("summary.same", **said)
    if moved is None:
        return t("summary.alone", **said)
    if abs(moved) < _SIMILAR:
        return t("summary.slight", **said)
    return t("summary.up" if moved > 0 else "summary.down", percent=share(abs(moved)), **said)


def _points(measures: BuildingMeasures, t: Texts) -> list[str]:
    points = []
    card = measures.kpi("voc_count")
    moved = change(card.value or 0, card.last_year) if card.last_year else None
    if moved is not None and abs(moved) >= _SIMILAR:
        key = "summary.last_year_up" if moved > 0 else "summary.last_year_down"
        points.append(t(key, then=count(card.last_year or 0), percent=share(abs(moved))))
    points.append(_top(measures, t))
    done, taken = measures.kpi("completion_rate"), measures.kpi("median_hours_completion")
    if done.value is not None and taken.value is not None:
        said = {"rate": share(done.value), "hours": hours(t, taken.value)}
        if done.company is None:
            points.append(t("summary.completion", **said))
        else:
            points.append(t("summary.completion_company", company=share(done.company), **said))
    if measures.trends.topics_tested:
        names = ", ".join(label_name(topic.label) for topic in measures.trends.rising[:3])
        points.append(t("summary.rising", names=names) if names else t("summary.steady"))
    return points


def _top(measures: BuildingMeasures, t: Texts) -> str:
    first = measures.subjects[0]
    name = label_name(first.label)
    if len(measures.subjects) == 1:
        return t("summary.top_one", name=name, count=count(first.count))
    n = min(3, len(measures.subjects))
    together = share(measures.subjects[n - 1].cumulative)
    return t("summary.top", name=name, count=count(first.count), share=share(first.share), n=n, together=together)


def _rising(measures: BuildingMeasures, t: Texts) -> list[Action]:
    actions = []
    for topic in measures.trends.rising[:2]:
        said = {"topic": label_name(topic.label), "count": count(topic.count)}
        text = (
            t("summary.do_new", **said)
            if topic.new
            else t("summary.do_rising", expected=f"{topic.expected:.1f}", **said)
        )
        actions.append(Action(text, "topics"))
    return actions


def _repeats(measures: BuildingMeasures, t: Texts) -> list[Action]:
    worst = sorted(measures.repeats, key=lambda item: (-len(item.occurrences), item.place, item.label))[:1]
    return [
        Action(
            t(
                "summary.do_repeat",
                place=item.place,
                topic=label_name(item.label),
                count=len(item.occurrences),
            ),
            "repeats",
        )
        for item in worst
    ]


def _loose_ends(measures: BuildingMeasures, t: Texts) -> list[Action]:
    actions = []
    done, taken = measures.kpi("completion_rate"), measures.kpi("median_hours_completion")
    if done.value is not None and (left := round((1 - done.value) * done.rows)):
        actions.append(Action(t("summary.do_open", count=count(left)), "all"))
    slow = measures.slowest[0] if measures.slowest else None
    if slow is not None and taken.value and slow.low_hours > taken.value * _SLOW:
        said = {"hours": hours(t, slow.median_hours), "overall": hours(t, taken.value)}
        actions.append(Action(t("summary.do_slow", topic=label_name(slow.label), **said), "slow"))
    if doubtful := doubtful_rows(measures):
        actions.append(Action(t("summary.do_review", count=count(doubtful), percent=LOW_PERCENT), "quality"))
    return actions


def doubtful_rows(measures: BuildingMeasures) -> int:
    """Return how many rows are tagged with less than ``LOW_PERCENT`` confidence and not reviewed yet."""
    limit = LOW_PERCENT / 100
    low = [band for band in measures.confidence if band.high is not None and band.high <= limit + 1e-9]
    return sum(band.rows - band.reviewed for band in low)
