"""The model as a tagger of frames: labels, scores, blends, heads without a model, one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit import fixtures_infer as fx
from voc_models.artifact import Component, Part, file_entries
from voc_models.calibration import Calibration, NotFiniteError
from voc_models.labels import HEADS, OTHER, Head, TaxonomyEntry, checked_taxonomy
from voc_models.loader import ModelLoader
from voc_models.plan import PlannedModel
from voc_models.registry import Registry
from voc_models.releases import release_of
from voc_models.store_file import FileStore
from voc_models.text import model_input
from voc_worker.columns import CONFIDENCES, LABELS, TEXT
from voc_worker.model_tagger import ModelTagger, classify, load_tagger
from voc_worker.tagging import KeywordTagger, RowText

WORDS: Mapping[Head, Sequence[str]] = {
    "subject": ("변기", "전등", "정기권", "에어컨"),
    "work": ("교체", "안내", "청소"),
}
TAXONOMY = checked_taxonomy(
    [
        TaxonomyEntry(kind=head, major=label.major, minor=label.minor, keywords=(word,))
        for head, words in WORDS.items()
        for label, word in zip(fx.LABELS[head], words, strict=True)
    ]
)
ROWS = pd.DataFrame(
    [("", row.request, row.reply) for row in fx.ROWS] + [("", "", ""), ("제목", "  ", "\n")],
    columns=list(TEXT),
    index=[f"voc-{number}" for number in range(9)],
)


def _tagger(
    root: Path, heads: Mapping[Head, Sequence[Component]], changes: Mapping[str, object] | None = None
) -> ModelTagger:
    written = [fx.write_head(root, head, components, changes=changes) for head, components in heads.items()]
    return ModelTagger(fx.VERSION, ModelLoader("cpu", workers=1).load(written, TAXONOMY), TAXONOMY)


def _row(frame: pd.DataFrame, number: int) -> dict[Any, Any]:
    return frame.iloc[number].to_dict()


def test_a_frame_comes_back_with_labels_and_confidences(tmp_path: Path) -> None:
    """The answer has the rows' index, the tagger's columns, and the model's own labels and confidences."""
    tagger = _tagger(tmp_path, {"subject": ("kobert",), "work": ("linear",)})
    tagged = tagger.tag(ROWS)
    assert tagger.name == fx.VERSION
    assert tagged.columns.tolist() == [*LABELS, *CONFIDENCES]
    assert tagged.index.equals(ROWS.index)
    inputs = [model_input(*texts) for texts in ROWS.itertuples(index=False)]
    expected = tagger._model.predict(inputs)
    for head in HEADS:
        filled = slice(0, 7)
        pairs = list(zip(tagged[f"{head}_major"], tagged[f"{head}_minor"], strict=True))[filled]
        assert pairs == expected[head].labels[filled]
        np.testing.assert_array_equal(tagged[f"{head}_confidence"][filled], expected[head].confidences[filled])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_graph_that_answers_no_numbers_never_becomes_a_table(tmp_path: Path, bad: float) -> None:
    """NaN or infinity in a trained model's weights ends in exit 65: there is no frame of which a CSV could be made."""
    directory, manifest = fx.write_head(tmp_path, "subject")
    assert manifest.tokenizer is not None
    values = fx.table(manifest.tokenizer.size, 4, 1)
    values[:, 2] = bad
    fx.write_graph(directory / "model.onnx", {"logits": values})
    broken = manifest.model_copy(update={"files": file_entries(directory)})
    tagger = ModelTagger(fx.VERSION, ModelLoader("cpu", workers=1).load([(directory, broken)], TAXONOMY), TAXONOMY)
    with pytest.raises(NotFiniteError) as raised:
        tagger.tag(ROWS)
    assert raised.value.exit_code == 65


def test_a_row_without_text_is_other_with_confidence_0(tmp_path: Path) -> None:
    """Nothing written gives 기타/기타 for both heads; a title alone is text."""
    tagged = _tagger(tmp_path, dict.fromkeys(HEADS, ("kobert",))).tag(ROWS)
    assert list(_row(tagged, 7).values()) == [*OTHER, *OTHER, 0.0, 0.0]
    assert _row(tagged, 8)["subject_confidence"] > 0


def test_an_empty_frame_keeps_its_columns_and_types(tmp_path: Path) -> None:
    """A building without requests gives an empty frame of the same shape."""
    tagged = _tagger(tmp_path, dict.fromkeys(HEADS, ("kobert",))).tag(ROWS.iloc[:0])
    assert tagged.columns.tolist() == [*LABELS, *CONFIDENCES]
    assert tagged.dtypes.astype(str).tolist() == ["str"] * 4 + ["float64"] * 2
    assert len(tagged) == 0


def test_a_head_without_a_model_is_the_keyword_taggers(tmp_path: Path) -> None:
    """A release of a subject model alone leaves the work type to keywords, labels and scores."""
    tagged = _tagger(tmp_path, {"subject": ("kobert",)}).tag(ROWS)
    words = KeywordTagger(TAXONOMY).tag(ROWS)
    columns = ["work_major", "work_minor", "work_confidence"]
    pd.testing.assert_frame_equal(tagged[columns], words[columns])


def test_a_blend_listens_to_the_keywords(tmp_path: Path) -> None:
    """With nearly all weight on it, the keyword tagger's label is the answer wherever it found a word."""
    curve = Calibration(scores=(0.0, 1.0), confidences=(0.9, 1.0))
    parts = {"kobert": Part(weight=0.001), "keyword": Part(weight=0.999, calibration=curve)}
    tagged = _tagger(tmp_path, {"subject": ("kobert", "keyword")}, {"parts": parts}).tag(ROWS)
    words = KeywordTagger(TAXONOMY).tag(ROWS)
    found = words["subject_confidence"] > 0
    assert found.sum() >= 4
    assert (tagged.loc[found, "subject_minor"] == words.loc[found, "subject_minor"]).all()


def test_one_text_gets_its_label_and_three_runners_up(tmp_path: Path) -> None:
    """Classifying a text gives both heads, the best label as in tagging, and three more where there are as many."""
    tagger = _tagger(tmp_path, dict.fromkeys(HEADS, ("kobert",)))
    answer = classify(tagger, RowText("", fx.ROWS[0].request, ""))
    assert [len(answer[head]) for head in HEADS] == [4, 3]
    tagged = _row(tagger.tag(pd.DataFrame([("", fx.ROWS[0].request, "")], columns=list(TEXT))), 0)
    assert answer["subject"][0] == ((tagged["subject_major"], tagged["subject_minor"]), tagged["subject_confidence"])
    confidences = [choice.confidence for choice in answer["subject"]]
    assert confidences == sorted(confidences, reverse=True)


def test_one_text_by_keywords_alone_gets_one_label() -> None:
    """The keyword tagger names its label with its score, and no runner-up that no keyword speaks for."""
    answer = classify(KeywordTagger(TAXONOMY), RowText("", "화장실 변기\x00가 막혔어요", ""))
    assert [choice.label for choice in answer["subject"]] == [fx.LABELS["subject"][0]]
    assert 0 < answer["subject"][0].confidence <= 1
    assert answer["work"] == [(OTHER, 0.0)]


def test_a_blank_text_and_a_keyword_head_are_classified_too(tmp_path: Path) -> None:
    """A head without a model names one label; nothing written names 기타/기타."""
    tagger = _tagger(tmp_path, {"subject": ("kobert",)})
    assert classify(tagger, RowText("", "", " "))["subject"] == [(OTHER, 0.0)]
    answer = classify(tagger, RowText("", "전등 교체해 주세요", "교체 완료"))
    assert [choice.label for choice in answer["work"]] == [fx.LABELS["work"][0]]


def test_a_plan_loads_its_own_tagger(tmp_path: Path) -> None:
    """A planned release is downloaded and tags under its version; ``keyword`` is the keyword tagger."""
    store = FileStore((tmp_path / "store").as_uri())
    registry, cache = Registry(store), tmp_path / "cache"
    heads = {head: registry.publish_artifact(fx.write_head(tmp_path / "trained", head)[0]) for head in HEADS}
    now = datetime(2026, 1, 16, tzinfo=UTC)
    planned = registry.publish_release(release_of(fx.VERSION, heads, by="trainer", created=now, champion=None))
    tagger = load_tagger(planned, store, TAXONOMY, cache)
    assert tagger.name == fx.VERSION
    assert len(tagger.tag(ROWS)) == len(ROWS)
    assert isinstance(load_tagger(PlannedModel(), store, TAXONOMY, cache), KeywordTagger)


@pytest.mark.parametrize("text", ["\x00\u202e", "😀😀", "\ud83d", "a" * 100_000, "1," * 5000], ids=range(5))
def test_odd_text_is_tagged_like_any_other(tmp_path: Path, text: str) -> None:
    """Marks, emoji, half surrogates and very long text give a label and a finite confidence."""
    rows = pd.DataFrame({"title": [""], "request_contents": [text], "reply": [""]}, dtype=object)
    tagged = _row(_tagger(tmp_path, dict.fromkeys(HEADS, ("kobert", "linear"))).tag(rows), 0)
    assert tagged["subject_major"]
    assert 0 <= tagged["subject_confidence"] <= 1
