"""Dresses the workbook: drop-downs, protection, filter, colours and the guide for reviewers; in memory, no I/O.

A worksheet is dressed once, when it is made; afterwards its looks belong to the people who use it, and only the lists
behind the drop-downs follow the taxonomy. The lists lie on a hidden worksheet behind defined names, which Excel and
LibreOffice both keep in drop-downs (a direct reference to another sheet is saved by Excel in an extension that other
programs drop).
"""

from __future__ import annotations

from typing import Final

from openpyxl.formatting.rule import ColorScale, FormatObject, Rule
from openpyxl.styles import Alignment, Color, Font, PatternFill, Protection
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.workbook import Workbook
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.dimensions import ColumnDimension
from openpyxl.worksheet.worksheet import Worksheet

from voc_models.labels import HEAD_NAMES, HEADS, Head, Taxonomy
from voc_worker.columns import SHEET, SHEET_PEOPLE
from voc_worker.review.layout import is_blank
from voc_worker.review.workbook_cells import cell_text, put_text
from voc_worker.review.workbook_guide import GUIDE, GUIDE_SHEET

LISTS_SHEET: Final = "분류체계_목록"
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


def refresh_lists(book: Workbook, taxonomy: Taxonomy) -> bool:
    """Make the hidden worksheet and the defined names show the taxonomy's active pairs; tell whether they changed."""
    columns = list_columns(taxonomy)
    wanted = {
        name: f"{quote_sheetname(LISTS_SHEET)}!${letter}$2:${letter}${len(cells) + 1}"
        for letter, (name, cells) in zip("ABCDEFG", columns.items(), strict=True)
    }
    sheet = book[LISTS_SHEET] if LISTS_SHEET in book.sheetnames else None
    named = {name: book.defined_names[name].attr_text for name in wanted if name in book.defined_names}
    if (
        sheet is not None
        and named == wanted
        and _shown(sheet) == {name: list(cells) for name, cells in columns.items()}
    ):
        return False
    at = None
    if sheet is not None:
        at = book.index(sheet)
        book.remove(sheet)
    fresh = book.create_sheet(LISTS_SHEET, at)
    fresh.sheet_state = "hidden"
    for column, (name, cells) in enumerate(columns.items(), start=1):
        for row, text in enumerate((name, *cells), start=1):
            put_text(fresh, row, column, text)
    for name, reference in wanted.items():
        book.defined_names[name] = DefinedName(name, attr_text=reference)
    return True


def list_columns(taxonomy: Taxonomy) -> dict[str, list[str]]:
    """Return the hidden worksheet's columns by defined name.

    Per head: every 대분류 once; and, row beside row, the 대분류 and the 중분류 of every pair, equal 대분류 together.
    """
    columns: dict[str, list[str]] = {}
    for head in HEADS:
        minors: dict[str, list[str]] = {}
        for label in taxonomy.labels(head):
            minors.setdefault(label.major, []).append(label.minor)
        columns[f"voc_{head}_major"] = list(minors)
        columns[f"voc_{head}_of"] = [major for major, under in minors.items() for _ in under]
        columns[f"voc_{head}_minor"] = [minor for under in minors.values() for minor in under]
    columns["voc_done"] = ["Y"]
    return columns


def _shown(sheet: Worksheet) -> dict[str, list[str]]:
    """Return the hidden worksheet's columns as they stand."""
    found = {}
    for column in sheet.iter_cols(values_only=True):
        cells = [cell_text(value) for value in column]
        found[cells[0]] = [cell for cell in cells[1:] if not is_blank(cell)]
    return found


def dress(sheet: Worksheet, rows: int) -> None:
    """Dress a new worksheet that holds the header and ``rows`` rows."""
    _columns(sheet)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{_LETTER[SHEET[-1]]}{rows + 1}"
    _drop_downs(sheet)
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


def _drop_downs(sheet: Worksheet) -> None:
    """Attach the lists; the 중분류 offered follow the 대분류 beside it, or the machine's where that is blank."""
    for head in HEADS:
        name = HEAD_NAMES[head]
        major, minor = f"검수_{name} 대분류", f"검수_{name} 중분류"
        _attach(sheet, major, f"voc_{head}_major", "목록에 있는 대분류를 골라 주세요.")
        _attach(sheet, minor, minor_formula(head), "왼쪽 대분류에 속한 중분류를 골라 주세요.")
    # What counts as yes is wider than the list ("y", "예"), so other marks are let in and judged when read.
    _attach(sheet, "검수완료", "voc_done", None)


def minor_formula(head: Head, row: int = 2) -> str:
    """Return the list formula of a 중분류 cell in ``row``; Excel allows 255 characters."""
    name = HEAD_NAMES[head]
    theirs, machine = f"${_LETTER[f'검수_{name} 대분류']}{row}", f"${_LETTER[f'{name} 대분류']}{row}"
    major = f'IF({theirs}="",{machine},{theirs})'
    return f"OFFSET(voc_{head}_minor,MATCH({major},voc_{head}_of,0)-1,0,COUNTIF(voc_{head}_of,{major}),1)"


def _attach(sheet: Worksheet, name: str, formula: str, refusal: str | None) -> None:
    """Give a whole column a drop-down; typing anything else shows ``refusal``, or is let in when that is None."""
    validation = DataValidation(type="list", formula1=formula, allow_blank=True, showErrorMessage=refusal is not None)
    validation.errorTitle, validation.error = ("목록에 없는 값", refusal) if refusal else (None, None)
    validation.add(f"{_LETTER[name]}2:{_LETTER[name]}{_LAST_ROW}")
    sheet.add_data_validation(validation)


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
