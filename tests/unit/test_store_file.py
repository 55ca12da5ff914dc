"""What a directory store says when the file system refuses."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from voc_models.store import StoreUnavailableError
from voc_models.store_file import FileStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "next_step"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EDQUOT, "Free some space"),
        (errno.EACCES, "set STORE to another one"),
        (errno.EROFS, "set STORE to another one"),
        (errno.EIO, "Check the folder and its disk"),
    ],
)
def test_each_refusal_has_its_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, next_step: str
) -> None:
    """The system's error becomes a sentence with the path and what to do, and stays its cause."""

    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("voc_models.store_file.flush", refuse)
    with pytest.raises(StoreUnavailableError, match=next_step) as caught:
        FileStore(tmp_path.as_uri()).put("202512/a", b"1")
    assert str(tmp_path / "202512" / "a") in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_the_address_is_kept_readable(tmp_path: Path) -> None:
    """A folder with spaces and Korean can be an address, written plainly or percent-encoded."""
    folder = tmp_path / "보관 1"
    assert FileStore(f"file://{folder}").root == FileStore(folder.as_uri()).root == folder.resolve()
