"""Reads what spreadsheets.get answers: which worksheets there are, and who is writing. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from voc_models.months import Month
from voc_worker.review.sheets_requests import GUIDE_TITLE, LISTS_TITLE, MACHINE_CELLS, Request

LOCK_KEY: Final = "voc-nlp.writing"
LOCK_TEXT: Final = "voc-nlp: 결과를 기록하고 있습니다. 몇 초 뒤에 풀립니다."
#: A writer that is older than this is taken for dead.
LEASE: Final = timedelta(minutes=15)
FIELDS: Final = (
    "properties.title,sheets(properties(sheetId,title,gridProperties(rowCount,columnCount)),merges,"
    "protectedRanges(protectedRangeId,description),filterViews.title,developerMetadata(metadataKey,metadataValue))"
)


class Worksheet(NamedTuple):
    """What is known of one worksheet; ``writer`` is the value of its lock, "" when nobody writes."""

    id: int
    title: str
    rows: int
    columns: int
    merges: tuple[Mapping[str, int], ...]
    protections: Mapping[int, str]
    views: frozenset[str]
    writer: str

    @property
    def quoted(self) -> str:
        """The title as A1 notation wants it."""
        return "'" + self.title.replace("'", "''") + "'"

    @property
    def is_protected(self) -> bool:
        """Whether the machine's columns are protected."""
        return MACHINE_CELLS in self.protections.values()


class Seen(NamedTuple):
    """A spreadsheet as one request showed it; ``draft`` is a worksheet that is being filled for the first time."""

    title: str
    month: Worksheet | None
    draft: Worksheet | None
    lists_id: int | None
    has_guide: bool


def draft_title(month: Month) -> str:
    """Return the title of the month's worksheet until it is complete."""
    return f"{month.compact} (작성 중)"


def read_seen(answer: Mapping[str, Any], month: Month) -> Seen:
    """Read the answer to spreadsheets.get under FIELDS; spaces around a worksheet's title do not count."""
    sheets = {found.title.strip(): found for found in map(_worksheet, answer.get("sheets", []))}
    lists = sheets.get(LISTS_TITLE)
    return Seen(
        str(answer.get("properties", {}).get("title", "")),
        sheets.get(month.compact),
        sheets.get(draft_title(month)),
        None if lists is None else lists.id,
        GUIDE_TITLE in sheets,
    )


def _worksheet(sheet: Mapping[str, Any]) -> Worksheet:
    properties = sheet["properties"]
    grid = properties.get("gridProperties", {})
    writers = [m.get("metadataValue", "") for m in sheet.get("developerMetadata", []) if m["metadataKey"] == LOCK_KEY]
    return Worksheet(
        int(properties.get("sheetId", 0)),
        str(properties["title"]),
        int(grid.get("rowCount", 0)),
        int(grid.get("columnCount", 0)),
        tuple(sheet.get("merges", [])),
        {int(item["protectedRangeId"]): item.get("description", "") for item in sheet.get("protectedRanges", [])},
        frozenset(view["title"] for view in sheet.get("filterViews", [])),
        writers[0] if writers else "",
    )


def writer_of(holder: str, now: datetime) -> str:
    """Return a lock's value."""
    return f"{holder}|{now.isoformat(timespec='seconds')}"


def is_busy(worksheet: Worksheet, holder: str, now: datetime) -> bool:
    """Tell whether somebody else is writing: ``holder`` itself may go on, and a dead writer's lease runs out."""
    name, _, since = worksheet.writer.rpartition("|")
    if not worksheet.writer or name == holder:
        return False
    try:
        return now - datetime.fromisoformat(since) < LEASE
    except (ValueError, TypeError):
        return False


def claim(sheet_id: int, writer: str) -> Request:
    """Return what makes a worksheet one writer's: its id is the sheet's, and Google refuses an id that exists."""
    body = {
        "metadataId": _lock_id(sheet_id),
        "metadataKey": LOCK_KEY,
        "metadataValue": writer,
        "visibility": "DOCUMENT",
    }
    return {"createDeveloperMetadata": {"developerMetadata": {**body, "location": {"sheetId": sheet_id}}}}


def unclaim(sheet_id: int, writer: str) -> Request:
    """Return what ends one writer's claim, and no other's."""
    lookup = {"metadataId": _lock_id(sheet_id), "metadataKey": LOCK_KEY, "metadataValue": writer}
    return {"deleteDeveloperMetadata": {"dataFilter": {"developerMetadataLookup": lookup}}}


def _lock_id(sheet_id: int) -> int:
    return (zlib.crc32(f"voc-nlp {sheet_id}".encode()) & 0x7FFFFFFF) or 1


def lock(worksheet: Worksheet, writer: str, email: str) -> list[Request]:
    """Return the batch that takes the lock: all of it or nothing; what a dead writer left goes in the same batch."""
    editors = {"editors": {"users": [email]}} if email else {}
    whole = {"range": {"sheetId": worksheet.id}, "description": LOCK_TEXT, **editors}
    left = [number for number, text in worksheet.protections.items() if text == LOCK_TEXT]
    return [
        *([unclaim(worksheet.id, worksheet.writer)] if worksheet.writer else []),
        *({"deleteProtectedRange": {"protectedRangeId": number}} for number in left),
        claim(worksheet.id, writer),
        {"addProtectedRange": {"protectedRange": whole}},
    ]
