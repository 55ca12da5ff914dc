"""A month becomes visible whole, whatever dies or races on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voc_models import keys
from voc_models.exit_codes import DataError
from voc_models.months import Month
from voc_models.plan import Latest, PlannedModel, StoredObject
from voc_models.run import Mode
from voc_models.store import Fetched, Listed, ObjectNotFoundError, ObjectStore, PreconditionFailedError
from voc_models.store_file import FileStore
from voc_worker import publication
from voc_worker.publication import SupersededError, make_visible, read_object, write_object

DECEMBER = Month(2025, 12)
FIRST = "full_20260101_020000_aaaaa"
SECOND = "refresh_20260115_020000_bbbbb"


class Killed(BaseException):
    """The process died here."""


class DyingStore:
    """A store that dies at its n-th write, before it or right after it."""

    def __init__(self, inner: ObjectStore, writes: int, *, after: bool) -> None:
        self.address, self._inner, self._left, self._after = inner.address, inner, writes, after

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "",
        if_match: str | None = None,
        if_absent: bool = False,
    ) -> str:
        """Write, or die."""
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        etag = self._inner.put(key, data, content_type=content_type, if_match=if_match, if_absent=if_absent)
        if self._left == 0:
            raise Killed
        return etag

    def get(self, key: str) -> Fetched:
        """Read."""
        return self._inner.get(key)

    def exists(self, key: str) -> bool:
        """Look."""
        return self._inner.exists(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        """List."""
        return self._inner.list(prefix)

    def delete(self, key: str) -> None:
        """Remove."""
        self._inner.delete(key)

    def put_file(self, key: str, path: Path, *, content_type: str = "") -> str:
        """Upload."""
        return self._inner.put_file(key, path, content_type=content_type)

    def get_file(self, key: str, path: Path) -> None:
        """Download."""
        self._inner.get_file(key, path)

    def url(self, key: str) -> str:
        """Say where."""
        return self._inner.url(key)


def publish(store: ObjectStore, run: str, text: str) -> Latest:
    """Do what a building step does with its results."""
    csv, kept = write_object(store, DECEMBER, "95", "tagged", run, text.encode())
    page, _ = write_object(store, DECEMBER, "95", "dashboard", run, b"<p>" + kept)
    return make_visible(store, pointer(run, csv, page))


def pointer(run: str, csv: StoredObject, page: StoredObject) -> Latest:
    """Return a pointer of building 95."""
    return Latest(
        run_id=run,
        mode=Mode.FULL,
        month=DECEMBER,
        building_id="95",
        model=PlannedModel(),
        rows=1,
        tagged=csv,
        dashboard=page,
    )


def visible(store: ObjectStore) -> tuple[str, bytes] | None:
    """Return the run in force and its CSV, after checking that everything it names is whole and belongs together."""
    now = publication.current(store, DECEMBER, "95")
    if now is None:
        return None
    csv = read_object(store, now.latest.tagged)
    assert now.latest.dashboard is not None
    assert read_object(store, now.latest.dashboard) == b"<p>" + csv
    return now.latest.run_id, csv


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """Return an empty store in a directory."""
    return FileStore((tmp_path / "store").as_uri())


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_a_kill_at_any_write_leaves_the_old_month_or_the_new_one(
    store: ObjectStore,
    write: int,
    after: bool,
) -> None:
    """After a kill before or after any write, readers see one whole month, and running again completes it."""
    publish(store, FIRST, "old")
    with pytest.raises(Killed):
        publish(DyingStore(store, write, after=after), SECOND, "new")
    assert visible(store) in {(FIRST, b"old"), (SECOND, b"new")}
    assert store.get(keys.dashboard_link(DECEMBER, "95")).data in {b"<p>old", b"<p>new"}
    publish(store, SECOND, "new, from a database that has changed since")
    run, csv = visible(store) or ("", b"")
    assert run == SECOND
    assert store.get(keys.dashboard_link(DECEMBER, "95")).data == b"<p>" + csv


def test_the_second_execution_of_a_step_adopts_the_first(store: ObjectStore) -> None:
    """A step that is executed twice ends with what the first execution wrote."""
    publish(store, FIRST, "first")
    publish(store, FIRST, "second")
    assert visible(store) == (FIRST, b"first")


def test_the_later_run_wins_and_the_earlier_one_says_so(store: ObjectStore) -> None:
    """A run created earlier never replaces the month of one created later, whichever writes last."""
    publish(store, SECOND, "later")
    with pytest.raises(SupersededError, match=SECOND):
        publish(store, FIRST, "earlier")
    assert visible(store) == (SECOND, b"later")
    assert store.get(keys.dashboard_link(DECEMBER, "95")).data == b"<p>later"


def test_a_stale_link_is_mended(store: ObjectStore) -> None:
    """When a kill left the link behind the pointer, running the step again brings it up to date."""
    latest = publish(store, FIRST, "new")
    store.put(keys.dashboard_link(DECEMBER, "95"), b"<p>old")
    make_visible(store, latest)
    assert store.get(keys.dashboard_link(DECEMBER, "95")).data == b"<p>new"


def test_a_file_changed_behind_our_back_is_noticed(store: ObjectStore) -> None:
    """Bytes that do not match the recorded hash are refused."""
    latest = publish(store, FIRST, "true")
    store.put(latest.tagged.key, b"false")
    with pytest.raises(DataError, match="changed after it was written"):
        read_object(store, latest.tagged)


def test_a_pointer_that_never_rests_ends_with_a_sentence(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every conditional write is refused, the step gives up and asks for the other writer."""

    def refuse(*_: object, **__: object) -> str:
        raise PreconditionFailedError("changed")

    csv = StoredObject(key="a", sha256="0")
    monkeypatch.setattr(store, "put", refuse)
    with pytest.raises(PreconditionFailedError, match="keeps changing"):
        make_visible(store, pointer(FIRST, csv, csv))


@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations([(FIRST, "a"), (SECOND, "b"), (FIRST, "c"), (SECOND, "d")]), kills=st.lists(st.integers(1, 6))
)
def test_any_order_of_runs_kills_and_repeats_ends_with_the_later_run(
    tmp_path_factory: pytest.TempPathFactory, order: list[tuple[str, str]], kills: list[int]
) -> None:
    """Whatever the order of two runs, their repetitions and kills, the later run is in force at the end, whole."""
    store = FileStore((tmp_path_factory.mktemp("order") / "store").as_uri())
    for index, (run, text) in enumerate(order):
        dying = DyingStore(store, kills[index] if index < len(kills) else 99, after=index % 2 == 0)
        try:
            publish(dying, run, text)
        except (Killed, SupersededError):
            continue
        finally:
            visible(store)
    publish(store, SECOND, "e")
    assert (visible(store) or ("", b""))[0] == SECOND


def test_a_month_that_was_never_published_has_no_pointer(store: ObjectStore) -> None:
    """Reading a month nobody published gives nothing, and its link does not exist."""
    assert visible(store) is None
    with pytest.raises(ObjectNotFoundError):
        store.get(keys.dashboard_link(DECEMBER, "95"))
