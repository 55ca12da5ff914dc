"""From source rows and a tagger's answer to tagged rows: what is published, sampled and grouped. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from voc_models.exit_codes import DataError
from voc_models.keyword_tagger import tagger_text
from voc_models.text import display_text, row_key
from voc_worker.columns import CONFIDENCES, LABELS, SOURCE, TAGGED, TEXT
from voc_worker.tables.typed import typed

if TYPE_CHECKING:
    from collections.abc import Sequence

_GROUP_DIGITS: Final = 8


class SampleRule(NamedTuple):
    """Which texts are 표본: ``rate`` in [0, 1] of all texts, chosen by ``salt``. The rate may fall, never rise."""

    rate: float
    salt: str


def sample_flags(keys: Sequence[str], rule: SampleRule) -> list[bool]:
    """Return for each normalised text whether its salted SHA-256, read as a number in [0, 1), is below the rate.

    The choice knows nothing but the text: equal texts go together, and a lower rate chooses among the same texts.
    """
    return [_fraction(f"{rule.salt}\0{key}") < rule.rate for key in keys]


def duplicate_groups(keys: Sequence[str]) -> list[str]:
    """Return for each normalised text the short name of its group, "" for a text that is there once or is empty."""
    counts = Counter(keys)
    return [_digest(key).hex()[:_GROUP_DIGITS] if counts[key] > 1 and key.strip() else "" for key in keys]


def tagger_rows(source: pd.DataFrame) -> pd.DataFrame:
    """Return the TEXT columns of ``source`` as every tagger reads them, cleaned and masked; indexed alike."""
    return pd.DataFrame(
        {column: [tagger_text(text) for text in source[column]] for column in TEXT},
        index=source.index,
        dtype="str",
    )


def build_tagged(
    source: pd.DataFrame,
    tags: pd.DataFrame,
    *,
    model_version: str,
    run_id: str,
    rule: SampleRule,
    masked: bool = True,
    classify_source: str = "batch",
) -> pd.DataFrame:
    """Return the TAGGED rows of ``source`` (columns SOURCE), oldest first.

    Args:
        source: one month's rows of a building.
        tags: LABELS and CONFIDENCES, indexed as ``source``.
        model_version: the release that tagged, or ``keyword``.
        run_id: the run that did.
        rule: which rows are 표본.
        masked: whether personal data is masked in the published text.
        classify_source: what ``voc_classification`` will say.

    Raises:
        DataError: a voc_id is there twice.
    """
    twice = source["voc_id"][source["voc_id"].duplicated()]
    if len(twice):
        raise DataError(f"The source has VOC {twice.iloc[0]} more than once. Make the configured id column unique.")
    keys = [row_key(title, request) for title, request in zip(source["title"], source["request_contents"], strict=True)]
    shown = {column: [display_text(text, masked=masked) for text in source[column]] for column in TEXT}
    frame = source[list(SOURCE)].assign(
        **shown,
        **{column: tags.loc[source.index, column] for column in LABELS},
        **{column: tags.loc[source.index, column].astype("float64").round(4) for column in CONFIDENCES},
        classify_source=classify_source,
        model_version=model_version,
        run_id=run_id,
        is_sample=sample_flags(keys, rule),
        duplicate_group=duplicate_groups(keys),
    )
    return typed(frame.sort_values(["created_at", "voc_id"], kind="stable"), TAGGED)


def lesser_confidence(frame: pd.DataFrame) -> pd.Series[Any]:
    """Return the lesser of the two heads' confidences of each row, NaN when neither has one."""
    return frame[list(CONFIDENCES)].min(axis=1)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).digest()


def _fraction(text: str) -> float:
    return int.from_bytes(_digest(text)[:6], "big") / 2**48
