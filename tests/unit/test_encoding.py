"""Segments, padding and batches of ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voc_models.encoding import Encoded, encode_inputs, pad, token_batches
from voc_models.text import ModelInput
from voc_models.tokenizer import CLS, PAD, SEP


class Letters:
    """One id per letter: a tokenizer whose answer can be read."""

    size = 1 << 16

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each letter's code."""
        return [[ord(letter) for letter in text] for text in texts]


A, B = ord("a"), ord("b")


@pytest.mark.parametrize(
    ("row", "ids", "first"),
    [
        (ModelInput("aa", "b"), (CLS, A, A, SEP, B, SEP), 4),
        (ModelInput("aa", ""), (CLS, A, A, SEP), 4),
        (ModelInput("", "bb"), (CLS, SEP, B, B, SEP), 2),
        (ModelInput("", ""), (CLS, SEP), 2),
        (ModelInput("a" * 20, ""), (CLS, *[A] * 8, SEP), 10),
        (ModelInput("a" * 20, "bb"), (CLS, *[A] * 5, SEP, B, B, SEP), 7),
        (ModelInput("a" * 20, "b" * 20), (CLS, *[A] * 4, SEP, *[B] * 3, SEP), 6),
        (ModelInput("a", "b" * 20), (CLS, A, SEP, *[B] * 6, SEP), 3),
    ],
)
def test_a_long_request_never_cuts_off_the_reply(row: ModelInput, ids: tuple[int, ...], first: int) -> None:
    """Ten ids hold request and reply with their special tokens, each sure of its half."""
    assert encode_inputs(Letters(), [row], 10) == [Encoded(ids, first)]


@given(
    rows=st.lists(st.tuples(st.text("a", max_size=40), st.text("b", max_size=40)), max_size=8), limit=st.integers(8, 30)
)
def test_no_row_is_longer_than_the_limit(rows: list[tuple[str, str]], limit: int) -> None:
    """Whatever the lengths, rows keep their order, their frame and the limit, and a reply keeps a place."""
    encoded = encode_inputs(Letters(), [ModelInput(*row) for row in rows], limit)
    assert len(encoded) == len(rows)
    for (_, reply), row in zip(rows, encoded, strict=True):
        assert len(row.ids) <= limit
        assert (row.ids[0], row.ids[row.first - 1], row.ids[-1]) == (CLS, SEP, SEP)
        assert (B in row.ids[row.first :]) == bool(reply)


def test_padding_masks_what_is_no_token() -> None:
    """Shorter rows are filled with [PAD], which the mask and the segments leave out."""
    batch = pad([Encoded((CLS, A, SEP, B, SEP), 3), Encoded((CLS, SEP), 2)], multiple=4)
    assert batch.input_ids.tolist() == [[CLS, A, SEP, B, SEP, PAD, PAD, PAD], [CLS, SEP, *[PAD] * 6]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0]]
    assert batch.token_type_ids.tolist() == [[0, 0, 0, 1, 1, 0, 0, 0], [0] * 8]
    assert {array.dtype for array in batch} == {np.dtype(np.int64)}


def test_batches_by_hand() -> None:
    """With a budget of 10, the longest rows come first and no batch holds more than 10 padded tokens."""
    assert token_batches([3, 12, 5, 5, 2, 1], 10) == [[1], [2, 3], [0, 4, 5]]
    assert token_batches([], 10) == []


@given(lengths=st.lists(st.integers(1, 200), max_size=60), budget=st.integers(1, 512))
def test_every_row_is_in_one_batch_within_the_budget(lengths: list[int], budget: int) -> None:
    """Each row is there once; only a row that is too long by itself exceeds the budget."""
    batches = token_batches(lengths, budget)
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or max(lengths[n] for n in batch) * len(batch) <= budget for batch in batches)
