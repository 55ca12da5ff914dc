"""What an installation brings, read from the package's own metadata and that of everything it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAVY = {"torch", "transformers", "scikit-learn", "optimum", "optimum-onnx", "onnx", "accelerate"}


def _asked_by(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:  # another platform's, or an alternative that is not installed here
        return
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield requirement


def _closure(extra: str) -> set[str]:
    """Return every package that ``pip install voc-nlp[extra]`` brings, by metadata alone."""
    seen: set[tuple[str, frozenset[str]]] = set()
    left = [("voc-nlp", frozenset({extra}))]
    while left:
        name, extras = left.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        left += [(canonicalize_name(r.name), frozenset(r.extras)) for r in _asked_by(name, extras)]
    return {name for name, _ in seen}


@pytest.mark.parametrize("extra", ["worker", "worker-gpu", "operator"])
def test_serving_and_operating_bring_no_training_library(extra: str) -> None:
    """Nothing that the worker or the operator asks for, however far down, is torch, transformers or scikit-learn."""
    found = _closure(extra)
    assert {"pydantic", "boto3"} <= found
    assert not HEAVY & found


def test_training_does_bring_torch() -> None:
    """The closure follows requirements: for the training extra it finds what it must not find for the others."""
    assert {"torch", "transformers", "scikit-learn"} <= _closure("train")


def test_the_gpu_worker_has_one_onnx_runtime() -> None:
    """Both builds install the same Python package: the GPU extra brings its own and not the CPU's as well."""
    gpu, cpu, common = (_closure(extra) for extra in ("worker-gpu", "worker", "serving"))
    assert ("onnxruntime-gpu" in gpu, "onnxruntime" in gpu) == (True, False)
    assert ("onnxruntime-gpu" in cpu, "onnxruntime" in cpu) == (False, True)
    assert common <= gpu & cpu
    assert not {"onnxruntime", "onnxruntime-gpu"} & common
