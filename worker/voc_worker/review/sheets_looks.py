"""Builds how a month's worksheet looks and filters, as requests of spreadsheets.batchUpdate. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from voc_worker.columns import SHEET, SHEET_PEOPLE
from voc_worker.review.layout import Layout
from voc_worker.review.rows import REVIEW_LABELS, SAMPLE_MARK, SHEET_LABELS
from voc_worker.review.sheets_requests import LISTS_TITLE, Request, grid_range, letters, runs

MOST_BUILDINGS: Final = 30
_WIDTHS: Final = {"title": 220, "request_contents": 420, "reply": 320, "접수일시": 130, "비고": 200, "처리결과": 280}
_NARROW: Final = {"신뢰도", "표본", "중복군", "검수완료"}


def formats(sheet_id: int, layout: Layout) -> list[Request]:
    """Return number formats, wrapping and column widths."""
    header = {"sheetId": sheet_id, "startRowIndex": layout.header_row - 1, "endRowIndex": layout.header_row}
    bold = {"textFormat": {"bold": True}, "backgroundColor": {"red": 0.93, "green": 0.93, "blue": 0.93}}
    found = [_formatted(header, bold)]
    found += [
        _formatted(grid_range(sheet_id, layout, run), {"wrapStrategy": "CLIP", "verticalAlignment": "TOP"})
        for run in runs(layout, SHEET)
    ]
    found += number_formats(sheet_id, layout)
    for name, column in layout.columns.items():
        span = {"sheetId": sheet_id, "dimension": "COLUMNS", "startIndex": column - 1, "endIndex": column}
        size = {"pixelSize": _WIDTHS.get(name, 70 if name in _NARROW else 110)}
        found.append({"updateDimensionProperties": {"range": span, "properties": size, "fields": "pixelSize"}})
    return found


def number_formats(sheet_id: int, layout: Layout) -> list[Request]:
    """Return the formats that values depend on: ids stay text when a person retypes them, 신뢰도 has three decimals."""
    found: list[Request] = []
    for name, pattern in (("voc_id", "@"), ("building_id", "@"), ("접수일시", "@"), ("신뢰도", "0.000")):
        kind = "TEXT" if pattern == "@" else "NUMBER"
        found.append(
            _formatted(grid_range(sheet_id, layout, [name]), {"numberFormat": {"type": kind, "pattern": pattern}})
        )
    return found


def _formatted(place: Request, style: Request) -> Request:
    fields = ",".join(f"userEnteredFormat.{name}" for name in style)
    return {"repeatCell": {"range": place, "cell": {"userEnteredFormat": style}, "fields": fields}}


def colours(sheet_id: int, layout: Layout) -> list[Request]:
    """Return conditional formats: confidence as a scale, 표본, duplicates, finished rows, pairs that do not exist."""
    at = {name: f"${letters(column)}{layout.header_row + 1}" for name, column in layout.columns.items()}
    rules = [
        _boolean(grid_range(sheet_id, layout, list(SHEET_PEOPLE)), f'={at["검수완료"]}<>""', (0.85, 0.94, 0.85)),
        _boolean(grid_range(sheet_id, layout, ["표본"]), f'={at["표본"]}="{SAMPLE_MARK}"', (0.82, 0.88, 0.98)),
        _boolean(grid_range(sheet_id, layout, ["중복군"]), f'={at["중복군"]}<>""', (0.99, 0.92, 0.75)),
    ]
    for review, label, (major, minor) in (
        (REVIEW_LABELS[:2], SHEET_LABELS[:2], ("C", "D")),
        (REVIEW_LABELS[2:], SHEET_LABELS[2:], ("G", "H")),
    ):
        meant = [f'IF({at[r]}="",{at[m]},{at[r]})' for r, m in zip(review, label, strict=True)]
        pairs = [f"INDIRECT(\"'{LISTS_TITLE}'!{column}:{column}\")" for column in (major, minor)]
        count = f"COUNTIFS({pairs[0]},{meant[0]},{pairs[1]},{meant[1]})=0"
        wrong = f'=AND({at[review[0]]}&{at[review[1]]}<>"",{count})'
        rules.append(_boolean(grid_range(sheet_id, layout, review), wrong, (0.96, 0.75, 0.72)))
    points = {
        name: {"type": "NUMBER", "value": value, "color": dict(zip(("red", "green", "blue"), colour, strict=True))}
        for name, value, colour in (
            ("minpoint", "0.3", (0.95, 0.7, 0.66)),
            ("midpoint", "0.7", (1.0, 0.95, 0.75)),
            ("maxpoint", "1", (0.8, 0.92, 0.8)),
        )
    }
    rules.append({"ranges": [grid_range(sheet_id, layout, ["신뢰도"])], "gradientRule": points})
    return [{"addConditionalFormatRule": {"rule": rule, "index": index}} for index, rule in enumerate(reversed(rules))]


def _boolean(place: Request, formula: str, colour: tuple[float, float, float]) -> Request:
    shade = dict(zip(("red", "green", "blue"), colour, strict=True))
    condition = {"type": "CUSTOM_FORMULA", "values": [{"userEnteredValue": formula}]}
    return {"ranges": [place], "booleanRule": {"condition": condition, "format": {"backgroundColor": shade}}}


def basic_filter(sheet_id: int, layout: Layout) -> Request:
    """Return the filter over the whole table."""
    return {"setBasicFilter": {"filter": {"range": _table(sheet_id, layout)}}}


def filter_views(
    sheet_id: int, layout: Layout, buildings: Mapping[str, str], present: Collection[str]
) -> list[Request]:
    """Return the views that are not ``present`` yet: a view sorts and filters for one person alone.

    Args:
        sheet_id: the worksheet.
        layout: where its columns are.
        buildings: building id to name; with more than MOST_BUILDINGS there is no view per building.
        present: titles of the views that the worksheet has.
    """
    column = {name: number - 1 for name, number in layout.columns.items()}
    rising = [{"dimensionIndex": column["신뢰도"], "sortOrder": "ASCENDING"}]
    views: dict[str, Request] = {
        "표본": {"filterSpecs": [_only(column["표본"], "TEXT_EQ", SAMPLE_MARK)]},
        "미검수": {"filterSpecs": [_only(column["검수완료"], "BLANK")]},
        "신뢰도 낮은 순": {"sortSpecs": rising},
    }
    if len(buildings) <= MOST_BUILDINGS:
        for building_id, name in buildings.items():
            title = f"건물 {building_id} {name}".strip()[:100]
            views[title] = {"filterSpecs": [_only(column["building_id"], "TEXT_EQ", building_id)], "sortSpecs": rising}
    return [
        {"addFilterView": {"filter": {"title": title, "range": _table(sheet_id, layout), **view}}}
        for title, view in views.items()
        if title not in present
    ]


def _only(column: int, condition: str, value: str | None = None) -> Request:
    values = {} if value is None else {"values": [{"userEnteredValue": value}]}
    return {"columnIndex": column, "filterCriteria": {"condition": {"type": condition, **values}}}


def _table(sheet_id: int, layout: Layout) -> Request:
    return {**grid_range(sheet_id, layout, list(SHEET)), "startRowIndex": layout.header_row - 1}
