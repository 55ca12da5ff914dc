"""Sections about what was said and how it was tagged: subjects with their work types, keywords, tagging quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voc_models.labels import OTHER
from voc_models.run import KEYWORD_MODEL
from voc_worker.pages import charts
from voc_worker.pages.cloud import Cloud, layout
from voc_worker.pages.listing import LOW_PERCENT
from voc_worker.pages.summary import doubtful_rows
from voc_worker.pages.wording import count, label_name, models_said, share

if TYPE_CHECKING:
    from pathlib import Path

    from voc_models.labels import Label
    from voc_worker.measures.model import BuildingMeasures, ParetoItem
    from voc_worker.pages.texts import Texts

View = dict[str, Any]
_SUBJECTS = 15
_KEYWORD_SUBJECTS = 8
_WORDS = 10
_WIDE, _NARROW = (780, 230), (320, 270)


def subjects(measures: BuildingMeasures, t: Texts) -> View:
    """Pareto of subjects with the work types inside and last year's same month beside."""
    colours = _colours(measures)
    chosen = measures.subjects[:_SUBJECTS]
    known_last_year = any(item.last_year is not None for item in chosen)
    longest = max((max(item.count, item.last_year or 0) for item in chosen), default=1)
    enough = next(
        (index for index, item in enumerate(measures.subjects, 1) if item.cumulative >= 0.8), len(measures.subjects)
    )
    items = [_subject(item, colours, longest, t) for item in chosen]
    lead = t("subjects.lead")
    if len(measures.subjects) > _SUBJECTS:
        lead = f"{lead} {t('subjects.rest', n=len(measures.subjects) - _SUBJECTS)}"
    return {
        "lead": lead,
        "entries": items,
        "legend": _legend(colours, t, more=len(measures.works) > charts.COLOURS),
        "caption": t("subjects.caption" if known_last_year else "subjects.caption_plain", n=enough),
        "heads": [t("subjects.subject"), t("rows.work"), t("subjects.count")],
        "numbers": [
            (label_name(item.label), label_name(work.label), count(work.count))
            for item in measures.subjects
            for work in item.work
        ],
    }


def _colours(measures: BuildingMeasures) -> dict[Label, int]:
    """Give the most frequent work types a colour each, the same in every bar; 기타 is always the grey one."""
    frequent = [work.label for work in measures.works if work.label != OTHER][: charts.COLOURS]
    return {label: number for number, label in enumerate(frequent)}


def _legend(colours: dict[Label, int], t: Texts, *, more: bool) -> list[View]:
    entries = [{"kind": f"p{number}", "text": label_name(label)} for label, number in colours.items()]
    return [*entries, {"kind": f"p{charts.COLOURS}", "text": t("subjects.other_work")}] if more else entries


def _subject(item: ParetoItem, colours: dict[Label, int], longest: int, t: Texts) -> View:
    ordered = sorted(item.work, key=lambda work: (colours.get(work.label, charts.COLOURS), -work.count, work.label))
    parts = [
        charts.Segment(
            work.count,
            colours.get(work.label, charts.COLOURS),
            t("subjects.part", name=label_name(work.label), count=count(work.count)),
        )
        for work in ordered
    ]
    name = label_name(item.label)
    return {
        "name": name,
        "count": count(item.count),
        "share": share(item.share),
        "cumulative": share(item.cumulative),
        "last_year": t("page.empty_value") if item.last_year is None else count(item.last_year),
        "plot": charts.stacked(parts, longest, ghost=item.last_year),
        "alt": t("subjects.bar", name=name, count=count(item.count), parts=", ".join(part.title for part in parts)),
    }


def words(measures: BuildingMeasures, font: Path | None, t: Texts) -> View:
    """Word cloud, laid out for a wide and a narrow screen, and keywords by subject; no font, no cloud."""
    frequencies = {word: float(n) for word, n in measures.keywords.frequencies}
    clouds = [
        layout(frequencies, font, width=width, height=height) if font else Cloud(width, height, ())
        for width, height in (_WIDE, _NARROW)
    ]
    top = ", ".join(t("words.word", word=word, count=count(n)) for word, n in measures.keywords.frequencies[:20])
    items = [
        {
            "name": label_name(item.label),
            "words": [{"text": word, "count": count(n)} for word, n in item.words[:_WORDS]],
        }
        for item in measures.keywords.by_subject[:_KEYWORD_SUBJECTS]
    ]
    return {"wide": clouds[0], "narrow": clouds[1], "alt": t("words.alt", parts=top), "entries": items}


def quality(measures: BuildingMeasures, t: Texts) -> View:
    """Tagging confidence and review state, honestly."""
    bands = measures.confidence
    names = [
        t("quality.band_none")
        if band.low is None or band.high is None
        else t("quality.band", low=round(band.low * 100), high=round(band.high * 100))
        for band in bands
    ]
    doubtful = [band.high is not None and band.high * 100 <= LOW_PERCENT + 1e-9 for band in bands]
    parts = [t("quality.band_part", band=name, count=count(band.rows)) for name, band in zip(names, bands, strict=True)]
    return {
        "plot": charts.shares(
            [band.rows for band in bands],
            names,
            [count(band.rows) for band in bands],
            [
                "low" if low else "past" if band.low is None else "bar"
                for low, band in zip(doubtful, bands, strict=True)
            ],
        ),
        "alt": t("quality.alt", parts=", ".join(parts)),
        "caption": t("quality.caption", percent=LOW_PERCENT),
        "sentences": _sentences(measures, t),
    }


def _sentences(measures: BuildingMeasures, t: Texts) -> list[str]:
    review = measures.review
    if review.reviewed:
        part = share(review.reviewed / review.rows)
        said = [t("quality.reviewed", rows=count(review.rows), reviewed=count(review.reviewed), share=part)]
        said.append(t("quality.corrected", subject=count(review.corrected_subject), work=count(review.corrected_work)))
    else:
        said = [t("quality.unreviewed", rows=count(review.rows))]
    if review.sample_rows:
        said.append(t("quality.sample", rows=count(review.sample_rows), reviewed=count(review.sample_reviewed)))
    if doubtful := doubtful_rows(measures):
        said.append(t("quality.low", percent=LOW_PERCENT, count=count(doubtful)))
    said.append(t("quality.models", names=models_said(measures.model_versions, t)))
    return [*said, t("quality.keyword")] if KEYWORD_MODEL in measures.model_versions else said
