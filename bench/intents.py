"""``python -m bench.intents FOLDER``: how good each kind of model is on 3i4k, real Korean with seven intentions.

The data (Cho et al. 2018, "Speech Intention Understanding in a Head-final Language", CC BY-SA 4.0) are not part of this
repository: FOLDER holds ``fci_train_val.txt`` and ``fci_test.txt``. Every model is trained on the training file alone,
5 % of whose texts choose rounds and calibration, and is asked the test file once, through the code that serves.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import torch
from rich.console import Console

from bench.measured import Measured, machine, table
from voc_models.labels import Label
from voc_models.text import model_input, row_key
from voc_training.baseline import fit_linear
from voc_training.build import evidence
from voc_training.candidate import Evidence, fit_parts, mixture
from voc_training.encoder import Shape
from voc_training.evaluate import Answers, measure
from voc_training.fit_encoder import EncoderPlan, FittedEncoder, Taught, train_encoder
from voc_training.split import split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voc_models.artifact import Component, Precision

CLASSES: Final = tuple(
    Label("의도", name) for name in ("조각", "서술", "질문", "명령", "수사의문", "수사명령", "억양의존")
)
_VALIDATION: Final = 0.05


def main() -> None:
    """Train and measure, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.intents", description="Accuracy of each kind on 3i4k.")
    parser.add_argument("folder", type=Path, help="holds fci_train_val.txt and fci_test.txt")
    parser.add_argument("--rounds", type=int, default=12, help="most rounds of the encoder (%(default)s); 0: none")
    parser.add_argument("--hidden", type=int, default=Shape().hidden, help="its width (%(default)s)")
    parser.add_argument("--layers", type=int, default=Shape().layers, help="its layers (%(default)s)")
    parser.add_argument("--lines", type=int, help="train on so many random lines instead of all")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    console = Console()
    console.print(machine(), highlight=False)
    shape = Shape(hidden=chosen.hidden, layers=chosen.layers, feed_forward=4 * chosen.hidden)
    plan = EncoderPlan("scratch", epochs=chosen.rounds, shape=shape)
    with tempfile.TemporaryDirectory(prefix="voc-intents-") as folder:
        console.print(table(_measured(taught(chosen.folder, chosen.lines), plan, Path(folder))))


def taught(folder: Path, lines: int | None) -> Taught:
    """Return the training file split by texts, and the test file as what measures."""
    train, test = (_rows(folder / f"fci_{name}.txt") for name in ("train_val", "test"))
    if lines:
        train = train.sample(lines, random_state=0)
    parts = split(train, "label", validation=_VALIDATION)
    return Taught(parts._replace(frozen=test), CLASSES)


def _rows(path: Path) -> pd.DataFrame:
    """Return the lines of ``path`` (number of the class, tab, text) as the trainer's rows of a head."""
    lines = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").split("\n") if "\t" in line]
    return pd.DataFrame(
        {
            "voc_id": [str(number) for number in range(len(lines))],
            "building_id": path.stem,
            "month": "2018-11",
            "is_sample": False,
            "request": pd.Series([model_input("", text, "").request for _, text in lines], dtype="str"),
            "reply": "",
            "group": [row_key("", text) for _, text in lines],
            "label": [str(CLASSES[int(number)]) for number, _ in lines],
            **dict.fromkeys(("keyword_subject", "keyword_subject_bare"), ""),
            **dict.fromkeys(("keyword_subject_score", "keyword_subject_bare_score"), np.nan),
        }
    )


def _measured(rows: Taught, plan: EncoderPlan, folder: Path) -> list[Measured]:
    linear, directory = folder / "linear", folder / "encoder"
    linear.mkdir()
    directory.mkdir()
    started = time.process_time()
    fit_linear(rows.parts.train, rows.classes, linear)
    fitted = time.process_time()
    encoder = None
    if plan.epochs:
        encoder = train_encoder({"subject": rows}, plan, directory, folder / "checkpoints")
    trained = time.process_time()
    seen = set(rows.parts.train["group"]) | set(rows.parts.validation["group"])
    numbers = [
        Measured("training rows", len(rows.parts.train), "rows"),
        Measured("validation rows", len(rows.parts.validation), "rows"),
        Measured("test rows", len(rows.parts.frozen), "rows"),
        Measured("test rows whose text is in the training file", rows.parts.frozen["group"].isin(seen).sum(), "rows"),
        Measured("linear: training", fitted - started, "CPU s"),
    ]
    if encoder:
        numbers.append(Measured("encoder: training and export", trained - fitted, "CPU s"))
        numbers.append(Measured("encoder: rounds", encoder.report.epochs, "rounds"))
    kinds: dict[str, tuple[Precision, tuple[Component, ...]]] = {
        "linear": ("fp32", ("linear",)),
        "encoder": ("fp32", ("kobert",)),
        "encoder, int8": ("int8", ("kobert",)),
        "blend": ("fp32", ("linear", "kobert")),
    }
    for name, (precision, parts) in kinds.items():
        if encoder is None and "kobert" in parts:
            continue
        numbers += _scores(name, rows, linear, encoder, (precision, parts))
    return numbers


def _scores(
    name: str, rows: Taught, linear: Path, encoder: FittedEncoder | None, kind: tuple[Precision, Sequence[Component]]
) -> list[Measured]:
    """Return accuracy, macro-F1 and calibration error on the test file; what is fitted is fitted on validation rows."""
    precision, names = kind
    validation, test = (
        evidence("subject", rows._replace(parts=rows.parts._replace(validation=part)), linear, encoder, precision)
        for part in (rows.parts.validation, rows.parts.frozen)
    )
    parts = fit_parts(validation, tuple(names))
    answers = {"validation": mixture(validation, parts), "test": mixture(test, parts)}
    found = _metrics(test, answers["test"])
    right = answers["validation"].argmax(axis=1) == validation.truth
    return [
        Measured(f"{name}: accuracy, validation", 100 * float(right.mean()), "%"),
        Measured(f"{name}: accuracy", 100 * found[0], "%"),
        Measured(f"{name}: macro-F1", 100 * found[1], "%"),
        Measured(f"{name}: calibration error", found[2], ""),
    ]


def _metrics(rows: Evidence, probabilities: np.ndarray) -> tuple[float, float, float]:
    labels = [str(label) for label in CLASSES]
    truth, predicted = ([labels[n] for n in numbers] for numbers in (rows.truth, probabilities.argmax(axis=1)))
    found = measure(Answers(truth, predicted, probabilities.max(axis=1)), labels)
    return (found.accuracy, found.macro_f1, found.ece) if found else (0.0, 0.0, 0.0)


if __name__ == "__main__":
    main()
