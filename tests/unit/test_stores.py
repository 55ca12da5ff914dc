"""Opening a store, and finding out whether it can be trusted."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from voc_models.exit_codes import UsageError
from voc_models.store import StoreUnavailableError
from voc_models.store_file import FileStore
from voc_models.store_s3 import S3Store
from voc_models.stores import check_store, open_store

if TYPE_CHECKING:
    from pathlib import Path


class _Careless(FileStore):
    """A store that ignores conditions, as some S3 servers do."""

    def put(
        self, key: str, data: bytes, *, content_type: str = "", if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Write, whatever the condition was."""
        del if_match, if_absent
        return super().put(key, data, content_type=content_type)


def test_the_address_chooses_the_back_end(tmp_path: Path) -> None:
    """A file address opens a directory, an s3 address a bucket below its prefix."""
    assert isinstance(open_store(tmp_path.as_uri()), FileStore)
    bucket = open_store("s3://voc/stat/voc-dev/", endpoint_url="http://127.0.0.1:1", path_style=True)
    assert isinstance(bucket, S3Store)
    assert bucket.address == "s3://voc/stat/voc-dev"


@pytest.mark.parametrize("address", ["", "voc", "/srv/voc", "http://127.0.0.1/voc", "ftp://voc"])
def test_another_address_is_refused(address: str) -> None:
    """An address of another form is answered with the two forms that exist."""
    with pytest.raises(UsageError, match=r"file:///path or s3://bucket/prefix"):
        open_store(address)


def test_a_directory_is_opened_without_boto3(tmp_path: Path) -> None:
    """A process whose store is a directory never imports boto3."""
    script = (
        "import sys\nfrom voc_models.stores import open_store\n"
        "open_store(sys.argv[1]).put('a', b'1')\nprint('boto3' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    assert done.stdout.strip() == "False"


def test_a_sound_store_passes_the_check(tmp_path: Path) -> None:
    """check_store returns one sentence and leaves no object behind."""
    store = FileStore(tmp_path.as_uri())
    assert check_store(store) == f"{store.address} can be read and written, and keeps conditions."
    assert list(store.list("")) == []


def test_a_store_that_ignores_conditions_is_found_out(tmp_path: Path) -> None:
    """check_store refuses a store on which two writers could both win, and cleans up."""
    store = _Careless(tmp_path.as_uri())
    with pytest.raises(StoreUnavailableError, match="ignores conditional writes"):
        check_store(store)
    assert list(store.list("")) == []
