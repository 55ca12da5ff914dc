"""The directory store against real processes and a real file system."""

from __future__ import annotations

import functools
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.store_contract import StoreContract
from voc_models.exit_codes import UsageError
from voc_models.store import StoreUnavailableError
from voc_models.store_file import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[[], FileStore]:
    """Opens the test's directory, in any process."""
    return functools.partial(FileStore, (tmp_path / "my store").as_uri())


@pytest.fixture
def store(open_store: Callable[[], FileStore]) -> FileStore:
    """The test's directory, which is not there yet."""
    return open_store()


class TestFileStore(StoreContract):
    """The contract, kept by a directory."""


def test_objects_are_files_that_a_person_can_open(store: FileStore) -> None:
    """An object is a file at its key below the store's folder, readable as the umask says."""
    store.put("202512/95/dashboard.html", b"<html>")
    path = store.root / "202512" / "95" / "dashboard.html"
    umask = os.umask(0)
    os.umask(umask)
    assert path.read_bytes() == b"<html>"
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_writer_killed_in_the_middle_leaves_the_old_object(store: FileStore) -> None:
    """After a kill -9 during a write the old bytes are read, nothing new is listed, and a later writer sweeps up."""
    store.put("latest.json", b"old")
    script = (
        "import os, sys, voc_models.store_file as module\n"
        "module.flush = lambda path: os.kill(os.getpid(), 9)\n"
        "module.FileStore(sys.argv[1]).put('latest.json', b'half')\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, store.address], check=False, env=_environment())
    assert killed.returncode == -9
    assert store.get("latest.json").data == b"old"
    assert [entry.key for entry in store.list("")] == ["latest.json"]
    (leftover,) = (store.root / ".voc-store").glob("*.voc-part")
    FileStore(store.address).put("other", b"")
    assert leftover.exists()
    long_ago = time.time() - 7200
    os.utime(leftover, (long_ago, long_ago))
    FileStore(store.address).put("other", b"")
    assert not leftover.exists()


def test_a_full_disk_keeps_the_old_object(store: FileStore) -> None:
    """A write that the system cuts short says that there is no room, and the old object stays whole."""
    store.put("latest.json", b"old")
    script = (
        "import sys, signal, resource\n"
        "from voc_models.store_file import FileStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\n"
        "FileStore(sys.argv[1]).put('latest.json', bytes(100_000))\n"
    )
    cut = subprocess.run(
        [sys.executable, "-c", script, store.address], check=False, capture_output=True, text=True, env=_environment()
    )
    assert "StoreUnavailableError" in cut.stderr
    assert "Free some space, then run it again." in cut.stderr
    assert store.get("latest.json").data == b"old"
    assert list((store.root / ".voc-store").glob("*.voc-part")) == []


def test_a_folder_that_may_not_be_written_is_named() -> None:
    """Where the system refuses new files the error names the path and the setting to change."""
    with pytest.raises(
        StoreUnavailableError, match=r"Cannot write /sys/kernel/voc-nlp/a: .*set STORE to another one\."
    ):
        FileStore("file:///sys/kernel/voc-nlp").put("a", b"")


def test_an_object_cannot_lie_below_another(store: FileStore) -> None:
    """A key below an existing object is refused with a sentence, since a file is no folder."""
    store.put("202512", b"")
    with pytest.raises(UsageError, match="cannot be a file there"):
        store.put("202512/95", b"")


def test_the_stores_own_folder_is_no_place_for_objects(store: FileStore) -> None:
    """A key inside .voc-store is refused, and what lies there is not listed."""
    store.put("a", b"")
    with pytest.raises(UsageError, match="keeps for itself"):
        store.put(".voc-store/00.lock", b"")
    assert [entry.key for entry in store.list("")] == ["a"]


def test_no_handle_is_left_open(store: FileStore) -> None:
    """A thousand writes and reads open no more files at the end than at the start."""
    store.put("a", b"0")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(1_000):
        store.put("a", str(number).encode(), if_match=store.get("a").etag)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > before


@pytest.mark.parametrize("address", ["file://relative", "file:", "/plain/path", "s3://bucket", "file://host/path"])
def test_an_address_that_is_no_absolute_file_url_is_refused(address: str) -> None:
    """Only file:/// addresses open a directory."""
    with pytest.raises(UsageError, match="file:///an/absolute/path"):
        FileStore(address)


def _environment() -> dict[str, str]:
    """What a child needs to import the packages from where this process has them."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
