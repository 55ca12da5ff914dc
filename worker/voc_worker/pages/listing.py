"""The table of all rows within a budget of bytes: every row stays readable, long texts are shown by their beginning."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from typing import Final

import numpy as np
import pandas as pd

from voc_worker.pages.assemble import plain
from voc_worker.pages.texts import Texts
from voc_worker.pages.wording import hours as said

#: Rows beyond this many are only in the CSV file, and the page says so.
MOST_ROWS: Final = 10_000
#: Whole-page budget in bytes at these numbers of rows; linear between them (the issue's limits, a little inside).
_BUDGET: Final = ((0, 295_000), (500, 295_000), (1_000, 395_000), (MOST_ROWS, 1_490_000))
#: A tag is doubtful below this confidence, in percent.
LOW_PERCENT: Final = 60
_TITLE_CHARS: Final = 60
_TEXT_CHARS: Final = 400


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row as the page shows it; ``hours`` sorts the duration column, ``anchor`` says that something links here."""

    voc_id: str
    when: str
    subject: str
    work: str
    title: str
    text: str
    done: str
    hours: str
    check: str
    anchor: bool


def budget(rows: int) -> int:
    """Return how many bytes a page of that many rows may have."""
    places, sizes = zip(*_BUDGET, strict=True)
    return int(np.interp(rows, places, sizes))


def listed_rows(rows: pd.DataFrame, t: Texts, anchors: Collection[str], mask: Callable[[str], str]) -> list[ListedRow]:
    """Return the first ``MOST_ROWS`` rows, oldest first, their texts masked, cleaned and cut to a readable length.

    ``rows`` has the columns of ``columns.TAGGED`` or ``columns.REVIEWED``.
    """
    chosen = rows.sort_values(["created_at", "voc_id"], kind="stable").head(MOST_ROWS)
    wanted = set(anchors)
    reviewed = _reviewed(chosen)
    return [
        ListedRow(
            voc_id=plain(str(row.voc_id)),
            when=_when(row.created_at),
            subject=plain(f"{row.subject_major}/{row.subject_minor}"),
            work=plain(f"{row.work_major}/{row.work_minor}"),
            title=_cut(mask(str(row.title)), _TITLE_CHARS),
            text=_cut(mask(str(row.request_contents)), _TEXT_CHARS),
            done=_done(t, row.created_at, row.completed_at)[0],
            hours=_done(t, row.created_at, row.completed_at)[1],
            check=t("rows.reviewed") if seen else _confidence(row.subject_confidence, row.work_confidence),
            anchor=str(row.voc_id) in wanted,
        )
        for row, seen in zip(chosen.itertuples(index=False), reviewed, strict=True)
    ]


def within(rows: Sequence[ListedRow], available: int) -> list[ListedRow]:
    """Return ``rows`` with texts, then titles, cut so that together they take at most ``available`` bytes of HTML.

    The same number of bytes is allowed to every row, the largest that fits: short texts stay whole longest.
    """
    allowed = _level([_bytes(row.title) + _bytes(row.text) for row in rows], available)
    if allowed is None:
        return list(rows)
    fitted = []
    for row in rows:
        title = _cut_bytes(row.title, allowed)
        fitted.append(replace(row, title=title, text=_cut_bytes(row.text, allowed - _bytes(title))))
    return fitted


def _level(sizes: Sequence[int], available: int) -> int | None:
    """Return the largest common cap under which ``sizes`` sum to at most ``available``; None when no cap is needed."""
    if sum(sizes) <= available:
        return None
    left, remaining = max(0, available), len(sizes)
    for size in sorted(sizes):
        if size * remaining > left:
            return left // remaining
        left, remaining = left - size, remaining - 1
    return None


def _bytes(text: str) -> int:
    return len(escape(text).encode())


def _cut(text: str, characters: int) -> str:
    # A text of 50,000 characters is not cleaned to its end only to show 400 of it.
    clean = plain(text[: characters * 4])
    return clean if len(clean) <= characters and len(text) <= characters * 4 else clean[: characters - 1].rstrip() + "…"


def _cut_bytes(text: str, allowed: int) -> str:
    if _bytes(text) <= allowed:
        return text
    kept, size = 0, len("…".encode())
    for character in text:
        size += _bytes(character)
        if size > allowed:
            break
        kept += 1
    return text[:kept].rstrip() + "…" if kept >= 2 else ""


def _when(moment: datetime) -> str:
    return "" if pd.isna(moment) else f"{moment:%m-%d %H:%M}"


def _done(t: Texts, created: datetime, completed: datetime) -> tuple[str, str]:
    if pd.isna(completed):
        return t("rows.open"), "999999"
    taken = (completed - created).total_seconds() / 3600
    return said(t, taken), f"{taken:.1f}"


def _confidence(*values: float) -> str:
    known = [value for value in values if not pd.isna(value)]
    return f"{int(min(known) * 100)}%" if known else "–"


def _reviewed(rows: pd.DataFrame) -> Sequence[bool]:
    if "subject_reviewed" not in rows:
        return [False] * len(rows)
    return [bool(a) and bool(b) for a, b in zip(rows["subject_reviewed"], rows["work_reviewed"], strict=True)]
