"""The directory store against a dictionary that does the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from voc_models.store import Listed, PreconditionFailedError
from voc_models.store_file import FileStore

KEYS = st.sampled_from(["a", "b/c", "b/d", "b-", "b/e/f", "가/나"])
CONTENTS = st.binary(max_size=8)


class StoreMachine(RuleBasedStateMachine):
    """Any mix of calls through two handles leaves what a dictionary would hold."""

    seen = Bundle("seen")  # keys with an ETag that was valid once

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        address = Path(self._folder.name).as_uri()
        self._handles = (FileStore(address), FileStore(address))
        self._turn = 0
        self._expected: dict[str, bytes] = {}

    def teardown(self) -> None:
        """Remove the directory."""
        self._folder.cleanup()

    @property
    def _store(self) -> FileStore:
        """The two handles take turns, as two processes would."""
        self._turn += 1
        return self._handles[self._turn % 2]

    @rule(target=seen, key=KEYS, data=CONTENTS)
    def put(self, key: str, data: bytes) -> tuple[str, str]:
        """An unconditional write always counts."""
        self._expected[key] = data
        return key, self._store.put(key, data)

    @rule(key=KEYS, data=CONTENTS)
    def create(self, key: str, data: bytes) -> None:
        """A write with if_absent counts exactly where nothing is."""
        if key in self._expected:
            with pytest.raises(PreconditionFailedError):
                self._store.put(key, data, if_absent=True)
        else:
            self._store.put(key, data, if_absent=True)
            self._expected[key] = data

    @rule(read=consumes(seen), data=CONTENTS)
    def replace(self, read: tuple[str, str], data: bytes) -> None:
        """A write with if_match counts exactly where the object has that ETag now."""
        key, etag = read
        if key in self._expected and self._store.get(key).etag == etag:
            self._store.put(key, data, if_match=etag)
            self._expected[key] = data
        else:
            with pytest.raises(PreconditionFailedError):
                self._store.put(key, data, if_match=etag)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        """A removed object is gone."""
        self._store.delete(key)
        self._expected.pop(key, None)

    @invariant()
    def holds_what_was_written(self) -> None:
        """Listing and reading show the dictionary, in key order."""
        assert list(self._store.list("")) == [
            Listed(key, len(data)) for key, data in sorted(self._expected.items(), key=lambda item: item[0].encode())
        ]
        assert {key: self._store.get(key).data for key in self._expected} == self._expected


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
