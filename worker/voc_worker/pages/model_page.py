"""What the model page shows: is the model good, and what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voc_models.labels import HEAD_NAMES
from voc_worker.pages import charts
from voc_worker.pages.summary import Summary
from voc_worker.pages.wording import count, one_line, share

if TYPE_CHECKING:
    from voc_worker.pages.model_report import HeadReport, ModelReport
    from voc_worker.pages.texts import Texts

View = dict[str, Any]
_CONFUSIONS = 10


def summary(report: ModelReport, t: Texts) -> Summary:
    """Say how often the model in service is right."""
    if not report.heads:
        return Summary(t("model.none" if report.release == "keyword" else "model.unmeasured", release=report.release))
    parts = ", ".join(f"{HEAD_NAMES[head.head]} {share(head.accuracy, 1)}" for head in report.heads)
    points = [
        t(
            "model.rows",
            head=HEAD_NAMES[head.head],
            n=count(head.rows),
            f1=f"{head.macro_f1:.3f}",
            kind=t(f"model.{head.kind}"),
        )
        for head in report.heads
    ]
    return Summary(t("model.headline", release=report.release, parts=parts), tuple(points))


def heads(report: ModelReport, t: Texts) -> list[View]:
    """One section for each head."""
    return [_head(head, t) for head in report.heads]


def _head(head: HeadReport, t: Texts) -> View:
    covered = [point for point in head.coverage if point.accuracy is not None]
    lines = [
        [charts.Point(share(p.threshold), p.accuracy, t("model.right", n=share(p.accuracy or 0))) for p in covered],
        [charts.Point(share(p.threshold), p.coverage, t("model.answered", n=share(p.coverage))) for p in covered],
    ]
    learning = [charts.Point(p.label, p.accuracy, share(p.accuracy, 1)) for p in head.learning]
    calibration = ""
    if head.ece is not None:
        key = "model.ece" if head.ece_before is None else "model.ece_both"
        calibration = t(key, ece=f"{head.ece:.3f}", before=f"{head.ece_before or 0:.3f}")
    return {
        "id": head.head,
        "name": t("model.head", head=HEAD_NAMES[head.head]),
        "lead": t("model.head_lead", n=count(head.rows), accuracy=share(head.accuracy, 1)),
        "calibration": calibration,
        "coverage": charts.series(lines, high=1.0, form="{:.0%}") if covered else None,
        "coverage_heads": [t("model.threshold"), t("model.right_name"), t("model.answered_name")],
        "coverage_numbers": [(share(p.threshold), share(p.accuracy or 0), share(p.coverage)) for p in covered],
        "legend": [{"kind": "p0", "text": t("model.right_name")}, {"kind": "p2", "text": t("model.answered_name")}],
        "learning": charts.series([learning], high=1.0, form="{:.0%}") if learning else None,
        "learning_alt": t(
            "model.learning_alt", parts=", ".join(f"{p.label} {share(p.accuracy, 1)}" for p in head.learning)
        ),
        "confusions": [
            {"truth": _pair(pair.truth), "predicted": _pair(pair.predicted), "rows": count(pair.rows)}
            for pair in head.confusions[:_CONFUSIONS]
        ],
    }


def _pair(joined: str) -> str:
    return one_line(joined.replace("_", " > ", 1))


def corrections(report: ModelReport, t: Texts) -> View | None:
    """How much people had to correct, month by month."""
    if not report.corrections:
        return None
    months = [t("date.month_short", year=f"{c.month.year % 100:02d}", month=c.month.month) for c in report.corrections]
    rates = [
        [value / c.reviewed if c.reviewed else None for c, value in zip(report.corrections, values, strict=True)]
        for values in ([c.subject for c in report.corrections], [c.work for c in report.corrections])
    ]
    said = [[t("page.empty_value") if rate is None else share(rate, 1) for rate in line] for line in rates]
    lines = [
        [charts.Point(*at) for at in zip(months, rate, text, strict=True)]
        for rate, text in zip(rates, said, strict=True)
    ]
    return {
        "plot": charts.series(lines, form="{:.0%}"),
        "legend": [{"kind": "p0", "text": t("rows.subject")}, {"kind": "p2", "text": t("rows.work")}],
        "heads": [t("fleet.month"), t("rows.subject"), t("rows.work"), t("model.reviewed")],
        "numbers": [
            (month, subject, work, count(c.reviewed))
            for month, subject, work, c in zip(months, *said, report.corrections, strict=True)
        ],
    }


def champions(report: ModelReport) -> list[View]:
    """The champion's history, newest first."""
    return [
        {"at": c.at, "release": one_line(c.release), "by": one_line(c.by), "reason": one_line(c.reason)}
        for c in reversed(report.champions)
    ]
