"""One head from fitted parts to a model directory that the worker can serve: choice, calibration, manifest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from voc_models.artifact import (
    CONFIG,
    GRAPHS,
    LABEL_MAPPING,
    LINEAR_FILES,
    TOKENIZER_FILES,
    Component,
    FileEntry,
    FinalCalibration,
    Manifest,
    Precision,
    TokenizerFacts,
    TrainingFacts,
    file_entries,
    folder_name,
    label_mapping,
    tokenizer_digest,
    write_manifest,
)
from voc_models.calibration import Floats, softmax
from voc_models.encoding import encode_inputs
from voc_models.inference import KeywordAnswer
from voc_models.labels import OTHER, Head, Label, Taxonomy
from voc_models.linear import load_linear
from voc_models.session import Graph, device_of
from voc_models.text import TEXT_VERSION
from voc_models.threads import available_cpus
from voc_models.tokenizer import SENTENCEPIECE_FILE
from voc_training.baseline import fit_linear
from voc_training.candidate import (
    Choice,
    Evidence,
    KeywordSays,
    choose,
    final_calibrations,
    mixture,
)
from voc_training.export import OPSET, room_on_disk
from voc_training.fit_encoder import WEIGHTS, FittedEncoder, Taught, inputs_of
from voc_training.rows import keyword_columns

_LINEAR: Final = "linear"
#: Each that was exported is calibrated; which one serves is decided by the gate.
_PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "fp16", "int8")


class Built(NamedTuple):
    """A head's model directory with its manifest, complete but for the numbers that are measured on it."""

    head: Head
    directory: Path
    manifest: Manifest
    choice: Choice


class Origin(NamedTuple):
    """What the manifest says of where a model comes from."""

    version: str
    taxonomy: Taxonomy
    training: TrainingFacts
    git_commit: str


def build_head(head: Head, taught: Taught, encoder: FittedEncoder | None, root: Path, origin: Origin) -> Built:
    """Fit the baseline, choose the candidate on validation rows, calibrate it, and lay out its directory in ``root``.

    Every probability that is looked at comes from the files that will be served, not from torch or scikit-learn.

    Raises:
        DiskFullError: there is no room for the files.
    """
    linear = root / f"{_LINEAR}_{head}"
    with room_on_disk(root):
        linear.mkdir(parents=True)
        fit_linear(taught.parts.train, taught.classes, linear)
    choice = choose(evidence(head, taught, linear, encoder, "fp32"))
    precisions: tuple[Precision, ...] = ("exact",)
    if encoder is not None and "kobert" in choice.parts:
        precisions = tuple(name for name in _PRECISIONS if (encoder.directory / GRAPHS[name]).exists())
    calibration: list[FinalCalibration] = []
    for precision in precisions:
        mixed = {reply: evidence(head, taught, linear, encoder, precision, reply=reply) for reply in (True, False)}
        replied = (taught.parts.validation["reply"] != "").to_numpy()
        truth = mixed[True].truth
        calibration += final_calibrations(
            precision,
            (mixture(mixed[True], choice.parts)[replied], truth[replied]),
            (mixture(mixed[False], choice.parts), truth),
        )
    directory = root / folder_name(head, origin.version)
    with room_on_disk(root):
        directory.mkdir()
        _lay_out(directory, taught.classes, linear, encoder, choice)
    manifest = _manifest(head, taught, encoder, choice, calibration, directory, origin)
    write_manifest(directory, manifest)
    return Built(head, directory, manifest, choice)


def evidence(
    head: Head, taught: Taught, linear: Path, encoder: FittedEncoder | None, precision: Precision, *, reply: bool = True
) -> Evidence:
    """Return what the served parts say of the validation rows, with or without the reply."""
    rows = taught.parts.validation
    inputs = inputs_of(rows, reply=reply)
    models: dict[Component, Floats] = {"linear": load_linear(linear).probabilities(inputs)}
    if encoder is not None:
        path = encoder.directory / GRAPHS.get(precision, GRAPHS["fp32"])
        graph = Graph(path, device_of(precision), workers=available_cpus())
        models["kobert"] = softmax(graph.run(encode_inputs(encoder.tokenizer, inputs, encoder.max_length))[head])
    number = {str(label): position for position, label in enumerate(taught.classes)}
    truth = np.asarray([number[label] for label in rows["label"]], dtype=np.int64)
    return Evidence(models, truth, list(rows["group"]), _keyword(rows, head, number, reply=reply))


def _keyword(rows: pd.DataFrame, head: Head, number: Mapping[str, int], *, reply: bool) -> KeywordSays | None:
    """Return what the keyword tagger says, or None when it was asked about no row (other data than VOC)."""
    label, score = keyword_columns(reply=reply)[head]
    if (rows[label] == "").all():
        return None
    return KeywordSays([number.get(said) for said in rows[label]], rows[score].fillna(0.0).to_numpy(float))


def keyword_answer(rows: pd.DataFrame, head: Head, *, reply: bool = True) -> KeywordAnswer:
    """Return the keyword tagger's answers as inference takes them; a row without one says nothing (score 0)."""
    label, score = keyword_columns(reply=reply)[head]
    labels = [Label.parse(text) if text else OTHER for text in rows[label]]
    return KeywordAnswer(labels, rows[score].fillna(0.0).to_numpy(float))


def _lay_out(
    directory: Path, classes: tuple[Label, ...], linear: Path, encoder: FittedEncoder | None, choice: Choice
) -> None:
    """Put the chosen parts' files together; links where the file system can, since graphs are large."""
    (directory / LABEL_MAPPING).write_bytes(label_mapping(classes))
    if "linear" in choice.parts:
        for name in LINEAR_FILES:
            _link(linear / name, directory / name)
    if "kobert" in choice.parts and encoder is not None:
        for name in (CONFIG, WEIGHTS, *(GRAPHS[precision] for precision in _PRECISIONS), *TOKENIZER_FILES):
            if (encoder.directory / name).exists():
                _link(encoder.directory / name, directory / name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _manifest(
    head: Head,
    taught: Taught,
    encoder: FittedEncoder | None,
    choice: Choice,
    calibration: list[FinalCalibration],
    directory: Path,
    origin: Origin,
) -> Manifest:
    files = file_entries(directory)
    encoded = encoder if "kobert" in choice.parts else None
    return Manifest(
        head=head,
        version=origin.version,
        kind=choice.kind,
        labels=tuple((label.major, label.minor) for label in taught.classes),
        text_version=TEXT_VERSION,
        max_length=encoded and encoded.max_length,
        serve={"cpu": "fp32" if encoded else "exact"},
        output=head if encoded else None,
        base_model=encoded and encoded.base_model,
        tokenizer=encoded and _tokenizer_facts(encoded, files),
        opset=OPSET if encoded else None,
        parts=choice.parts,
        calibration=tuple(calibration),
        taxonomy_sha256=origin.taxonomy.digest(head),
        training=origin.training.model_copy(
            update={
                "rows": {
                    "train": len(taught.parts.train),
                    "validation": len(taught.parts.validation),
                    "frozen": len(taught.parts.frozen),
                }
            }
        ),
        files=files,
        git_commit=origin.git_commit,
    )


def _tokenizer_facts(encoder: FittedEncoder, files: Mapping[str, FileEntry]) -> TokenizerFacts:
    return TokenizerFacts(
        kind="sentencepiece" if SENTENCEPIECE_FILE in files else "tokenizers",
        size=encoder.tokenizer.size,
        sha256=tokenizer_digest(files),
    )


def finished(built: Built, changes: Mapping[str, Any], other: Built | None = None) -> Built:
    """Return ``built`` with its last facts in the manifest (metrics, what serves) and every file in the list of files.

    ``other`` is the head whose directory holds the same graph (joint layout): the files that both have are then taken
    from there.
    """
    files = file_entries(built.directory)
    if other is not None:
        for name in (CONFIG, WEIGHTS, *GRAPHS.values(), *TOKENIZER_FILES):
            theirs = other.manifest.files.get(name)
            if theirs and name in files and theirs.sha256 == files[name].sha256:
                files[name] = theirs.model_copy(update={"folder": other.directory.name})
                (built.directory / name).unlink()
    # Validated anew, unlike model_copy: what is served must be complete.
    manifest = Manifest.model_validate({**built.manifest.model_dump(), **changes, "files": files})
    write_manifest(built.directory, manifest)
    return built._replace(manifest=manifest)
