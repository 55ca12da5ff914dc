"""One head's model directory: what its files are called, what ``manifest.json`` says, and the checks before use.

The manifest is written last and holds the SHA-256 of every other file; a release holds the manifest's. So whoever
trusts the release trusts every byte that is served.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from voc_models.calibration import Calibration
from voc_models.exit_codes import DataError
from voc_models.labels import HEAD_NAMES, Head, Label, Taxonomy
from voc_models.plan import Record, read_record
from voc_models.tokenizer import SENTENCEPIECE_FILE, TOKENIZERS_FILE, VOCABULARY_FILE

MANIFEST = "manifest.json"
LABEL_MAPPING = "label_mapping.json"
CONFIG = "config.json"
#: Graph files by precision; a linear head has none.
GRAPHS: Mapping[str, str] = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_int8.onnx"}
TOKENIZER_FILES = (SENTENCEPIECE_FILE, VOCABULARY_FILE, TOKENIZERS_FILE)
#: The linear model's files (voc_models.linear); ``.npy`` can be mapped into memory, and there is no pickle anywhere.
LINEAR_FILES = ("linear.json", "linear_terms.json", "linear_idf.npy", "linear_weights.npy", "linear_bias.npy")

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]*")

Device = Literal["cpu", "cuda"]
#: ``exact`` is the linear model's: there is one precision only.
Precision = Literal["fp32", "fp16", "int8", "exact"]
Component = Literal["linear", "kobert", "keyword"]
Kind = Literal["linear", "kobert", "blend"]


class ArtifactError(DataError):
    """A model directory is incomplete, damaged, or its parts do not belong together."""


class FileEntry(Record):
    """One file; ``folder`` names the artifact folder that holds it when that is another one (a joint graph)."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0, description="Bytes.")
    folder: str | None = Field(None, pattern=r"^kobert_(subject|work)_[0-9]{8}(-[0-9]+)?$")


class TokenizerFacts(Record):
    """Which tokenizer the encoder was trained with."""

    kind: Literal["sentencepiece", "tokenizers"]
    size: int = Field(gt=0, description="Ids, special tokens included.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="tokenizer_digest() of its files.")


class Part(Record):
    """One scorer of a head: its share in the mixture, and what is done to its scores before mixing.

    ``linear`` and ``kobert`` use the temperature; ``keyword`` uses the curve from the tagger's score to a probability.
    """

    weight: float = Field(gt=0, allow_inf_nan=False)
    calibration: Calibration = Calibration()


class FinalCalibration(Record):
    """Calibration after mixing, for one precision, with or without the reply."""

    precision: Precision
    with_reply: bool
    calibration: Calibration


class TrainingFacts(Record):
    """Where the model comes from."""

    months: tuple[str, ...] = ()
    rows: Mapping[str, int] = Field(default_factory=dict, description="Such as train, validation, frozen.")
    started: datetime | None = None
    seed: int | None = None
    details: Mapping[str, Any] = Field(default_factory=dict)


class Manifest(Record):
    """``manifest.json``; see the design, section 3.6."""

    schema_version: Literal[1] = 1
    head: Head
    version: str = Field(pattern=r"^[0-9]{8}(-[0-9]+)?$")
    kind: Kind
    labels: tuple[tuple[str, str], ...] = Field(
        min_length=2, description="(대분류, 중분류) in the order of the outputs."
    )
    input_fields: tuple[str, ...] = ("title", "request_contents", "reply")
    text_version: int
    max_length: int | None = Field(None, ge=8, description="Tokens with special ones; None without an encoder.")
    serve: Mapping[Device, Precision] = Field(description="The precision that passed the gate on each device.")
    output: str | None = Field(None, description="The graph's output of this head.")
    base_model: str | None = None
    tokenizer: TokenizerFacts | None = None
    opset: int | None = None
    parts: Mapping[Component, Part]
    calibration: tuple[FinalCalibration, ...]
    taxonomy_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    training: TrainingFacts = TrainingFacts()
    metrics: Mapping[str, Any] = Field(default_factory=dict)
    files: Mapping[str, FileEntry]
    git_commit: str = ""

    @property
    def folder(self) -> str:
        """The artifact's folder name."""
        return folder_name(self.head, self.version)

    @property
    def label_list(self) -> tuple[Label, ...]:
        """The labels in the order of the outputs."""
        return tuple(Label(*pair) for pair in self.labels)

    @model_validator(mode="after")
    def _labels_can_be_written(self) -> Manifest:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a label is there twice")
        for major, minor in self.labels:
            if not major or not minor or "_" in major:
                raise ValueError(f"label {major!r}/{minor!r} has a blank part or a 대분류 with '_'")
        return self

    @model_validator(mode="after")
    def _files_stay_in_their_folder(self) -> Manifest:
        for name in self.files:
            if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
                raise ValueError(f"file name {name!r} is not a plain one")
        return self

    @model_validator(mode="after")
    def _kind_and_parts_agree(self) -> Manifest:
        parts = set(self.parts)
        if not parts - {"keyword"}:
            raise ValueError("a model needs a linear or a kobert part")
        if self.kind != ("blend" if len(parts) > 1 else next(iter(parts))):
            raise ValueError(f"kind {self.kind} does not fit the parts {sorted(parts)}")
        encoder = (self.max_length, self.output, self.tokenizer)
        if ("kobert" in parts) != all(encoder) or ("kobert" not in parts and any(encoder)):
            raise ValueError("max_length, output and tokenizer belong to a kobert part, all three or none")
        if "kobert" in parts and not set(TOKENIZER_FILES) & set(self.files):
            raise ValueError("files lacks the tokenizer of the kobert part")
        return self

    @model_validator(mode="after")
    def _every_served_precision_is_complete(self) -> Manifest:
        if "cpu" not in self.serve:
            raise ValueError("serve has no precision for cpu")
        known = {(entry.precision, entry.with_reply) for entry in self.calibration}
        for precision in set(self.serve.values()):
            if (precision == "exact") == ("kobert" in self.parts):
                raise ValueError(f"precision {precision} does not fit a {self.kind} model")
            if not {(precision, True), (precision, False)} <= known:
                raise ValueError(f"calibration for {precision} lacks an entry with or without reply")
        missing = [name for device in self.serve for name in self.serving_files(device) if name not in self.files]
        if missing:
            raise ValueError(f"files lacks {missing[0]}")
        return self

    def precision(self, device: Device) -> Precision:
        """Return the precision served on ``device``; the CPU's where none was proved for it."""
        return self.serve.get(device, self.serve["cpu"])

    def serving_files(self, device: Device) -> tuple[str, ...]:
        """Return the files that inference on ``device`` needs: not the torch weights, not the model card."""
        names = [LABEL_MAPPING]
        if "kobert" in self.parts:
            names.append(GRAPHS[self.precision(device)])
            names.extend(name for name in TOKENIZER_FILES if name in self.files)
        if "linear" in self.parts:
            names.extend(LINEAR_FILES)
        return tuple(names)

    def final_calibration(self, precision: Precision, *, with_reply: bool) -> Calibration:
        """Return the calibration after mixing for a served precision."""
        for entry in self.calibration:
            if entry.precision == precision and entry.with_reply == with_reply:
                return entry.calibration
        raise ArtifactError(f"{self.folder} has no calibration for {precision}. Publish the model again.")

    def retired(self, taxonomy: Taxonomy) -> tuple[Label, ...]:
        """Return the model's labels that are no longer active in ``taxonomy``."""
        active = set(taxonomy.labels(self.head))
        return tuple(label for label in self.label_list if label not in active)


def folder_name(head: Head, version: str) -> str:
    """Return the folder of one head's files, e.g. ``kobert_subject_20260116``."""
    return f"kobert_{head}_{version}"


def label_mapping(labels: Iterable[Label]) -> bytes:
    """Return ``label_mapping.json``: joined label to output number (``{"환경_청결/미화": 0, …}``)."""
    numbered = {str(label): number for number, label in enumerate(labels)}
    return (json.dumps(numbered, ensure_ascii=False, indent=1) + "\n").encode()


def read_label_mapping(data: bytes) -> tuple[Label, ...]:
    """Return the labels in the order of the outputs.

    Raises:
        ArtifactError: it is no such mapping, or its numbers have gaps.
    """
    try:
        numbered = {str(label): int(number) for label, number in json.loads(data).items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise ArtifactError(f"{LABEL_MAPPING} cannot be read. Publish the model again.") from error
    if sorted(numbered.values()) != list(range(len(numbered))):
        raise ArtifactError(f"{LABEL_MAPPING} does not number its labels from 0 without gaps. Publish the model again.")
    return tuple(Label.parse(label) for label in sorted(numbered, key=lambda label: numbered[label]))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_entries(directory: Path, *, folder: str | None = None) -> dict[str, FileEntry]:
    """Describe every file in ``directory`` but the manifest; ``folder`` marks them as another artifact's."""
    return {
        path.name: FileEntry(sha256=sha256_file(path), size=path.stat().st_size, folder=folder)
        for path in sorted(directory.iterdir())
        if path.is_file() and path.name != MANIFEST
    }


def tokenizer_digest(entries: Mapping[str, FileEntry]) -> str:
    """Return one SHA-256 over the tokenizer's files among ``entries``: two heads with equal ones share their ids."""
    lines = [f"{name} {entries[name].sha256}\n" for name in TOKENIZER_FILES if name in entries]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_manifest(directory: Path, manifest: Manifest) -> str:
    """Write the manifest, after every other file, and return its SHA-256."""
    data = manifest.to_json()
    (directory / MANIFEST).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read_manifest(directory: Path, *, sha256: str | None = None) -> Manifest:
    """Read ``manifest.json``, and compare its hash when one is given.

    Raises:
        ArtifactError: it is missing, or its hash is another one.
        DataError: it is not what this version understands.
    """
    path = directory / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{directory.name} has no readable {MANIFEST} ({error}). Publish the model again."
        ) from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise ArtifactError(
            f"{directory.name}/{MANIFEST} is not the one that the release names. Publish the model again."
        )
    return read_record(Manifest, data, f"{directory.name}/{MANIFEST}")


def file_path(directory: Path, manifest: Manifest, name: str) -> Path:
    """Return where a file of the manifest lies: in ``directory``, or in the artifact folder beside it."""
    folder = manifest.files[name].folder
    return (directory.parent / folder if folder else directory) / name


def verify_file(path: Path, entry: FileEntry) -> None:
    """Compare a file with what the manifest says of it.

    Raises:
        ArtifactError: it is missing, cut off, or has other bytes.
    """
    where = f"{path.parent.name}/{path.name}"
    try:
        size = path.stat().st_size
        if size != entry.size:
            raise ArtifactError(
                f"{where} has {size} bytes instead of {entry.size}: it is cut off. Publish the model again."
            )
        digest = sha256_file(path)
    except OSError as error:
        raise ArtifactError(f"{where} cannot be read ({error}). Publish the model again.") from error
    if digest != entry.sha256:
        raise ArtifactError(
            f"{where} does not have the SHA-256 of its manifest: it was changed. Publish the model again."
        )


def verify(directory: Path, manifest: Manifest, device: Device) -> None:
    """Verify every file that inference on ``device`` needs, and that the label mapping names the manifest's labels.

    Raises:
        ArtifactError: a file is missing or differs, or the labels disagree.
    """
    for name in manifest.serving_files(device):
        verify_file(file_path(directory, manifest, name), manifest.files[name])
    mapped = read_label_mapping(file_path(directory, manifest, LABEL_MAPPING).read_bytes())
    if mapped != manifest.label_list:
        raise ArtifactError(
            f"{manifest.folder}: {LABEL_MAPPING} and {MANIFEST} name different labels for {HEAD_NAMES[manifest.head]}. "
            "Publish the model again."
        )
