"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from voc_models.files import sweep, whole_file

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    """Until the block ends readers see the old content, afterwards the new one, and nothing else lies there."""
    path = tmp_path / "model.onnx"
    path.write_text("old")
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_block_changes_nothing(tmp_path: Path) -> None:
    """When the block raises, the old file stays and the temporary one is removed."""
    path = tmp_path / "model.onnx"
    path.write_text("old")
    with pytest.raises(ValueError, match="damaged"):
        _write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_abandoned_temporary_files_are_swept(tmp_path: Path) -> None:
    """A temporary file that nobody touched for hours goes; a recent one and other files stay."""
    long_ago = time.time() - 7200
    for name in ("old.voc-part", "old.csv", "new.voc-part"):
        (tmp_path / name).touch()
        if name.startswith("old"):
            os.utime(tmp_path / name, (long_ago, long_ago))
    assert sweep(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.voc-part", "old.csv"]


def _write_half(path: Path) -> None:
    with whole_file(path) as part:
        part.write_text("half")
        raise ValueError("damaged")
