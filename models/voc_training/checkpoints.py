"""What a fit leaves in its folder for the next start: whole checkpoints, whose they are, and what fits into memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import torch
from transformers.trainer_utils import get_last_checkpoint

from voc_models.exit_codes import UnavailableError
from voc_models.files import whole_file

_FINGERPRINT: Final = "fingerprint.json"
_STATE: Final = "trainer_state.json"
_MEMORY: Final = "memory.json"


class OutOfMemoryError(UnavailableError):
    """Not even one row fits into memory."""


class Memory(NamedTuple):
    """How many rows fit into the accelerator at once, as far as was found out; kept beside the checkpoints."""

    rows_at_once: int
    notes: tuple[str, ...] = ()

    @classmethod
    def known(cls, folder: Path, first: int) -> Memory:
        """Return what an earlier attempt found out; ``first`` when nothing is known yet."""
        try:
            found = json.loads((folder / _MEMORY).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(first)
        return cls(int(found["rows_at_once"]), tuple(found["notes"]))

    def halved(self, folder: Path, effective: int, error: torch.OutOfMemoryError) -> Memory:
        """Return half of it for an ``effective`` batch, and write it down for whoever starts next.

        Raises:
            OutOfMemoryError: it was one row already.
        """
        if self.rows_at_once == 1:
            raise OutOfMemoryError(
                "Not even one row at once fits into the accelerator's memory. "
                "Use a larger one, or a smaller base model."
            ) from error
        rows = self.rows_at_once // 2
        note = f"Out of memory: {rows} rows at once, the effective batch stays {effective}."
        less = Memory(rows, (*self.notes, note))
        with whole_file(folder / _MEMORY) as part:
            part.write_text(json.dumps(less._asdict()), encoding="utf-8")
        return less


def keep_only_ours(folder: Path, mine: Mapping[str, object]) -> None:
    """Remove checkpoints of another training than ``mine`` (its rows, its schedule): the two would be mixed."""
    path, text = folder / _FINGERPRINT, json.dumps(mine)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def last_whole_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end; halves left by a kill are removed."""
    while found := get_last_checkpoint(str(folder)):  # type: ignore[no-untyped-call]  # transformers has no types
        try:
            json.loads((Path(found) / _STATE).read_text(encoding="utf-8"))  # the Trainer writes it last
        except (OSError, ValueError):
            shutil.rmtree(found)
        else:
            return Path(found)
    return None
