"""What every back end of the object store promises, as tests that each back end's module inherits."""

from __future__ import annotations

import hashlib
import multiprocessing
from typing import TYPE_CHECKING

import pytest

from voc_models.exit_codes import UsageError
from voc_models.store import (
    Listed,
    ObjectNotFoundError,
    ObjectStore,
    PreconditionFailedError,
    put_or_adopt,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

    Opener = Callable[[], ObjectStore]

COMPETITORS = 6
#: In UTF-8 byte order, which is not the order in which a folder tree is walked.
ORDERED = ["202512/95-a", "202512/95.csv", "202512/95/latest.json", "202512/951/a", "202512/강남/x", "202601/95/a"]
# A fresh process each, as on a cluster; fork would share open connections.
_SPAWN = multiprocessing.get_context("spawn")


def _compete(open_store: Opener, key: str, etag: str | None, name: str, start: Barrier) -> bool:
    """Write once all competitors are ready; tell whether this one won."""
    store = open_store()
    start.wait(60)
    try:
        store.put(key, name.encode(), if_match=etag, if_absent=etag is None)
    except PreconditionFailedError:
        return False
    return True


def _in_process(arguments: tuple[Opener, str, str | None, str], start: Barrier, won: list[str]) -> None:
    if _compete(*arguments, start):
        won.append(arguments[3])


def race(open_store: Opener, key: str, etag: str | None) -> list[str]:
    """Let several processes write ``key`` at once; return the names of those who won."""
    with _SPAWN.Manager() as manager:
        start, won = manager.Barrier(COMPETITORS), manager.list()
        processes = [
            _SPAWN.Process(target=_in_process, args=((open_store, key, etag, f"writer-{n}"), start, won))
            for n in range(COMPETITORS)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * COMPETITORS
        return list(won)


class StoreContract:
    """Inherit, and give two fixtures: ``store``, and ``open_store`` (picklable, opens the same store anew)."""

    def test_an_object_comes_back_as_it_was_written(self, store: ObjectStore) -> None:
        """What is put is got, byte for byte, with the ETag that put returned."""
        etag = store.put("202512/95/a.csv", "\ufeff접수일시\r\n".encode(), content_type="text/csv; charset=utf-8")
        assert store.get("202512/95/a.csv") == ("\ufeff접수일시\r\n".encode(), etag)

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        """An object of no bytes exists and is listed with size 0."""
        store.put("empty", b"")
        assert store.exists("empty")
        assert list(store.list("")) == [Listed("empty", 0)]

    def test_an_absent_object_is_not_found(self, store: ObjectStore, tmp_path: Path) -> None:
        """Reading what is not there names the key, and leaves no file behind."""
        with pytest.raises(ObjectNotFoundError, match=r"no object 202512/95/latest\.json"):
            store.get("202512/95/latest.json")
        with pytest.raises(ObjectNotFoundError, match="no object nothing"):
            store.get_file("nothing", tmp_path / "copy")
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_is_no_object(self, store: ObjectStore) -> None:
        """A prefix that has objects below it does not exist itself."""
        store.put("202512/95/a", b"1")
        assert not store.exists("202512/95")
        with pytest.raises(ObjectNotFoundError):
            store.get("202512/95")

    def test_the_last_unconditional_write_counts(self, store: ObjectStore) -> None:
        """An unconditional put replaces the object and changes its ETag."""
        first = store.put("link.html", b"old")
        second = store.put("link.html", b"new")
        assert first != second
        assert store.get("link.html") == (b"new", second)

    def test_if_absent_writes_only_where_nothing_is(self, store: ObjectStore) -> None:
        """The second if_absent write is refused and changes nothing."""
        store.put("once", b"first", if_absent=True)
        with pytest.raises(PreconditionFailedError, match="once"):
            store.put("once", b"second", if_absent=True)
        assert store.get("once").data == b"first"

    def test_if_match_writes_only_over_what_was_read(self, store: ObjectStore) -> None:
        """A put with the current ETag succeeds, one with an older ETag is refused and changes nothing."""
        first = store.put("latest.json", b"1")
        second = store.put("latest.json", b"2", if_match=first)
        with pytest.raises(PreconditionFailedError, match=r"latest\.json"):
            store.put("latest.json", b"3", if_match=first)
        assert store.get("latest.json") == (b"2", second)

    def test_if_match_does_not_create(self, store: ObjectStore) -> None:
        """A put with an ETag is refused where the object was removed."""
        etag = store.put("latest.json", b"1")
        store.delete("latest.json")
        with pytest.raises(PreconditionFailedError, match=r"latest\.json"):
            store.put("latest.json", b"2", if_match=etag)
        assert not store.exists("latest.json")

    def test_the_second_execution_adopts_what_the_first_wrote(self, store: ObjectStore) -> None:
        """put_or_adopt returns the bytes that are in the store, whoever wrote them."""
        assert put_or_adopt(store, "plan.json", b"first", content_type="application/json") == b"first"
        assert put_or_adopt(store, "plan.json", b"second", content_type="application/json") == b"first"

    def test_of_many_that_create_one_wins(self, store: ObjectStore, open_store: Opener) -> None:
        """Of processes that write with if_absent at once exactly one succeeds, and its bytes are there."""
        won = race(open_store, "race/create", None)
        assert [name.encode() for name in won] == [store.get("race/create").data]

    def test_of_many_that_replace_one_wins(self, store: ObjectStore, open_store: Opener) -> None:
        """Of processes that write with the same ETag at once exactly one succeeds, and its bytes are there."""
        won = race(open_store, "race/replace", store.put("race/replace", b"before"))
        assert [name.encode() for name in won] == [store.get("race/replace").data]

    def test_files_go_in_and_out_whole(self, store: ObjectStore, tmp_path: Path) -> None:
        """A file larger than one part survives the way there and back, and its ETag serves a conditional write."""
        block = hashlib.sha256(b"seed").digest() * 32_768  # 1 MiB
        source, copy = tmp_path / "model.onnx", tmp_path / "deep" / "copy.onnx"
        source.write_bytes(block * 20)
        etag = store.put_file("models/a/model.onnx", source)
        store.get_file("models/a/model.onnx", copy)
        assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
        assert [path.name for path in copy.parent.iterdir()] == ["copy.onnx"]
        assert store.get("models/a/model.onnx").etag == etag
        store.put("models/a/model.onnx", b"", if_match=etag)

    def test_a_listing_is_in_key_order(self, store: ObjectStore) -> None:
        """Keys come in the order of their UTF-8 bytes, whatever the order of writing."""
        for key in reversed(ORDERED):
            store.put(key, key.encode())
        assert [entry.key for entry in store.list("")] == ORDERED
        assert list(store.list("202601/")) == [Listed("202601/95/a", 11)]

    def test_a_prefix_need_not_be_a_folder(self, store: ObjectStore) -> None:
        """A prefix selects the keys that start with it, also in the middle of a name."""
        for key in ORDERED:
            store.put(key, b"")
        assert [entry.key for entry in store.list("202512/95")] == ORDERED[:4]
        assert [entry.key for entry in store.list("202512/95/")] == ["202512/95/latest.json"]
        assert list(store.list("2024")) == []

    def test_more_objects_than_a_page_are_listed(self, store: ObjectStore) -> None:
        """A listing goes on after the thousand entries that an S3 answer holds."""
        keys = [f"many/{number:04}" for number in range(1_050)]
        for key in keys:
            store.put(key, b"")
        assert [entry.key for entry in store.list("many/")] == keys

    def test_removing_twice_is_no_error(self, store: ObjectStore) -> None:
        """A removed object is gone, and removing it again does nothing."""
        store.put("a", b"1")
        store.delete("a")
        store.delete("a")
        assert not store.exists("a")

    def test_names_that_people_use_are_kept(self, store: ObjectStore) -> None:
        """Korean, spaces, percent and plus signs in a key survive put, list, get and delete."""
        key = "202512/강남 1관/보고서 100%+α #1?.csv"
        store.put(key, b"1")
        assert [entry.key for entry in store.list("202512/강남 1관/")] == [key]
        assert store.get(key).data == b"1"
        store.delete(key)
        assert list(store.list("")) == []

    @pytest.mark.parametrize("key", ["", "/a", "a//b", "a/", "../a", "a/./b", "a\\b", "a\nb", "a\ud800", "가" * 400])
    def test_a_key_that_is_no_clean_path_is_refused(self, store: ObjectStore, key: str) -> None:
        """No method takes a key that is empty, absolute, climbing, too long or holds control characters."""
        for call in (store.get, store.exists, store.delete, store.url):
            with pytest.raises(UsageError, match="not a clean relative path"):
                call(key)
        with pytest.raises(UsageError, match="not a clean relative path"):
            store.put(key, b"")

    def test_a_url_names_the_object(self, store: ObjectStore) -> None:
        """An object's URL starts with the store's address."""
        assert store.url("202512/95/dashboard.html") == f"{store.address}/202512/95/dashboard.html"
