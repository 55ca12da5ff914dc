"""Resolves a month's sheet once, into a snapshot that every later step shares. Pure.

Rows are known by voc_id alone, wherever people sorted, inserted or pasted them, and everything is checked again here:
a row counts only if the month's tagged rows hold its voc_id and it still stands beside its own building and time
(sorting a part of the columns tears them apart). Rows with the same voc_id must agree. A row that people deleted takes
nothing back: the decision of the last snapshot stands. A head whose pair cannot be merged is blank in the snapshot
("" for both parts) while the other head of the row is merged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import pandas as pd

from voc_models.labels import HEAD_NAMES, HEADS, Label, Taxonomy
from voc_worker.columns import LABELS, SHEET_PEOPLE, SNAPSHOT
from voc_worker.review.decide import Choices, Done, Verdict, read_done, shown
from voc_worker.review.layout import is_blank, row_key
from voc_worker.review.plan_upload import RESULT
from voc_worker.review.rows import REVIEW_LABELS, SHEET_LABELS, clean_cell, sheet_times

WITHDRAWN = "검수완료 표시가 없어져 자동 분류로 되돌렸습니다."
PENDING = "검수완료에 Y를 입력하면 반영됩니다."
UNKNOWN_ID = "이 달의 접수 목록에 없는 voc_id입니다. voc_id를 고치지 않았는지 확인해 주세요."
NO_ID = "voc_id가 비어 있어 어느 접수인지 알 수 없습니다. 원래 행에 다시 적어 주세요."
TORN = "voc_id와 건물 또는 접수일시가 서로 맞지 않습니다. 일부 열만 정렬했거나 voc_id를 고친 행입니다. 되돌려 주세요."
CONFLICT = "같은 voc_id가 여러 행에 있고 검수 내용이 서로 다릅니다. 한 행만 남겨 주세요."
DELETED_RETIRED = "시트에서 행이 삭제되었고 지난 검수의 분류는 더 이상 쓰지 않습니다."


class State(StrEnum):
    """Where a tagged row stands."""

    OPEN = "open"
    PENDING = "pending"
    REVIEWED = "reviewed"
    DISPUTED = "disputed"


class Dispute(NamedTuple):
    """Something people wrote that was not merged, and why (Korean); ``sheet_row`` is 0 when the row is gone."""

    voc_id: str
    building_id: str
    sheet_row: int
    reason: str

    def to_dict(self) -> dict[str, str]:
        """Return it as the run summary holds it."""
        return {key: str(value) for key, value in self._asdict().items()}


class Resolution(NamedTuple):
    """What a month's sheet comes to.

    Attributes:
        snapshot: columns SNAPSHOT; a head that was not merged has "" in both label columns; ``is_sample`` is bool.
        results: 처리결과 by voc_id, only where the sheet must change; "" clears an outdated sentence.
        disputed: what was left unmerged, in sheet order.
        withdrawn: voc_ids of the previous snapshot that this one no longer holds.
        carried: voc_ids whose sheet row is gone and whose previous decision stands.
        states: columns voc_id, building_id, state (a State's value), one row per tagged row.
    """

    snapshot: pd.DataFrame
    results: dict[str, str]
    disputed: tuple[Dispute, ...]
    withdrawn: tuple[str, ...]
    carried: tuple[str, ...]
    states: pd.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """Rows of the month by what became of them."""
        states = self.states["state"].value_counts()
        return {
            "rows": len(self.states),
            "reviewed": len(self.snapshot),
            "disputed": len(self.disputed),
            "pending": int(states.get(State.PENDING, 0)),
            "withdrawn": len(self.withdrawn),
            "carried": len(self.carried),
        }


class _Known(NamedTuple):
    """What the machine knows of a voc_id."""

    building_id: str
    created: str
    is_sample: bool


class _Row(NamedTuple):
    """One sheet row read: the verdicts are there when 검수완료 is Y."""

    number: int
    done: Done
    verdicts: tuple[Verdict, ...]
    labelled: bool
    reviewer: str
    note: str
    mark: str
    result: str
    torn: bool

    @property
    def decision(self) -> tuple[Label | None, ...]:
        """What two rows of one voc_id must agree on."""
        return tuple(verdict.label for verdict in self.verdicts)

    @property
    def reasons(self) -> list[str]:
        """Why heads were left."""
        return [verdict.reason for verdict in self.verdicts if verdict.label is None]


def resolve(
    rows: pd.DataFrame, taxonomy: Taxonomy, tagged: pd.DataFrame, previous: pd.DataFrame | None = None
) -> Resolution:
    """Resolve what ``ReviewBook.read`` returned.

    Args:
        rows: columns SHEET and ``sheet_row``; an empty frame when there is no worksheet.
        taxonomy: the run's snapshot of it.
        tagged: the month's tagged rows of every building; voc_id, building_id, created_at and is_sample are used.
        previous: the month's newest snapshot before this one, if any.
    """
    return _Resolver(Choices(taxonomy), _known(tagged), _decisions(previous)).run(rows)


def _known(tagged: pd.DataFrame) -> dict[str, _Known]:
    """Index the month's tagged rows by voc_id."""
    columns = (tagged["voc_id"], tagged["building_id"], sheet_times(tagged["created_at"]), tagged["is_sample"])
    return {
        row_key(str(voc)): _Known(clean_cell(str(building)), created, bool(sample))
        for voc, building, created, sample in zip(*columns, strict=True)
    }


def _decisions(previous: pd.DataFrame | None) -> dict[str, dict[str, Any]]:
    """Index the rows of a snapshot by voc_id."""
    if previous is None:
        return {}
    return {str(row["voc_id"]): row for row in _records(previous[list(SNAPSHOT)])}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries by column name."""
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, cells, strict=True)) for cells in frame.itertuples(index=False, name=None)]


class _Resolver:
    """Gathers one resolution."""

    def __init__(self, choices: Choices, known: Mapping[str, _Known], previous: Mapping[str, dict[str, Any]]) -> None:
        self.choices, self.known, self.previous = choices, known, previous
        self.snapshot: dict[str, dict[str, Any]] = {}
        self.results: dict[str, str] = {}
        self.disputed: list[Dispute] = []
        self.states: dict[str, State] = dict.fromkeys(known, State.OPEN)

    def run(self, rows: pd.DataFrame) -> Resolution:
        """Read every row, settle every voc_id, then say what left the snapshot."""
        groups: dict[str, list[_Row]] = defaultdict(list)
        for record in _records(rows):
            key = row_key(str(record["voc_id"]))
            row = self._read(record, self.known.get(key))
            if key in self.known:
                groups[key].append(row)
            elif any(not is_blank(str(record[name])) for name in SHEET_PEOPLE):
                self._dispute(key, str(record["building_id"]), row.number, UNKNOWN_ID if key else NO_ID)
                self._result(key, [row], UNKNOWN_ID)
        for key, group in groups.items():
            self._settle(key, group)
        carried = [key for key in self.previous if key in self.known and key not in groups and self._carry(key)]
        withdrawn = [key for key in self.previous if key in self.known and key not in self.snapshot]
        return Resolution(
            snapshot=_snapshot_frame([self.snapshot[key] for key in self.known if key in self.snapshot]),
            results=self.results,
            disputed=tuple(sorted(self.disputed, key=lambda dispute: dispute.sheet_row)),
            withdrawn=tuple(withdrawn),
            carried=tuple(carried),
            states=pd.DataFrame(
                {
                    "voc_id": list(self.known),
                    "building_id": [known.building_id for known in self.known.values()],
                    "state": [self.states[key].value for key in self.known],
                },
                dtype="str",
            ),
        )

    def _read(self, record: Mapping[str, Any], known: _Known | None) -> _Row:
        """Read one sheet row; ``known`` is what the machine knows of its voc_id."""
        typed = [str(record[name]) for name in REVIEW_LABELS]
        machine = [str(record[name]) for name in SHEET_LABELS]
        verdicts = tuple(
            self.choices.verdict(head, Label(*machine[2 * i : 2 * i + 2]), Label(*typed[2 * i : 2 * i + 2]))
            for i, head in enumerate(HEADS)
        )
        beside = (str(record["building_id"]).strip(), str(record["접수일시"]).strip())
        return _Row(
            number=int(record["sheet_row"]),
            done=read_done(str(record["검수완료"])),
            verdicts=verdicts,
            labelled=any(not is_blank(cell) for cell in typed),
            reviewer=str(record["검수자"]).strip(),
            note=str(record["비고"]).strip(),
            mark=str(record["검수완료"]).strip(),
            result=str(record[RESULT]),
            torn=known is not None and beside != (known.building_id, known.created),
        )

    def _settle(self, key: str, group: list[_Row]) -> None:
        """Decide one voc_id from its rows (usually one)."""
        building = self.known[key].building_id
        decided = [row for row in group if row.done is Done.YES]
        torn = [row for row in group if row.torn and (row.done is not Done.NO or row.labelled)]
        reasons: list[str] = []
        if torn:
            reasons = [TORN]
        elif len({row.decision for row in decided}) > 1:
            reasons = [CONFLICT]
        elif decided:
            self._merge(key, decided)
            reasons = decided[0].reasons
        elif unknown := [row for row in group if row.done is Done.UNKNOWN]:
            reasons = [f"검수완료의 '{unknown[0].mark}'은(는) 알 수 없는 값입니다. 검수가 끝났으면 Y를 입력해 주세요."]
        if reasons:
            self.states[key] = State.DISPUTED
            self._dispute(key, building, (torn or decided or group)[0].number, " ".join(reasons))
        self._result(key, group, self._sentence(key, group, reasons))

    def _merge(self, key: str, decided: list[_Row]) -> None:
        """Put the decision into the snapshot when at least one head has one."""
        labels = decided[0].decision
        if not any(labels):
            return
        known = self.known[key]
        self.states[key] = State.REVIEWED
        flat = [part for label in labels for part in (label or ("", ""))]
        self.snapshot[key] = {
            "voc_id": key,
            "building_id": known.building_id,
            **dict(zip(LABELS, flat, strict=True)),
            "is_sample": known.is_sample,
            "reviewer": ", ".join(dict.fromkeys(row.reviewer for row in decided if row.reviewer)),
            "note": "\n".join(dict.fromkeys(row.note for row in decided if row.note)),
        }

    def _sentence(self, key: str, group: list[_Row], reasons: list[str]) -> str:
        """Return what 처리결과 says of a voc_id."""
        parts: list[str] = []
        if merged := self.snapshot.get(key):
            pairs = [(HEAD_NAMES[head], Label(merged[f"{head}_major"], merged[f"{head}_minor"])) for head in HEADS]
            parts.append("반영됨: " + ", ".join(f"{name} {shown(label)}" for name, label in pairs if label.major))
        if reasons:
            parts.append("반영하지 못함: " + " ".join(reasons))
        elif not merged and any(row.labelled for row in group):
            self.states[key] = State.PENDING
            parts.append(PENDING)
        if key in self.previous and not merged and not reasons:
            parts.insert(0, WITHDRAWN)
        return " / ".join(parts)

    def _carry(self, key: str) -> bool:
        """Keep the previous decision of a row that people deleted, as far as its pairs are still in force."""
        row = dict(self.previous[key])
        lost: list[str] = []
        for head in HEADS:
            names = (f"{head}_major", f"{head}_minor")
            label = Label(*(str(row[name]) for name in names))
            if any(label) and not self.choices.is_active(head, label):
                lost.append(f"{HEAD_NAMES[head]} {shown(label)}")
                row.update(dict.fromkeys(names, ""))
        if lost:
            self._dispute(key, self.known[key].building_id, 0, f"{DELETED_RETIRED} ({', '.join(lost)})")
        if not any(row[name] for name in LABELS):
            return False
        self.snapshot[key] = row
        self.states[key] = State.REVIEWED
        return True

    def _dispute(self, key: str, building: str, number: int, reason: str) -> None:
        self.disputed.append(Dispute(key, building.strip(), number, reason))

    def _result(self, key: str, group: list[_Row], text: str) -> None:
        """Note 처리결과 where a row of this voc_id does not show it yet."""
        if key and any(row.result != text for row in group):
            self.results[key] = text


def _snapshot_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the snapshot's frame with its dtypes, also when it has no rows."""
    frame = pd.DataFrame(rows, columns=list(SNAPSHOT), dtype="object")
    return frame.astype({name: "bool" if name == "is_sample" else "str" for name in SNAPSHOT})


def empty_snapshot() -> pd.DataFrame:
    """Return a snapshot without rows: nobody reviewed anything yet."""
    return _snapshot_frame([])
