"""What a tagger is, and the keyword tagger as one: voc_models.keyword_tagger over the worker's tables."""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from voc_models.keyword_tagger import KeywordRules, RowText, Tagged
from voc_models.run import KEYWORD_MODEL
from voc_worker.columns import CONFIDENCES, LABELS, TEXT

__all__ = ["KeywordTagger", "RowText", "Tagged", "Tagger"]


class Tagger(Protocol):
    """Labels rows; the keyword tagger and every model are one."""

    name: str

    def tag(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Label rows whose ``title``, ``request_contents`` and ``reply`` are cleaned text (never missing).

        Returns a frame with the same index and the columns LABELS (str) and CONFIDENCES (float in [0, 1]).
        """


class KeywordTagger(KeywordRules):
    """The taxonomy's keywords as a :class:`Tagger`."""

    name = KEYWORD_MODEL

    def tag(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Label ``rows`` as :class:`Tagger` says; the confidences are scores."""
        columns = [rows[name].tolist() for name in TEXT]
        tagged = self.tag_texts(RowText(*texts) for texts in zip(*columns, strict=True))
        cells = [(*row.subject, *row.work, row.subject_score, row.work_score) for row in tagged]
        return pd.DataFrame(cells, index=rows.index, columns=[*LABELS, *CONFIDENCES]).astype(
            dict.fromkeys(CONFIDENCES, "float64")
        )
