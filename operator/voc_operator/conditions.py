"""Standard conditions and the length of sentences. https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from voc_operator.status import Condition

_WORDS = {True: "True", False: "False", None: "Unknown"}
_LONGEST = 4096


def with_condition(
    conditions: Sequence[Condition],
    kind: str,
    status: bool | None,
    reason: str,
    message: str,
    *,
    now: datetime,
    generation: int,
) -> list[Condition]:
    """Return ``conditions`` with that one set; lastTransitionTime moves only when the status changes."""
    word = _WORDS[status]
    before = next((one for one in conditions if one.type == kind), None)
    since = before.last_transition_time if before and before.status == word else now.replace(microsecond=0)
    after = Condition(
        type=kind,
        status=word,
        reason=reason,
        message=message[:_LONGEST],
        last_transition_time=since,
        observed_generation=generation,
    )
    if before is None:
        return [*conditions, after]
    return [after if one.type == kind else one for one in conditions]


def cut(message: str, most: int) -> str:
    """Return a message of at most so many bytes, three or more; one that was cut says so."""
    data = message.encode()
    return message if len(data) <= most else data[: most - 3].decode(errors="ignore") + "…"
