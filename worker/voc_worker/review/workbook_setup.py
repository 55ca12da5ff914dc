"""Dresses the workbook: protection, filter, widths, colours and the guide for reviewers; in memory, no I/O.

A worksheet is dressed once, when it is made; afterwards its looks belong to the people who use it.
"""

from __future__ import annotations

from typing import Final

from openpyxl.formatting.rule import ColorScale, FormatObject, Rule
from openpyxl.styles import Alignment, Color, Font, PatternFill, Protection
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.utils import get_column_letter
from openpyxl.workbook import Workbook
from openpyxl.worksheet.dimensions import ColumnDimension
from openpyxl.worksheet.worksheet import Worksheet

from voc_worker.columns import SHEET, SHEET_PEOPLE
from voc_worker.review.workbook_cells import put_text
from voc_worker.review.workbook_guide import GUIDE, GUIDE_SHEET

_LAST_ROW: Final = 1_048_576
_LAST_COLUMN: Final = 16_384
_LETTER: Final = {name: get_column_letter(index) for index, name in enumerate(SHEET, start=1)}
_WIDTHS: Final = {
    "building_name": 16,
    "접수일시": 16,
    "title": 28,
    "request_contents": 60,
    "reply": 40,
    "신뢰도": 8,
    "표본": 6,
    "중복군": 10,
    "비고": 24,
    "처리결과": 48,
}
_MACHINE_HEADER: Final = PatternFill("solid", fgColor="FFD9D9D9")
_PEOPLE_HEADER: Final = PatternFill("solid", fgColor="FFFFE699")


def dress(sheet: Worksheet, rows: int) -> None:
    """Dress a new worksheet that holds the header and ``rows`` rows."""
    _columns(sheet)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{_LETTER[SHEET[-1]]}{rows + 1}"
    _colours(sheet)
    _protect(sheet)


def extend_filter(sheet: Worksheet, last_row: int) -> None:
    """Let the filter reach ``last_row``; what people filter by stays, and so does their having removed it."""
    start, _, end = (sheet.auto_filter.ref or "").partition(":")
    if start:
        sheet.auto_filter.ref = f"{start}:{''.join(filter(str.isalpha, end))}{last_row}"


def _columns(sheet: Worksheet) -> None:
    """Set widths and the header's looks, and unlock people's columns as a whole: blank cells need no style then."""
    for name, letter in _LETTER.items():
        dimension = sheet.column_dimensions[letter]
        dimension.width = _WIDTHS.get(name, 14)
        header = sheet[f"{letter}1"]
        header.font = Font(bold=True)
        header.alignment = Alignment(vertical="center", wrap_text=True)
        header.fill = _PEOPLE_HEADER if name in SHEET_PEOPLE else _MACHINE_HEADER
        if name in SHEET_PEOPLE:
            dimension.protection = Protection(locked=False)
    free = get_column_letter(len(SHEET) + 1)
    beyond = ColumnDimension(sheet, index=free, min=len(SHEET) + 1, max=_LAST_COLUMN, width=14)
    beyond.protection = Protection(locked=False)
    sheet.column_dimensions[free] = beyond


def _colours(sheet: Worksheet) -> None:
    """Colour by confidence, and mark 표본, duplicate groups and finished rows."""
    stops = (("0.3", "FFF8696B"), ("0.7", "FFFFEB84"), ("1", "FF63BE7B"))
    scale = ColorScale(
        cfvo=[FormatObject(type="num", val=value) for value, _ in stops],
        color=[Color(rgb=colour) for _, colour in stops],
    )
    sheet.conditional_formatting.add(_whole("신뢰도"), Rule(type="colorScale", colorScale=scale))
    for name, colour in (("표본", "FFBDD7EE"), ("중복군", "FFE4DFEC"), ("검수완료", "FFC6E0B4")):
        fill = DifferentialStyle(fill=PatternFill("solid", bgColor=colour))
        rule = Rule(type="expression", dxf=fill, formula=[f'${_LETTER[name]}2<>""'])
        sheet.conditional_formatting.add(_whole(name), rule)


def _whole(name: str) -> str:
    """Return the range of a column below its header."""
    return f"{_LETTER[name]}2:{_LETTER[name]}{_LAST_ROW}"


def _protect(sheet: Worksheet) -> None:
    """Protect the machine's columns without a password: it prevents slips, not people. False means allowed."""
    protection = sheet.protection
    protection.sheet = True
    protection.sort = protection.autoFilter = False
    protection.formatCells = protection.formatColumns = protection.formatRows = False
    protection.insertColumns = protection.insertRows = False


def add_guide(book: Workbook) -> None:
    """Add the guide for reviewers, unless the workbook has a worksheet of that name."""
    if GUIDE_SHEET in book.sheetnames:
        return
    sheet = book.create_sheet(GUIDE_SHEET)
    sheet.column_dimensions["A"].width = 110
    for number, line in enumerate(GUIDE, start=1):
        put_text(sheet, number, 1, line.removeprefix("# "))
        cell = sheet.cell(number, 1)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        cell.font = Font(bold=line.startswith("# "))
