"""The drop-downs of the review worksheet and the lists behind them; in memory, no I/O.

The lists lie on a hidden worksheet behind defined names, which Excel and LibreOffice both keep in drop-downs (a direct
reference to another worksheet is saved by Excel in an extension that other programs drop). Lists and drop-downs are the
machine's: every upload brings them back to the taxonomy and to where the columns are now, because LibreOffice does not
move a drop-down's references along with inserted columns, and pasting over a cell removes its drop-down.
"""

from __future__ import annotations

from typing import Final

from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.workbook import Workbook
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from voc_models.labels import HEAD_NAMES, HEADS, Head, Taxonomy
from voc_worker.review.layout import Layout, is_blank
from voc_worker.review.workbook_cells import cell_text, put_text

LISTS_SHEET: Final = "분류체계_목록"
#: What every defined name of ours starts with, and so every drop-down of ours mentions.
_PREFIX: Final = "voc_"
_LAST_ROW: Final = 1_048_576


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
        columns[f"{_PREFIX}{head}_major"] = list(minors)
        columns[f"{_PREFIX}{head}_of"] = [major for major, under in minors.items() for _ in under]
        columns[f"{_PREFIX}{head}_minor"] = [minor for under in minors.values() for minor in under]
    columns[f"{_PREFIX}done"] = ["Y"]
    return columns


def _shown(sheet: Worksheet) -> dict[str, list[str]]:
    """Return the hidden worksheet's columns as they stand."""
    found = {}
    for column in sheet.iter_cols(values_only=True):
        cells = [cell_text(value) for value in column]
        found[cells[0]] = [cell for cell in cells[1:] if not is_blank(cell)]
    return found


def refresh_drop_downs(sheet: Worksheet, layout: Layout) -> bool:
    """Attach the lists to people's columns where they are now; tell whether anything had to change.

    The 중분류 offered follow the 대분류 beside it, or the machine's where that is blank. What counts as yes is wider
    than its list ("y", "예"), so 검수완료 lets other marks in; they are judged when the sheet is read.
    Drop-downs that people made themselves stay.
    """
    wanted: list[DataValidation] = []
    for head in HEADS:
        name = HEAD_NAMES[head]
        major, minor = f"검수_{name} 대분류", f"검수_{name} 중분류"
        wanted.append(_drop_down(layout, major, f"{_PREFIX}{head}_major", "목록에 있는 대분류를 골라 주세요."))
        wanted.append(_drop_down(layout, minor, minor_formula(layout, head), "왼쪽 대분류의 중분류를 골라 주세요."))
    wanted.append(_drop_down(layout, "검수완료", f"{_PREFIX}done", None))
    rules = sheet.data_validations.dataValidation
    ours = [rule for rule in rules if _PREFIX in str(rule.formula1)]
    if {_identity(rule) for rule in ours} == {_identity(rule) for rule in wanted}:
        return False
    sheet.data_validations.dataValidation = [rule for rule in rules if rule not in ours] + wanted
    return True


def minor_formula(layout: Layout, head: Head) -> str:
    """Return the list formula of the first 중분류 cell below the header; Excel allows 255 characters."""
    name, row = HEAD_NAMES[head], layout.header_row + 1
    theirs, machine = (
        f"${get_column_letter(layout.columns[column])}{row}" for column in (f"검수_{name} 대분류", f"{name} 대분류")
    )
    major = f'IF({theirs}="",{machine},{theirs})'
    minors, majors = f"{_PREFIX}{head}_minor", f"{_PREFIX}{head}_of"
    return f"OFFSET({minors},MATCH({major},{majors},0)-1,0,COUNTIF({majors},{major}),1)"


def _drop_down(layout: Layout, name: str, formula: str, refusal: str | None) -> DataValidation:
    """Return a whole column's drop-down; typing anything else shows ``refusal``, or is let in when that is None."""
    rule = DataValidation(type="list", formula1=formula, allow_blank=True, showErrorMessage=refusal is not None)
    rule.errorTitle, rule.error = ("목록에 없는 값", refusal) if refusal else (None, None)
    letter = get_column_letter(layout.columns[name])
    rule.add(f"{letter}{layout.header_row + 1}:{letter}{_LAST_ROW}")
    return rule


def _identity(rule: DataValidation) -> tuple[str, str]:
    """Return what makes two drop-downs the same: where they are and what they offer."""
    return str(rule.sqref), str(rule.formula1)
