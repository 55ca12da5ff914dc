"""The model card: what the data owner asks about a model, as Markdown and as one HTML file with plots."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from voc_models.labels import HEAD_NAMES
from voc_training.build import Built
from voc_training.gate import Decision

MARKDOWN: Final = "model_card.md"
HTML: Final = "model_card.html"


def write_cards(built: Built, metrics: Mapping[str, Any], decision: Decision) -> None:
    """Write both cards into the model's directory."""
    facts = _facts(built, metrics, decision)
    templates = Environment(
        loader=PackageLoader("voc_training"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"]),
        keep_trailing_newline=True,
    )
    for name in (MARKDOWN, HTML):
        text = templates.get_template(f"{name}.j2").render(facts | {"plots": _plots(metrics)})
        (built.directory / name).write_text(text, encoding="utf-8")


def _facts(built: Built, metrics: Mapping[str, Any], decision: Decision) -> dict[str, Any]:
    """Return what both templates say; the frozen rows speak where there are any, else the validation rows."""
    where, main = next(
        (
            (name, metrics[key]["with_reply"])
            for name, key in (("표본", "frozen"), ("검증", "validation"))
            if metrics[key]["with_reply"]
        ),
        ("없음", {"classes": [], "confusions": [], "coverage": []}),
    )
    rows = [
        (name, reply, metrics[key][which])
        for name, key in (("표본", "frozen"), ("검증", "validation"))
        for reply, which in (("있음", "with_reply"), ("없음", "without_reply"))
        if metrics[key][which]
    ]
    if metrics["champion"]:
        rows.append((f"표본: 현재 {decision.champion}", "있음", metrics["champion"]))
    return {
        "name": HEAD_NAMES[built.head],
        "manifest": built.manifest,
        "rows": built.manifest.training.rows,
        "metrics": metrics,
        "decision": decision,
        "table": rows,
        "where_classes": where,
        "classes": [one for one in main["classes"] if one["support"]],
        "confusions": main["confusions"],
        "coverage": main["coverage"],
        "percent": lambda share: f"{100 * share:.1f} %",
    }


def _plots(metrics: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    """Return titled SVG plots; their texts are digits and Latin letters, which every font of matplotlib draws."""
    plots = []
    found = metrics["frozen"]["with_reply"] or metrics["validation"]["with_reply"]
    if found:
        points = found["coverage"]
        plots.append(("신뢰도 기준별 자동 처리 비율과 정확도", _coverage_plot(points)))
        plots.append(("신뢰도와 실제 정확도 (선에 가까울수록 믿을 수 있음)", _reliability_plot(found["reliability"])))
    curve = metrics["learning_curve"]
    if len(curve) > 1:
        plots.append(("검수한 달이 늘어날수록 (선형 모델, 검증 행)", _curve_plot(curve)))
    return plots


def _coverage_plot(points: Sequence[Mapping[str, Any]]) -> Markup:
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    thresholds = [point["threshold"] for point in points]
    axes.plot(thresholds, [point["coverage"] for point in points], marker="o", label="coverage")
    axes.plot(thresholds, [point["accuracy"] for point in points], marker="s", label="accuracy")
    axes.set(xlabel="confidence at least", ylim=(0, 1.02))
    axes.legend()
    return _svg(figure)


def _reliability_plot(points: Sequence[Mapping[str, Any]]) -> Markup:
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    most = max(point["rows"] for point in points)
    axes.scatter(
        [point["confidence"] for point in points],
        [point["accuracy"] for point in points],
        s=[20 + 180 * point["rows"] / most for point in points],
    )
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.05))
    return _svg(figure)


def _curve_plot(points: Sequence[Mapping[str, Any]]) -> Markup:
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    places = range(len(points))
    axes.plot(places, [point["accuracy"] for point in points], marker="o", label="with reply")
    axes.plot(places, [point["without_reply"] for point in points], marker="s", label="without reply")
    axes.legend()
    axes.set(ylabel="accuracy", ylim=(0, 1.02))
    axes.set_xticks(places, [point["until"] for point in points])
    return _svg(figure)


def _svg(figure: Figure) -> Markup:
    """Return the figure as inline SVG, the same bytes for the same numbers."""
    stream = io.StringIO()
    with rc_context({"svg.hashsalt": "voc", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - drawn here from numbers
