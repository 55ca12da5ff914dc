"""What serving a model imports, asked of a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

SERVING = (
    "voc_models.tokenizer",
    "voc_models.artifact",
    "voc_models.linear",
    "voc_models.inference",
    "voc_models.loader",
    "voc_models.keyword_tagger",
    "voc_models.registry",
    "voc_models.model_cache",
    "voc_worker.model_tagger",
)
HEAVY = ("torch", "transformers", "sklearn", "scipy", "onnx", "optimum", "boto3")


def test_serving_needs_no_training_library() -> None:
    """Importing everything that serves a model brings neither torch nor scikit-learn nor their like."""
    script = f"import sys, {', '.join(SERVING)}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_the_model_contract_needs_no_tables() -> None:
    """What training shares with the worker, all of voc_models that serves, does without pandas."""
    names = [name for name in SERVING if name.startswith("voc_models")]
    script = f"import sys, {', '.join(names)}; print('pandas' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
