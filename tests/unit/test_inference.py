"""Labels and confidences from tiny real graphs, compared with the same numbers computed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.unit import fixtures_infer as fx
from voc_models import calibration as cal
from voc_models.artifact import ArtifactError, Manifest, Part
from voc_models.encoding import Encoded, encode_inputs
from voc_models.inference import KeywordAnswer, Model, Prediction
from voc_models.labels import HEADS, Head, Label
from voc_models.loader import ModelLoader
from voc_models.session import Graph, Logits
from voc_models.text import ModelInput
from voc_models.tokenizer import load_tokenizer


def _load(*heads: tuple[Path, Manifest], retired: tuple[Label, ...] = (), workers: int = 2) -> Model:
    return ModelLoader("cpu", workers=workers).load(heads, fx.taxonomy(retired))


def _expected(directory: Path, head: Head, rows: tuple[ModelInput, ...] = fx.ROWS) -> cal.Floats:
    """Compute a head's probabilities row by row, without ONNX and without batches."""
    tokenizer = load_tokenizer(directory)
    encoded = encode_inputs(tokenizer, rows, 32)
    return cal.softmax(np.stack([fx.by_hand(row, fx.head_table(head, tokenizer.size)) for row in encoded]))


@pytest.mark.parametrize("joint", [False, True])
def test_both_layouts_answer_what_the_numbers_say(tmp_path: Path, joint: bool) -> None:
    """Two graphs and one joint graph give each row, in order, its own probabilities and best label."""
    heads = [fx.write_head(tmp_path, head, joint=joint) for head in HEADS]
    answers = _load(*heads).predict(fx.ROWS)
    for head in HEADS:
        expected = _expected(heads[0][0], head)
        np.testing.assert_allclose(answers[head].probabilities, expected, atol=1e-5)
        assert answers[head].labels == [fx.LABELS[head][number] for number in expected.argmax(axis=1)]
        np.testing.assert_allclose(answers[head].confidences, expected.max(axis=1), atol=1e-5)


def test_a_joint_graph_is_opened_once(tmp_path: Path) -> None:
    """The work head refers to the subject's graph by hash, and both share one session and one tokenizer."""
    model = _load(*(fx.write_head(tmp_path, head, joint=True) for head in HEADS))
    assert model.heads["subject"].graph is model.heads["work"].graph
    assert model.heads["subject"].tokenizer is model.heads["work"].tokenizer
    assert not (tmp_path / f"kobert_work_{fx.VERSION}" / "model.onnx").exists()


@pytest.mark.parametrize("workers", [1, 3])
def test_order_is_kept_however_many_rows_and_workers(tmp_path: Path, workers: int) -> None:
    """A thousand rows of all lengths come back in their order, from one worker and from three."""
    rows = tuple(ModelInput("화장실 " * (number % 12) + str(number), "완료" * (number % 5)) for number in range(1000))
    directory, manifest = fx.write_head(tmp_path, "subject")
    answer = _load((directory, manifest), workers=workers).predict(rows)["subject"]
    np.testing.assert_allclose(answer.probabilities, _expected(directory, "subject", rows), atol=1e-5)


def test_equal_rows_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty equal rows and one other reach the graph as two, and each of the fifty gets the answer."""
    model, computed, run = _load(fx.write_head(tmp_path, "subject")), list[int](), Graph.run

    def counted(graph: Graph, rows: Sequence[Encoded]) -> Logits:
        computed.append(len(rows))
        return run(graph, rows)

    monkeypatch.setattr(Graph, "run", counted)
    answer = model.predict([fx.ROWS[0]] * 50 + [fx.ROWS[1]])["subject"]
    assert computed == [2]
    assert len(set(answer.confidences[:50])) == 1
    assert answer.confidences[50] != answer.confidences[0]


def test_no_rows_give_an_empty_answer(tmp_path: Path) -> None:
    """A building without requests is no special case."""
    model = _load(fx.write_head(tmp_path, "subject"), fx.write_head(tmp_path, "work", ("linear",)))
    answers = model.predict([])
    assert answers["subject"].labels == answers["work"].labels == []
    assert answers["subject"].probabilities.shape == (0, 4)


def test_a_retired_label_is_never_answered(tmp_path: Path) -> None:
    """A label that left the taxonomy gets nothing; the others share its part in proportion."""
    directory, manifest = fx.write_head(tmp_path, "subject")
    expected = _expected(directory, "subject")
    gone = int(expected.argmax(axis=1)[0])
    answer = _load((directory, manifest), retired=(fx.LABELS["subject"][gone],)).predict(fx.ROWS)["subject"]
    assert (answer.probabilities[:, gone] == 0).all()
    assert fx.LABELS["subject"][gone] not in answer.labels
    expected[:, gone] = 0
    np.testing.assert_allclose(answer.probabilities, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


def test_a_model_without_any_active_label_is_refused(tmp_path: Path) -> None:
    """A model all of whose labels were retired cannot answer and says so."""
    head = fx.write_head(tmp_path, "work")
    with pytest.raises(ArtifactError, match="No label of kobert_work_20260116 is active"):
        _load(head, retired=fx.LABELS["work"])


def test_calibration_depends_on_the_reply(tmp_path: Path) -> None:
    """Rows with a reply and rows without use their own calibration; labels stay what they were."""
    fits = fx.calibrations(
        "fp32",
        with_reply=cal.Calibration(temperature=2.0),
        without_reply=cal.Calibration(scores=(0.0, 1.0), confidences=(0.1, 0.6)),
    )
    directory, manifest = fx.write_head(tmp_path, "subject", changes={"calibration": fits})
    answer = _load((directory, manifest)).predict(fx.ROWS)["subject"]
    plain = _expected(directory, "subject")
    tempered = plain**0.5 / (plain**0.5).sum(axis=1, keepdims=True)
    for number, row in enumerate(fx.ROWS):
        confidence = tempered[number].max() if row.reply else 0.1 + 0.5 * plain[number].max()
        assert answer.confidences[number] == pytest.approx(confidence, abs=1e-5)
    assert answer.labels == [fx.LABELS["subject"][number] for number in plain.argmax(axis=1)]


def test_a_blend_is_the_weighted_mean_of_its_parts(tmp_path: Path) -> None:
    """Linear, KoBERT and keyword parts mix by their weights; a keyword score of 0 says nothing."""
    curve = cal.Calibration(scores=(0.0, 1.0), confidences=(0.25, 0.85))
    parts = {"linear": Part(weight=1.0), "kobert": Part(weight=2.0), "keyword": Part(weight=1.0, calibration=curve)}
    directory, manifest = fx.write_head(tmp_path, "subject", ("linear", "kobert", "keyword"), changes={"parts": parts})
    model = _load((directory, manifest))
    labels = fx.LABELS["subject"]
    words = KeywordAnswer(
        [labels[1], Label("없는", "것"), *labels, labels[0]], np.array([0.5, 0.9, 0, 0.2, 0.4, 1, 0.3])
    )
    assert model.heads["subject"].needs_keywords
    linear = model.heads["subject"].linear
    assert linear is not None
    keyword = np.full((7, 4), 0.25)
    for row, (label, score) in enumerate(zip(*words, strict=True)):
        if label in labels and score > 0:
            best = 0.25 + 0.6 * score
            keyword[row] = (1 - best) / 3
            keyword[row, labels.index(label)] = best
    expected = (linear.probabilities(fx.ROWS) + 2 * _expected(directory, "subject") + keyword) / 4
    answer = model.predict(fx.ROWS, {"subject": words})["subject"]
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)


def test_a_blend_without_keyword_answers_is_refused(tmp_path: Path) -> None:
    """A head that blends in the keyword tagger does not answer as if it had been asked."""
    model = _load(fx.write_head(tmp_path, "subject", ("kobert", "keyword")))
    with pytest.raises(ArtifactError, match="without its answers"):
        model.predict(fx.ROWS)


def test_runners_up_follow_the_best_and_never_pass_it() -> None:
    """The best label has the calibrated confidence, the next keep their order and their shares of what is left."""
    classes = tuple(Label("가", str(number)) for number in range(4))
    probabilities = np.array([[0.5, 0.1, 0.3, 0.1], [0.4, 0.35, 0.15, 0.1], [0.0, 1.0, 0.0, 0.0]])
    answer = Prediction(classes, probabilities, np.array([0.9, 0.2, 0.97]))
    assert [choice.label.minor for choice in answer.top(0, 3)] == ["0", "2", "1"]
    assert [choice.confidence for choice in answer.top(0, 4)] == pytest.approx([0.9, 0.06, 0.02, 0.02])
    assert [choice.confidence for choice in answer.top(1, 2)] == pytest.approx([0.2, 0.175])
    assert [choice.confidence for choice in answer.top(2, 2)] == pytest.approx([0.97, 0.0])
