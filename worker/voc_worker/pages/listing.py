"""The table of all rows within a budget of bytes: every row stays readable, long texts are shown by their beginning."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from markupsafe import escape

from voc_models.text import display_text
from voc_worker.pages.texts import Texts
from voc_worker.pages.wording import hours as said
from voc_worker.pages.wording import one_line

#: Rows beyond this many are only in the CSV file, and the page says so.
MOST_ROWS: Final = 10_000
#: Whole-page budget in bytes at these numbers of rows; linear between them (the issue's limits, a little inside).
_BUDGET: Final = ((0, 295_000), (500, 295_000), (1_000, 395_000), (MOST_ROWS, 1_490_000))
#: A tag is doubtful below this confidence, in percent.
LOW_PERCENT: Final = 70
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

    @property
    def text_bytes(self) -> int:
        """Bytes of HTML that the row's free texts take."""
        return _bytes(self.title) + _bytes(self.text)


def budget(rows: int) -> int:
    """Return how many bytes a page of that many rows may have."""
    places, sizes = zip(*_BUDGET, strict=True)
    return int(np.interp(rows, places, sizes))


def listed_rows(rows: pd.DataFrame, t: Texts, anchors: Collection[str], *, masked: bool = True) -> list[ListedRow]:
    """Return the first ``MOST_ROWS`` rows, oldest first, their texts masked, cleaned and cut to a readable length.

    ``rows`` has the columns of ``columns.TAGGED`` or ``columns.REVIEWED``.
    """
    chosen = rows.sort_values(["created_at", "voc_id"], kind="stable").head(MOST_ROWS)
    wanted = set(anchors)
    return [_row(record, t, wanted, masked=masked) for record in chosen.to_dict("records")]


def _row(record: Mapping[Hashable, Any], t: Texts, wanted: Collection[str], *, masked: bool) -> ListedRow:
    done, hours = _done(t, record["created_at"], record["completed_at"])
    title = _cut(str(record["title"]), _TITLE_CHARS, masked=masked)
    text = _cut(str(record["request_contents"]), _TEXT_CHARS, masked=masked)
    reviewed = bool(record.get("subject_reviewed")) and bool(record.get("work_reviewed"))
    return ListedRow(
        voc_id=one_line(str(record["voc_id"])),
        when="" if pd.isna(record["created_at"]) else f"{record['created_at']:%m-%d %H:%M}",
        subject=one_line(f"{record['subject_major']}/{record['subject_minor']}"),
        work=one_line(f"{record['work_major']}/{record['work_minor']}"),
        # Many portals fill the title with how the request begins: said once is enough.
        title="" if text.startswith(title.rstrip(".…")) else title,
        text=text,
        done=done,
        hours=hours,
        check=t("rows.reviewed") if reviewed else _confidence(record["subject_confidence"], record["work_confidence"]),
        anchor=str(record["voc_id"]) in wanted,
    )


def within(rows: Sequence[ListedRow], available: int) -> list[ListedRow]:
    """Return ``rows`` with texts, then titles, cut so that together they take at most ``available`` bytes of HTML.

    The same number of bytes is allowed to every row, the largest that fits: short texts stay whole longest.
    """
    allowed = _level([row.text_bytes for row in rows], available)
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


def _cut(text: str, characters: int, *, masked: bool) -> str:
    # A text of 50,000 characters is not cleaned to its end only to show 400 of it.
    clean = " ".join(display_text(text[: characters * 4], masked=masked).split())
    if len(clean) <= characters and len(text) <= characters * 4:
        return clean
    return clean[: characters - 1].rstrip() + "…"


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


def _done(t: Texts, created: datetime | None, completed: datetime | None) -> tuple[str, str]:
    """Return how long it took, for people and for sorting; open rows sort last, clocks that disagree give no time."""
    if completed is None or created is None or pd.isna(completed) or pd.isna(created):
        return t("rows.open"), "999999"
    taken = (completed - created).total_seconds() / 3600
    if taken < 0:
        return t("rows.closed"), "0"
    return said(t, taken), f"{taken:.1f}"


def _confidence(*values: float) -> str:
    known = [value for value in values if not pd.isna(value)]
    return f"{int(min(known) * 100)}%" if known else "–"
