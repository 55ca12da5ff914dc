"""Do int8 and fp16 answer what fp32 answers? Asked of trained models: untrained ones tie everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd

from bench.measured import Goal, Measured
from voc_models.artifact import GRAPHS
from voc_models.encoding import encode_inputs
from voc_models.labels import HEAD_NAMES, HEADS, Head, Label
from voc_models.session import Graph
from voc_models.store import sha256
from voc_models.text import model_input, row_key
from voc_models.threads import available_cpus
from voc_training.encoder import SCRATCH
from voc_training.fit_encoder import EncoderPlan, FittedEncoder, Taught, inputs_of, train_encoder
from voc_training.served import BATCHINGS
from voc_training.split import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from voc_models.artifact import Precision
    from voc_worker.sample.generate import Sample

#: Real Korean lines with seven intentions (3i4k), where somebody put them beside the checkout.
_REAL: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "3i4k"
_REAL_LINES: Final = 8_000
_INTENTIONS: Final = 7


class _Texts(NamedTuple):
    """Rows to learn from and others to ask about, by head."""

    name: str
    taught: Mapping[Head, Taught]


def agreements(sample: Sample, folder: Path) -> list[Measured]:
    """Train small encoders on the sample's VOC, one a head and a joint one, and one on real Korean lines.

    Each is trained as the product trains it; what is returned compares the labels of its graphs.
    """
    both, real = _sample_texts(sample), _real_texts()
    apart = [_Texts(f"{both.name}, {HEAD_NAMES[head]}", {head: part}) for head, part in both.taught.items()]
    numbers: list[Measured] = []
    for texts in (*apart, both, *([real] if real else [])):
        directory = folder / texts.name
        directory.mkdir(parents=True)
        encoder = train_encoder(texts.taught, EncoderPlan(SCRATCH), directory, folder / f"{texts.name} checkpoints")
        for head in texts.taught:
            numbers += _compared(texts, head, encoder)
    return numbers


def _compared(texts: _Texts, head: Head, encoder: FittedEncoder) -> list[Measured]:
    """Return the head's accuracy, and the least share of equal labels under two batchings, on rows not learnt from."""
    parts, classes = texts.taught[head].parts, texts.taught[head].classes
    held_out = pd.concat([parts.validation, parts.frozen])
    rows = encode_inputs(encoder.tokenizer, inputs_of(held_out), encoder.max_length)

    def labels(precision: Precision, budget: int) -> np.ndarray:
        path = encoder.directory / GRAPHS[precision]
        return Graph(path, "cpu", workers=available_cpus(), token_budget=budget).run(rows)[head].argmax(axis=1)

    exact = labels("fp32", BATCHINGS[0])
    truth = np.asarray([[str(label) for label in classes].index(label) for label in held_out["label"]])
    what = f"{texts.name}, joint, {HEAD_NAMES[head]}" if len(texts.taught) > 1 else texts.name
    shares = {
        precision: min(float((labels(precision, budget) == exact).mean()) for budget in BATCHINGS)
        for precision in ("int8", "fp16")
    }
    return [
        Measured(f"{what}: accuracy on {len(rows):,} other rows", float((exact == truth).mean()) * 100, "%"),
        *(
            Measured(f"{what}: {name} labels equal to fp32's", share * 100, "%", Goal("at least", 99.5))
            for name, share in shares.items()
        ),
    ]


def _sample_texts(sample: Sample) -> _Texts:
    source = sample.source()
    table = _table(source["title"], source["request_contents"], source["reply"])
    table["month"] = [f"{when:%Y-%m}" for when in source["created_at"]]
    truth = sample.truth.set_index("voc_id").loc[source["voc_id"]]
    taught: dict[Head, Taught] = {}
    shared: frozenset[str] | None = None
    for head in HEADS:
        names = (truth[f"{head}_major"] + "_" + truth[f"{head}_minor"]).to_list()
        parts = split(table.assign(label=names), "label", validates=shared)
        shared = shared or frozenset(parts.validation["group"])
        taught[head] = Taught(parts, tuple(Label.parse(name) for name in sorted(set(names))))
    return _Texts("sample VOC", taught)


def _real_texts() -> _Texts | None:
    files = sorted(_REAL.glob("fci_*.txt"))
    if not files:
        return None
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if "\t" in line]
    chosen = [lines[number].split("\t", 1) for number in np.random.default_rng(0).permutation(len(lines))[:_REAL_LINES]]
    blank = [""] * len(chosen)
    table = _table(blank, [text for _, text in chosen], blank)
    table["label"] = [f"intention_{label}" for label, _ in chosen]
    classes = tuple(Label("intention", str(number)) for number in range(_INTENTIONS))
    return _Texts("3i4k", {"subject": Taught(split(table, "label"), classes)})


def _table(titles: Iterable[str], requests: Iterable[str], replies: Iterable[str]) -> pd.DataFrame:
    """Return the columns that an encoder's training reads, but for the label; one text in eight is frozen."""
    raw = list(zip(titles, requests, replies, strict=True))
    rows = [model_input(*texts) for texts in raw]
    table = pd.DataFrame(rows, columns=["request", "reply"])
    table["voc_id"] = [str(number) for number in range(len(rows))]
    table["building_id"], table["month"] = "", ""
    table["group"] = [row_key(title, request) for title, request, _ in raw]
    table["is_sample"] = [sha256(group.encode())[0] in "01" for group in table["group"]]
    return table
