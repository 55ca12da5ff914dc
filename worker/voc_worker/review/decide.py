"""What one sheet row says: is it reviewed, and which pair does each head get. Pure.

The rule for a pair, per head (also told to reviewers on the guide worksheet):

1. A blank 검수_ cell takes the machine's cell of the same column, so two blank cells accept the machine's pair.
2. If the pair so read is in the taxonomy, it is taken. Spaces, width and case do not matter.
3. If only one of the two was written and the pair of step 2 does not exist, it is completed where that is certain:
   a 중분류 that only one 대분류 has brings that 대분류, and a 대분류 with a single 중분류 brings that one.
4. Anything else is left unmerged with a reason. A formula is text like any other; it is never evaluated.
"""

from __future__ import annotations

from collections import defaultdict
from enum import Enum
from typing import NamedTuple, TypeVar

from voc_models.labels import HEAD_NAMES, HEADS, Head, Label, Taxonomy
from voc_worker.review.layout import folded, is_blank

_Key = TypeVar("_Key")
_YES = frozenset({"y", "예"})
_NO = frozenset({"", "n", "아니오", "아니요"})


class Done(Enum):
    """What 검수완료 says."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def read_done(text: str) -> Done:
    """Read 검수완료: ``Y`` or ``예`` in any case or width, spaces trimmed, means reviewed.

    Blank, ``N`` and ``아니오`` mean not reviewed; anything else is not guessed at.
    """
    mark = folded(text)
    if mark in _YES:
        return Done.YES
    return Done.NO if mark in _NO else Done.UNKNOWN


class Verdict(NamedTuple):
    """One head's pair, or None with a Korean sentence that says why not."""

    label: Label | None
    reason: str = ""


def shown(label: Label) -> str:
    """Return a pair as people read it."""
    return f"{label.major.strip()} > {label.minor.strip()}"


class Choices:
    """The pairs that may be chosen, found by what people type."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        """Index the active pairs of both heads; retired ones are known only to be told apart from mistypings."""
        self._pairs: dict[Head, dict[tuple[str, str], set[Label]]] = {head: defaultdict(set) for head in HEADS}
        self._majors: dict[Head, dict[str, set[Label]]] = {head: defaultdict(set) for head in HEADS}
        self._minors: dict[Head, dict[str, set[Label]]] = {head: defaultdict(set) for head in HEADS}
        self._retired: dict[Head, set[tuple[str, str]]] = {head: set() for head in HEADS}
        for entry in taxonomy.entries:
            major, minor = folded(entry.major), folded(entry.minor)
            if not entry.active:
                self._retired[entry.kind].add((major, minor))
                continue
            self._pairs[entry.kind][major, minor].add(entry.label)
            self._majors[entry.kind][major].add(entry.label)
            self._minors[entry.kind][minor].add(entry.label)

    def verdict(self, head: Head, machine: Label, typed: Label) -> Verdict:
        """Return the pair of one head from the machine's cells and the 검수_ cells beside them."""
        blank = (is_blank(typed.major), is_blank(typed.minor))
        meant = Label(*(mine if empty else yours for mine, yours, empty in zip(machine, typed, blank, strict=True)))
        found = self._one(self._pairs[head], (folded(meant.major), folded(meant.minor)), meant)
        if found is None and blank == (True, False):
            found = self._one(self._minors[head], folded(typed.minor), meant)
        if found is None and blank == (False, True):
            found = self._one(self._majors[head], folded(typed.major), meant)
        return Verdict(found) if found else Verdict(None, self._reason(head, meant, typed, blank))

    def is_active(self, head: Head, label: Label) -> bool:
        """Tell whether exactly this pair may be chosen today."""
        return label in self._pairs[head].get((folded(label.major), folded(label.minor)), ())

    @staticmethod
    def _one(index: dict[_Key, set[Label]], key: _Key, exact: Label) -> Label | None:
        """Return the only label under ``key``; among several that differ in spaces only, the one written exactly."""
        found = index.get(key, set())
        if len(found) == 1:
            return next(iter(found))
        return exact if exact in found else None

    def _reason(self, head: Head, meant: Label, typed: Label, blank: tuple[bool, bool]) -> str:
        """Return why no pair was found, and what the reviewer should do."""
        name = HEAD_NAMES[head]
        if any(part.lstrip().startswith("=") for part in typed):
            return f"{name}: 수식은 읽지 않습니다. 목록에서 골라 주세요."
        if blank == (True, False):
            return f"{name}: 중분류 '{typed.minor.strip()}'만으로는 대분류를 알 수 없습니다. 대분류도 골라 주세요."
        if blank == (False, True):
            return f"{name}: 대분류 '{typed.major.strip()}'의 중분류도 골라 주세요."
        if (folded(meant.major), folded(meant.minor)) in self._retired[head]:
            return f"{name}: '{shown(meant)}'은(는) 더 이상 쓰지 않는 분류입니다. 목록에서 다시 골라 주세요."
        return f"{name}: '{shown(meant)}'은(는) 분류체계에 없는 조합입니다. 목록에서 골라 주세요."
