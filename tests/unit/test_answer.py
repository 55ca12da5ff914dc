"""A container's last line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voc_models import answer
from voc_models.answer import MAX_BYTES, Answer, read_line, to_line

TEXTS = st.text(st.characters(codec="utf-8"), max_size=6000)


@given(TEXTS, st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=30), TEXTS, max_size=4))
def test_every_answer_fits_and_keeps_its_numbers(message: str, keys: dict[str, str]) -> None:
    """However long its texts are, the line fits 4,096 bytes and still holds rows and seconds."""
    line = to_line(Answer(rows=7, seconds=1.5, message=message, keys=keys))
    assert len(line.encode()) <= MAX_BYTES
    read = read_line(line)
    assert read is not None
    assert (read.rows, read.seconds) == (7, 1.5)


@pytest.mark.parametrize("text", ["", "Killed", "{", '{"rows": -1}', '{"rows": "many"}', "[1]", "x" * 100_000])
def test_garbage_is_no_answer(text: str) -> None:
    """What a crashed container leaves behind is not mistaken for an answer."""
    assert read_line(text) is None


def test_outside_a_container_nothing_is_written(tmp_path: Path) -> None:
    """Without a termination log there is nothing to write to, and none is made."""
    answer.write(Answer(rows=1), tmp_path / "termination-log")
    assert not (tmp_path / "termination-log").exists()
