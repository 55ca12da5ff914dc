"""Rows of ids: two segments with their special tokens, batches by a token budget, padded arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from voc_models.text import ModelInput, split_budget
from voc_models.tokenizer import CLS, PAD, SEP, Tokenizer

Integers = npt.NDArray[np.int64]
#: The names that BERT's graphs give their inputs.
INPUT_NAMES: Final = ("input_ids", "attention_mask", "token_type_ids")


class Encoded(NamedTuple):
    """A model input: ``ids`` with special tokens, of which the first ``first`` are segment 0 and the rest segment 1."""

    ids: tuple[int, ...]
    first: int


class Padded(NamedTuple):
    """A batch as a graph takes it: three (rows, longest) arrays of int64."""

    input_ids: Integers
    attention_mask: Integers
    token_type_ids: Integers


def encode_inputs(tokenizer: Tokenizer, inputs: Sequence[ModelInput], max_length: int) -> list[Encoded]:
    """Return ``[CLS] request [SEP]``, and ``reply [SEP]`` as segment 1 where there is a reply.

    Each row has at most ``max_length`` ids; a long request never cuts off the reply (voc_models.text.split_budget).
    """
    requests = tokenizer.encode([row.request for row in inputs])
    replied = [number for number, row in enumerate(inputs) if row.reply]
    replies = dict(zip(replied, tokenizer.encode([inputs[number].reply for number in replied]), strict=True))
    return [_joined(request, replies.get(number, []), max_length) for number, request in enumerate(requests)]


def _joined(request: list[int], reply: list[int], max_length: int) -> Encoded:
    if not reply:
        return Encoded((CLS, *request[: max_length - 2], SEP), min(len(request), max_length - 2) + 2)
    keep_request, keep_reply = split_budget(len(request), len(reply), max_length - 3)
    ids = (CLS, *request[:keep_request], SEP, *reply[:keep_reply], SEP)
    return Encoded(ids, keep_request + 2)


def pad(rows: Sequence[Encoded], *, multiple: int = 1) -> Padded:
    """Return the batch padded to its longest row, rounded up to a ``multiple`` of tokens."""
    longest = max(len(row.ids) for row in rows)
    shape = (len(rows), -(-longest // multiple) * multiple)
    batch = Padded(np.full(shape, PAD, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    for number, row in enumerate(rows):
        length = len(row.ids)
        batch.input_ids[number, :length] = row.ids
        batch.attention_mask[number, :length] = 1
        batch.token_type_ids[number, row.first : length] = 1
    return batch


def token_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Group row numbers by length so that rows × longest stays within ``budget`` tokens, the longest batches first.

    A row longer than the budget is a batch of its own. Sorting keeps padding small; the longest come first so that
    memory grows once, and so that the last batches, which workers share unevenly, are the cheap ones.
    """
    order = sorted(range(len(lengths)), key=lambda number: (-lengths[number], number))
    batches: list[list[int]] = []
    for number in order:
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(number)
        else:
            batches.append([number])
    return batches
