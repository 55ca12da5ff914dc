"""A container's last word: an exit code and one JSON line in its termination message (design, section 3.2)."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

#: Kubernetes cuts a termination message at this many bytes.
MAX_BYTES = 4096
TERMINATION_LOG = Path("/dev/termination-log")


_TEXTS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


def texts(text: str) -> dict[str, str]:
    """Return a JSON object of texts, as the operator tells a step something by name; ValueError when it is none."""
    return _TEXTS.validate_json(text)


class Answer(BaseModel):
    """What a step reports; ``keys`` maps a kind of object to its key, ``digests`` the same kind to its SHA-256."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    rows: int = Field(0, ge=0)
    keys: dict[str, str] = Field(default_factory=dict)
    digests: dict[str, str] = Field(default_factory=dict)
    model: str = ""
    seconds: float = Field(0.0, ge=0)
    message: str = ""


def to_line(answer: Answer) -> str:
    """Return the answer as one JSON line of at most ``MAX_BYTES`` bytes; a long message is cut, then the maps are."""
    for cut in (answer, answer.model_copy(update={"message": answer.message[:500]})):
        line = json.dumps(cut.model_dump(exclude_defaults=True), ensure_ascii=False)
        if len(line.encode()) <= MAX_BYTES:
            return line
    bare = Answer(rows=answer.rows, model=answer.model, seconds=answer.seconds, message=answer.message[:500])
    return json.dumps(bare.model_dump(exclude_defaults=True), ensure_ascii=False)


def read_line(text: str) -> Answer | None:
    """Return the answer in a termination message, or None when it is no such line (a crash writes anything)."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return None
    try:
        return Answer.model_validate_json(text.strip())
    except ValidationError:
        return None


def write(answer: Answer, path: Path = TERMINATION_LOG) -> None:
    """Write the answer where the kubelet reads it; outside a container there is no such file and nothing happens."""
    if path.exists():
        path.write_text(to_line(answer) + "\n", encoding="utf-8")
