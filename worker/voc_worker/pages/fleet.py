"""What head office's page shows: every building compared, and how good the machine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voc_worker.pages import charts
from voc_worker.pages.summary import Action, Summary, headline
from voc_worker.pages.wording import change, count, hours, label_name, month_only, one_line, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voc_worker.measures.fleet_model import Accuracy, FleetMeasures, FleetMonth, FleetRow, Funnel
    from voc_worker.pages.texts import Texts

View = dict[str, Any]
_MULTIPLES = 24
_SUBJECTS = 12
_NAMED = 5


def summary(measures: FleetMeasures, t: Texts) -> Summary:
    """Say what the month was for the company, and which buildings to look at."""
    scope = t("fleet.scope", month=month_only(t, measures.month), n=count(measures.buildings))
    if not measures.rows:
        return Summary(t("summary.empty", month=month_only(t, measures.month)))
    card = next(card for card in measures.kpis if card.key == "voc_count")
    points = [_named(measures.ranking, t)] if measures.ranking else []
    if measures.closed_buildings:
        points.append(t("fleet.closed", n=count(measures.closed_buildings)))
    actions = _actions(measures, t)
    return Summary(headline(card, scope, t), tuple(points), actions or (Action(t("fleet.nothing"), "ranking"),))


def _named(ranking: Sequence[FleetRow], t: Texts) -> str:
    first = ranking[0]
    return t("fleet.first", name=one_line(first.building_name), count=count(first.rows))


def _actions(measures: FleetMeasures, t: Texts) -> tuple[Action, ...]:
    many = [one_line(row.building_name) for row in measures.ranking if row.count_standing == "very_high"]
    slack = [one_line(row.building_name) for row in measures.ranking if row.completion_standing == "very_low"]
    actions = []
    if many:
        actions.append(Action(t("fleet.do_many", names=_list(many, t)), "outliers"))
    if slack:
        actions.append(Action(t("fleet.do_slack", names=_list(slack, t)), "outliers"))
    now = measures.months[-1] if measures.months else None
    if now is not None and now.rows and now.reviewed < now.rows:
        actions.append(Action(t("fleet.do_review", count=count(now.rows - now.reviewed)), "accuracy"))
    return tuple(actions)


def _list(names: list[str], t: Texts) -> str:
    listed = ", ".join(names[:_NAMED])
    return listed if len(names) <= _NAMED else f"{listed} {t('rows.more_buildings', n=len(names) - _NAMED)}"


def ranking(measures: FleetMeasures, t: Texts) -> View:
    """Every named building, most requests first, with its last months as a line."""
    return {"entries": [_ranked(row, t) for row in measures.ranking]}


def _ranked(row: FleetRow, t: Texts) -> View:
    return {
        "rank": row.rank,
        "name": one_line(row.building_name),
        "link": f"{row.building_id}/dashboard.html",
        "count": count(row.rows),
        "spark": charts.spark(row.series),
        "alt": t("fleet.series", parts=", ".join(_known(value, t) for value in row.series)),
        "previous": _moved(row.rows, row.previous, t),
        "last_year": _moved(row.rows, row.last_year, t),
        "completion": _share(row.completion_rate, t),
        "reply": _hours(row.median_hours_first_reply, t),
        "taken": _hours(row.median_hours_completion, t),
        "repeat": _share(row.repeat_rate, t),
        "reviewed": _share(row.reviewed_share, t),
        "badges": [
            t(f"fleet.{metric}_{standing}")
            for metric, standing in (("count", row.count_standing), ("completion", row.completion_standing))
            if standing != "usual"
        ],
    }


def _known(value: int | None, t: Texts) -> str:
    return t("page.empty_value") if value is None else count(value)


def _moved(now: int, then: int | None, t: Texts) -> str:
    moved = None if then is None else change(now, then)
    if moved is None:
        return t("page.empty_value")
    if round(abs(moved) * 100) == 0:
        return t("cards.same")
    return t("cards.up" if moved > 0 else "cards.down", n=share(abs(moved)))


def _share(value: float | None, t: Texts) -> str:
    return t("page.empty_value") if value is None else share(value)


def _hours(value: float | None, t: Texts) -> str:
    return t("page.empty_value") if value is None else hours(t, value)


def multiples(measures: FleetMeasures, t: Texts) -> View:
    """The largest buildings' lines side by side on one scale."""
    chosen = measures.ranking[:_MULTIPLES]
    highest = max((value or 0 for row in chosen for value in row.series), default=1)
    return {
        "lead": t("fleet.multiples_lead", n=len(chosen), top=count(highest)),
        "entries": [
            {
                "name": one_line(row.building_name),
                "spark": charts.spark(row.series, highest),
                "text": t("unit.count", n=count(row.rows)),
            }
            for row in chosen
        ],
    }


def funnels(measures: FleetMeasures, t: Texts) -> list[View]:
    """Outliers against size, each funnel with the buildings outside its outer limits."""
    return [_funnel(funnel, t) for funnel in measures.funnels if funnel.points]


def _funnel(funnel: Funnel, t: Texts) -> View:
    form = "{:.0%}" if funnel.metric == "completion_rate" else "{:g}"
    value = share if funnel.metric == "completion_rate" else _ratio
    outside = [point for point in funnel.points if point.standing.startswith("very")]
    points = [
        charts.FunnelPoint(
            point.size,
            point.value,
            t("fleet.point", name=one_line(point.building_name), value=value(point.value), size=f"{point.size:.0f}"),
            point.standing.startswith("very"),
        )
        for point in funnel.points
    ]
    limits = [(limit.size, limit.very_low, limit.very_high) for limit in funnel.limits]
    return {
        "title": t(f"fleet.{funnel.metric}_title"),
        "plot": charts.funnel(points, limits, funnel.target, form),
        "alt": t("fleet.funnel_alt", n=len(points), outside=len(outside)),
        "axis": t(f"fleet.{funnel.metric}_axis"),
        "widened": t("fleet.widened", phi=f"{funnel.phi:.1f}") if funnel.phi > 1 else "",
        "heads": [t("fleet.building"), t(f"fleet.{funnel.metric}_axis"), t(f"fleet.{funnel.metric}_value")],
        "numbers": [
            (one_line(p.building_name), f"{p.size:.0f}", value(p.value))
            for p in sorted(outside, key=lambda p: (-p.size, p.building_name))
        ],
    }


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def subjects(measures: FleetMeasures) -> View:
    """The company's subjects, most frequent first."""
    chosen = measures.subjects[:_SUBJECTS]
    longest = max((item.count for item in chosen), default=1)
    return {
        "entries": [
            {
                "name": label_name(item.label),
                "count": count(item.count),
                "share": share(item.count / measures.rows),
                "plot": charts.bar(item.count, longest),
            }
            for item in chosen
        ]
    }


def accuracy(months: Sequence[FleetMonth], t: Texts) -> View:
    """How right the machine was on the reviewed 표본 by month, and how far the reviews are."""
    measured = ([month.subject for month in months], [month.work for month in months])
    names = [t("date.month_short", year=f"{m.month.year % 100:02d}", month=m.month.month) for m in months]
    said = [[_said(item, t) for item in items] for items in measured]
    lines = [
        [charts.Point(name, item.value, text) for name, item, text in zip(names, items, texts, strict=True)]
        for items, texts in zip(measured, said, strict=True)
    ]
    progress = [month.reviewed / month.rows if month.rows else 0.0 for month in months]
    done = [share(value) for value in progress]
    models = [", ".join(month.model_versions) for month in months]
    known = any(point.value is not None for line in lines for point in line)
    return {
        "plot": charts.series(lines, high=1.0, form="{:.0%}") if known else None,
        "legend": [{"kind": "p0", "text": t("rows.subject")}, {"kind": "p2", "text": t("rows.work")}],
        "progress": charts.shares(progress, names, done, _kinds(months)),
        "progress_alt": t(
            "fleet.progress_alt", parts=", ".join(f"{name} {part}" for name, part in zip(names, done, strict=True))
        ),
        "heads": [t("fleet.month"), t("rows.subject"), t("rows.work"), t("fleet.reviewed"), t("fleet.models")],
        "numbers": list(zip(names, *said, done, models, strict=True)),
    }


def _kinds(months: Sequence[FleetMonth]) -> list[str]:
    return ["now" if index == len(months) - 1 else "past" for index in range(len(months))]


def _said(item: Accuracy, t: Texts) -> str:
    if item.value is None or item.low is None or item.high is None:
        return t("fleet.unmeasured")
    return t("fleet.accuracy", value=share(item.value), low=share(item.low), high=share(item.high), n=count(item.rows))
