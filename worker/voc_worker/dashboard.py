"""The three published pages; pure: measures and tables in, one self-contained HTML document out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voc_worker.measures.model import Missing
from voc_worker.pages import building, fleet, model_page, subjects
from voc_worker.pages.assemble import page
from voc_worker.pages.cards import cards
from voc_worker.pages.listing import LOW_PERCENT, MOST_ROWS, ListedRow, budget, listed_rows, within
from voc_worker.pages.summary import summarise
from voc_worker.pages.texts import catalogue
from voc_worker.pages.wording import count, month_name, one_line

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from voc_worker.measures.fleet_model import FleetMeasures
    from voc_worker.measures.model import BuildingMeasures
    from voc_worker.pages.model_report import ModelReport
    from voc_worker.pages.texts import Texts

_SECTIONS = ("topics", "repeats", "subjects", "year", "days", "slow", "places", "words", "quality", "all", "method")


def render_building(
    measures: BuildingMeasures,
    rows: pd.DataFrame,
    *,
    font: Path | None = None,
    csv_name: str | None = None,
    masked: bool = True,
    language: str = "ko",
) -> str:
    """Return a building's dashboard; equal input gives equal bytes.

    Args:
        measures: what ``rows`` and the building's past say; ``rows`` 0 gives a page that says so.
        rows: the month's rows with the columns of ``columns.TAGGED`` or ``columns.REVIEWED``.
        font: what the word cloud is measured with (``pages.fonts.korean_font``); without it there are keywords only.
        csv_name: the file name of the month's CSV beside the page in the store, for a link that works without script.
        masked: whether personal data in the rows' texts is masked.
        language: which catalogue of texts.
    """
    t = catalogue(language)
    view = _frame(measures, t) | {
        "summary": summarise(measures, t),
        "notices": _notices(measures, t),
        "cards": cards(measures.kpis, measures.month, t) if measures.rows else (),
        "empty": measures.rows == 0,
        "method": building.method(t, masked=masked),
    }
    if measures.rows == 0:
        return page("building.html.j2", view, t, scripted=False)
    listed = listed_rows(rows, t, building.linked_rows(measures), masked=masked)
    view |= _sections(measures, t, font, frozenset(row.voc_id for row in listed if row.anchor))
    return _fitted(view, listed, len(rows), measures, t, csv_name=csv_name, masked=masked)


def render_fleet(measures: FleetMeasures, *, run_id: str, language: str = "ko") -> str:
    """Return head office's page, which names every open building; equal input gives equal bytes."""
    t = catalogue(language)
    month = month_name(t, measures.month)
    sections = ("ranking", "outliers", "multiples", "totals", "accuracy") if measures.rows else ()
    view = {
        "title": t("fleet.title", month=month),
        "eyebrow": t("fleet.eyebrow", month=month),
        "heading": t("fleet.heading"),
        "about": t("fleet.about", buildings=count(measures.buildings), rows=count(measures.rows)),
        "nav": [{"id": section, "text": t(f"fleet.nav_{section}")} for section in sections],
        "footer": t("fleet.footer", run_id=run_id),
        "summary": fleet.summary(measures, t),
        "notices": (),
        "empty": measures.rows == 0,
        "cards": cards(measures.kpis, measures.month, t, company=False) if measures.rows else (),
    }
    if measures.rows:
        view |= {
            "ranking": fleet.ranking(measures, t),
            "funnels": fleet.funnels(measures, t),
            "multiples": fleet.multiples(measures, t),
            "subjects": fleet.subjects(measures),
            "accuracy": fleet.accuracy(measures.months, t) if measures.months else None,
        }
    return page("fleet.html.j2", view, t, scripted=False)


def render_model(report: ModelReport, *, language: str = "ko") -> str:
    """Return the page that says whether the model in service is good and what changed."""
    t = catalogue(language)
    name = t("model.heading_keyword") if report.release == "keyword" else t("model.heading", release=report.release)
    view = {
        "title": t("model.title"),
        "eyebrow": t("model.eyebrow"),
        "heading": name,
        "about": t("model.about"),
        "nav": (),
        "footer": t("model.footer"),
        "summary": model_page.summary(report, t),
        "notices": (),
        "heads": model_page.heads(report, t),
        "accuracy": fleet.accuracy(report.months, t) if report.months else None,
        "corrections": model_page.corrections(report, t),
        "champions": model_page.champions(report),
    }
    return page("model.html.j2", view, t, scripted=False)


def _frame(measures: BuildingMeasures, t: Texts) -> dict[str, Any]:
    month = month_name(t, measures.month)
    name = one_line(measures.building_name or measures.building_id)
    sections = _SECTIONS if measures.rows else ()
    return {
        "title": t("building.title", month=month, name=name),
        "eyebrow": t("building.eyebrow", month=month),
        "heading": name,
        "about": building.title_of(measures, t),
        "nav": [{"id": section, "text": t(f"nav.{section}")} for section in sections],
        "footer": t("building.footer", run_id=measures.run_id) if measures.run_id else t("building.footer_empty"),
    }


def _notices(measures: BuildingMeasures, t: Texts) -> list[str]:
    missing = {card.missing for card in measures.kpis}
    notices = []
    if Missing.NO_REPLY_TIMES in missing:
        notices.append(t("missing.notice_replies"))
    if Missing.NO_COMPLETION_TIMES in missing:
        notices.append(t("missing.notice_completions"))
    return notices


def _sections(measures: BuildingMeasures, t: Texts, font: Path | None, shown: frozenset[str]) -> dict[str, Any]:
    return {
        "topics": building.topics(measures, t, shown),
        "repeats": building.repeats(measures, t, shown),
        "subjects": subjects.subjects(measures, t),
        "year": building.year(measures, t),
        "days": building.days(measures, t),
        "hours": building.heat(measures, t),
        "slow": building.slow(measures, t),
        "places": building.places(measures, t),
        "words": subjects.words(measures, font, t),
        "quality": subjects.quality(measures, t),
    }


def _fitted(
    view: dict[str, Any],
    listed: list[ListedRow],
    total: int,
    measures: BuildingMeasures,
    t: Texts,
    *,
    csv_name: str | None,
    masked: bool,
) -> str:
    """Render within the page's budget of bytes: once whole, and where that is too large again with texts cut to fit."""
    listing = {
        "heads": _heads(t),
        "csv": csv_name,
        "low": LOW_PERCENT,
        "download": f"voc_{measures.building_id}_{measures.month.compact}_view.csv",
    }
    lead = [t("rows.lead"), t("rows.masked")] if masked else [t("rows.lead")]
    if total > MOST_ROWS:
        lead.append(t("rows.beyond", all=count(total), shown=count(MOST_ROWS)))
    html = page("building.html.j2", view | {"listing": listing | {"lead": " ".join(lead), "entries": listed}}, t)
    size, allowed = len(html.encode()), budget(len(listed))
    if size <= allowed:
        return html
    lead.append(t("rows.cut"))
    said = " ".join(lead)
    spent = sum(row.text_bytes for row in listed)
    room = allowed - (size - spent) - len(t("rows.cut").encode()) - 1
    fitted = within(listed, room)
    return page("building.html.j2", view | {"listing": listing | {"lead": said, "entries": fitted}}, t)


def _heads(t: Texts) -> list[dict[str, Any]]:
    keys = ("id", "when", "subject", "work", "text", "done", "check")
    return [{"text": t(f"rows.{key}"), "sorted": key != "text"} for key in keys]
