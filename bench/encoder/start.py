"""From a cold process to the first answer, and texts into ids."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import onnx

from bench.encoder.models import CLASSES, LONGEST
from bench.encoder.speed import seconds
from bench.measured import Goal, Measured
from bench.watch import watch
from voc_models.artifact import (
    GRAPHS,
    LABEL_MAPPING,
    FinalCalibration,
    Manifest,
    Part,
    TokenizerFacts,
    file_entries,
    folder_name,
    label_mapping,
    tokenizer_digest,
    write_manifest,
)
from voc_models.calibration import Calibration
from voc_models.labels import HEADS, Head, Label, Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_models.registry import Registry
from voc_models.releases import release_of
from voc_models.stores import open_store
from voc_models.text import TEXT_VERSION, ModelInput
from voc_models.tokenizer import (
    SENTENCEPIECE_FILE,
    TOKENIZERS_FILE,
    VOCABULARY_FILE,
    Tokenizer,
    load_tokenizer,
)
from voc_training.encoder import train_vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

#: KoBERT's own tokenizer, where somebody put it beside the checkout.
_KOBERT: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "kobert"
_VERSION: Final = "20260116"
_STARTS: Final = 5
_TEXTS: Final = 4000


def tokeniser(texts: Sequence[ModelInput], folder: Path) -> Tokenizer:
    """Put KoBERT's tokenizer into a new ``folder``, or one of a vocabulary learnt from ``texts``, and open it."""
    folder.mkdir()
    if _KOBERT.is_dir():
        shutil.copyfile(next(_KOBERT.glob("*.model")), folder / SENTENCEPIECE_FILE)
        shutil.copyfile(_KOBERT / VOCABULARY_FILE, folder / VOCABULARY_FILE)
    else:
        train_vocabulary(texts, 4000).save(str(folder / TOKENIZERS_FILE))
    return load_tokenizer(folder)


def tokenising(tokenizer: Tokenizer, texts: Sequence[ModelInput]) -> Measured:
    """Return texts per second on one core; a text is a request of the sample, cleaned already."""
    requests = [row.request for row in texts[:_TEXTS]]
    tokenizer.encode(requests[:100])
    taken = statistics.median(seconds(lambda: tokenizer.encode(requests)) for _ in range(5))
    return Measured("tokenising", len(requests) / taken, "texts/s", Goal("at least", 12_000))


def first_prediction(graph: Path, tokenizer: Path, folder: Path) -> list[Measured]:
    """Publish two int8 models of KoBERT's size, and let fresh processes open them as a building's Job does.

    The files are in the local model directory already, as after the first building on a machine; they are verified.
    """
    taxonomy = _taxonomy()
    store, cache = (folder / "store").as_uri(), folder / "cache"
    registry = Registry(open_store(store))
    heads = {
        head: registry.publish_artifact(_artifact(head, graph, tokenizer, folder / "made", taxonomy)) for head in HEADS
    }
    release = release_of(_VERSION, heads, by="bench", created=datetime.now(UTC), champion=None)
    planned = registry.publish_release(release)
    (folder / "taxonomy.json").write_bytes(taxonomy.model_dump_json().encode())
    command = [sys.executable, "-m", "bench.encoder.first", store, str(cache), str(folder / "taxonomy.json")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    command += [planned.release, str(planned.digest)]
    starts = [watch(command, environment, folder, cores=2, every=0.05) for _ in range(1 + _STARTS)][1:]
    return [
        Measured(
            "start to first prediction, int8",
            statistics.median(start.seconds for start in starts),
            "s",
            Goal("at most", 2),
        ),
        Measured("peak memory of that process", max(start.peak_mb for start in starts), "MB", Goal("at most", 450)),
    ]


def _labels() -> list[Label]:
    return [Label(f"대분류{number}", f"중분류{number}") for number in range(CLASSES)]


def _taxonomy() -> Taxonomy:
    return checked_taxonomy(
        [TaxonomyEntry(kind=head, major=label.major, minor=label.minor) for head in HEADS for label in _labels()]
    )


def _artifact(head: Head, graph: Path, tokenizer: Path, root: Path, taxonomy: Taxonomy) -> Path:
    """Lay out one head's model directory around an untrained int8 graph."""
    directory = root / folder_name(head, _VERSION)
    directory.mkdir(parents=True)
    model = onnx.load(str(graph))
    model.doc_string = head  # another file for each head: equal ones would be opened once
    onnx.save(model, str(directory / GRAPHS["int8"]))
    for path in tokenizer.iterdir():
        shutil.copyfile(path, directory / path.name)
    (directory / LABEL_MAPPING).write_bytes(label_mapping(_labels()))
    files = file_entries(directory)
    manifest = Manifest(
        head=head,
        version=_VERSION,
        kind="kobert",
        labels=tuple((label.major, label.minor) for label in _labels()),
        text_version=TEXT_VERSION,
        max_length=LONGEST,
        serve={"cpu": "int8"},
        output="subject",
        tokenizer=TokenizerFacts(
            kind="sentencepiece" if SENTENCEPIECE_FILE in files else "tokenizers",
            size=load_tokenizer(directory).size,
            sha256=tokenizer_digest(files),
        ),
        parts={"kobert": Part(weight=1.0)},
        calibration=tuple(
            FinalCalibration(precision="int8", with_reply=reply, calibration=Calibration()) for reply in (True, False)
        ),
        taxonomy_sha256=taxonomy.digest(head),
        files=files,
    )
    write_manifest(directory, manifest)
    return directory
