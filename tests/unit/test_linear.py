"""The numpy linear model against scikit-learn's own pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from voc_models import linear
from voc_models.artifact import ArtifactError
from voc_models.exit_codes import DataError
from voc_models.text import ModelInput

ROWS = (
    ModelInput("화장실 변기가 막혔어요", "배관 뚫음 처리 완료했습니다"),
    ModelInput("화장실 휴지가 없어요", "비품 보충했습니다"),
    ModelInput("3층 복도 전등이 나갔어요 LED", "전등 교체 완료"),
    ModelInput("복도 조명이 깜빡여요", ""),
    ModelInput("주차 정기권 문의드립니다", "안내 드렸습니다"),
    ModelInput("주차장 차단기가 안 열려요", "차단기 수리 완료했습니다"),
    ModelInput("에어컨이 너무 추워요", ""),
    ModelInput("난방이 안 되어 춥습니다", "온도 조정했습니다"),
)
CLASSES = ("청결", "청결", "조명", "조명", "주차", "주차", "냉난방", "냉난방")


class Fitted(NamedTuple):
    """scikit-learn's pipeline and ours with the same numbers."""

    vectorisers: list[tuple[str, Any]]
    logistic: Any
    ours: linear.LinearModel


def _fit(blocks: list[linear.Block], classes: tuple[str, ...], directory: Path) -> Fitted:
    """Fit scikit-learn, save its numbers, and load them again."""
    vectorisers: list[tuple[str, Any]] = []
    for block in blocks:
        vectoriser = TfidfVectorizer(
            analyzer=block.analyzer, ngram_range=(block.ngram_min, block.ngram_max), lowercase=block.lowercase,
            sublinear_tf=block.sublinear_tf, norm=block.norm,
        )  # fmt: skip
        vectoriser.fit([linear.segment(row, block.field) for row in ROWS])
        vectorisers.append((block.field, vectoriser))
    logistic = LogisticRegression(C=10.0)
    logistic.fit(_matrix(vectorisers, ROWS), classes)
    weights, bias = logistic.coef_.T, logistic.intercept_
    if len(logistic.classes_) == 2:
        weights, bias = np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    terms = [vectoriser.get_feature_names_out().tolist() for _, vectoriser in vectorisers]
    idf = np.concatenate([vectoriser.idf_ for _, vectoriser in vectorisers])
    arrays = linear.LinearArrays(idf, weights, bias)
    linear.save_linear(directory, linear.LinearSettings(blocks=tuple(blocks)), terms, arrays)
    return Fitted(vectorisers, logistic, linear.load_linear(directory))


def _matrix(vectorisers: list[tuple[Any, Any]], rows: tuple[ModelInput, ...]) -> Any:  # noqa: ANN401 - scipy's sparse matrix
    return hstack([vec.transform([linear.segment(row, field) for row in rows]) for field, vec in vectorisers]).tocsr()


SETTINGS = {
    "words": [linear.Block(field="both")],
    "characters": [linear.Block(field="both", analyzer="char", ngram_max=3)],
    "two fields": [linear.Block(field="request"), linear.Block(field="reply", ngram_min=2)],
    "raw counts": [
        linear.Block(field="both", sublinear_tf=False, norm=None, lowercase=False, ngram_min=2, ngram_max=6)
    ],
}


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """One fitted pair for each kind of settings."""
    return _fit(SETTINGS[request.param], CLASSES, tmp_path_factory.mktemp("linear"))


ODD = (
    ModelInput("", ""),
    ModelInput(" ", "  "),
    ModelInput("가", ""),
    ModelInput("", "완료"),
    ModelInput("A  B\t\tC\n\nD", "Iİ ß"),
    ModelInput("모르는말만있습니다" * 50, "zzz qqq"),
    ModelInput("a b c d", "ㅠㅠ ㅋㅋ 😀"),
)


def test_probabilities_equal_scikit_learns(fitted: Fitted) -> None:
    """Known rows and odd ones get scikit-learn's probabilities to 12 digits."""
    rows = (*ROWS, *ODD)
    expected = fitted.logistic.predict_proba(_matrix(fitted.vectorisers, rows))
    np.testing.assert_allclose(fitted.ours.probabilities(rows), expected, rtol=0, atol=1e-12)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=st.text(max_size=40), reply=st.text(alphabet="완료 수리 전등 \t", max_size=20))
def test_any_text_gets_scikit_learns_probabilities(fitted: Fitted, request: str, reply: str) -> None:
    """Whatever the text, the probabilities are scikit-learn's."""
    rows = (ModelInput(request, reply),)
    expected = fitted.logistic.predict_proba(_matrix(fitted.vectorisers, rows))
    np.testing.assert_allclose(fitted.ours.probabilities(rows), expected, rtol=0, atol=1e-12)


def test_two_classes_equal_scikit_learns_sigmoid(tmp_path: Path) -> None:
    """With two classes the softmax over both halves is scikit-learn's sigmoid."""
    fitted = _fit(SETTINGS["two fields"], ("청결",) * 2 + ("기타",) * 6, tmp_path)
    expected = fitted.logistic.predict_proba(_matrix(fitted.vectorisers, ROWS))
    np.testing.assert_allclose(fitted.ours.probabilities(ROWS), expected, rtol=0, atol=1e-12)


def test_weights_stay_in_their_file(fitted: Fitted) -> None:
    """The loaded weights are mapped from the file, not copied into memory."""
    assert isinstance(fitted.ours._arrays.weights, np.memmap)


@pytest.mark.parametrize("name", ["linear.json", "linear_terms.json", "linear_weights.npy", "linear_idf.npy"])
@pytest.mark.parametrize("keep", [0, 40, None])
def test_damaged_files_are_data_errors(tmp_path: Path, name: str, keep: int | None) -> None:
    """An empty, cut or missing file is refused with exit 65."""
    _fit(SETTINGS["words"], CLASSES, tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    path.unlink()
    if keep is not None:
        path.write_bytes(content[:keep])
    with pytest.raises(DataError):
        linear.load_linear(tmp_path)


def test_parts_of_two_models_are_refused(tmp_path: Path) -> None:
    """Terms of one model with the weights of another are no model."""
    _fit(SETTINGS["words"], CLASSES, tmp_path)
    (tmp_path / "linear_terms.json").write_text('[["가", "나"]]', encoding="utf-8")
    with pytest.raises(ArtifactError, match="parts disagree"):
        linear.load_linear(tmp_path)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    """An array file that needs unpickling is never opened."""
    _fit(SETTINGS["words"], CLASSES, tmp_path)
    np.save(tmp_path / "linear_idf.npy", np.array([{"harmful": True}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="cannot be read"):
        linear.load_linear(tmp_path)
