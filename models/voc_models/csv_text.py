"""Text in CSV cells that Excel must not run: one escape for the worker, which writes, and for training, which reads."""

from __future__ import annotations

from typing import Final

# OWASP, "CSV Injection": what a spreadsheet may take as the beginning of a formula, full-width twins included.
_MARK: Final = "'"
_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠" + _MARK)


def escape_cell(text: str) -> str:
    """Return ``text`` with an apostrophe in front when a spreadsheet might run it, or when it begins with one."""
    risky = text[:1] in _STARTS or text.lstrip()[:1] in _STARTS
    return _MARK + text if risky else text


def unescape_cell(cell: str) -> str:
    """Return what :func:`escape_cell` was given: exactly one leading apostrophe less."""
    return cell[1:] if cell.startswith(_MARK) else cell
