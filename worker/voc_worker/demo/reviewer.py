"""The demo's reviewer: works on the workbook file as a person in Excel would, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import pandas as pd
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from voc_models.months import Month
from voc_worker.columns import SHEET
from voc_worker.sample.simulate import review

#: What the reviewer does to a row: the people's cells to write, by column name.
Edit = dict[str, str]
#: What the reviewer does to a sheet: edits by row number.
Edits = Callable[[pd.DataFrame], dict[int, Edit]]


class Incidents(NamedTuple):
    """The voc_ids with which the reviewer had trouble on purpose."""

    withdrawn: str
    mistyped: str
    half_done: tuple[str, ...]


def sheet_frame(sheet: Worksheet) -> pd.DataFrame:
    """Return the rows as a person sees them: text columns SHEET and ``row``, the row's number in the sheet."""
    header, *rows = sheet.iter_rows(values_only=True)
    names = [str(cell or "").strip() for cell in header]
    records = [
        {"row": number, **{name: "" if cell is None else str(cell) for name, cell in zip(names, row, strict=False)}}
        for number, row in enumerate(rows, start=2)
        if any(cell not in {None, ""} for cell in row)
    ]
    return pd.DataFrame(records, columns=["row", *SHEET])


def edit_workbook(data: bytes, month: Month, edits: Edits) -> bytes:
    """Open the workbook, write what ``edits`` says into people's cells of the month's sheet, and save it."""
    book = load_workbook(BytesIO(data))
    sheet: Any = book[month.compact]
    columns = {str(cell.value).strip(): cell.column for cell in sheet[1]}
    for row, edit in edits(sheet_frame(sheet)).items():
        for name, value in edit.items():
            sheet.cell(row=row, column=columns[name]).value = value or None
    saved = BytesIO()
    book.save(saved)
    return saved.getvalue()


def diligent(truth: pd.DataFrame, rows: int | None = None) -> Edits:
    """Return edits that review the sheet from the top, all of it or the first ``rows``."""

    def edits(sheet: pd.DataFrame) -> dict[int, Edit]:
        open_rows = sheet[sheet["검수완료"].str.strip() == ""]
        chosen = open_rows if rows is None else open_rows.head(rows)
        written = review(chosen, truth)
        return {
            int(number): {str(name): str(value) for name, value in zip(written.columns, cells, strict=True)}
            for number, cells in zip(chosen["row"], written.itertuples(index=False), strict=True)
        }

    return edits


def troubled(incidents: Incidents) -> Edits:
    """Return edits with a mistyped pair and two rows left half done."""

    def edits(sheet: pd.DataFrame) -> dict[int, Edit]:
        numbers = {str(voc_id): int(row) for voc_id, row in zip(sheet["voc_id"], sheet["row"], strict=True)}
        first, second = incidents.half_done
        return {
            numbers[incidents.mistyped]: {
                "검수_주제 대분류": "시설",
                "검수_주제 중분류": "냉남방",
                "검수완료": "Y",
                "검수자": "이검수",
            },
            numbers[first]: {"검수_작업유형 대분류": "작업", "검수완료": "Y", "검수자": "이검수"},
            numbers[second]: {"검수_주제 대분류": "환경", "검수_주제 중분류": "청결/미화", "검수완료": ""},
        }

    return edits


def withdrawing(voc_id: str) -> Edits:
    """Return edits that take back the Y of one row."""

    def edits(sheet: pd.DataFrame) -> dict[int, Edit]:
        (number,) = sheet.loc[sheet["voc_id"] == voc_id, "row"]
        return {int(number): {"검수완료": ""}}

    return edits


def choose_incidents(sheet: pd.DataFrame, reviewed: int) -> Incidents:
    """Choose the rows: the withdrawn one among the first ``reviewed``, the others among those after them."""
    ids = [str(voc_id) for voc_id in sheet["voc_id"]]
    return Incidents(ids[reviewed // 2], ids[reviewed], (ids[reviewed + 1], ids[reviewed + 2]))
