"""Open verified model directories: the checks that stand between a damaged artifact and a wrong table."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voc_models.artifact import (
    GRAPHS,
    TOKENIZER_FILES,
    ArtifactError,
    Device,
    Manifest,
    file_path,
    tokenizer_digest,
    verify,
)
from voc_models.encoding import Encoded
from voc_models.inference import LoadedHead, Model, checked_width
from voc_models.labels import HEAD_NAMES, Taxonomy
from voc_models.linear import LinearModel, load_linear
from voc_models.session import Graph
from voc_models.text import TEXT_VERSION
from voc_models.threads import available_cpus
from voc_models.tokenizer import CLS, SEP, Tokenizer, load_tokenizer

log = logging.getLogger(__name__)


class ModelLoader:
    """Loads heads on one device; graphs and tokenizers that two heads share are opened once."""

    def __init__(self, device: Device, *, workers: int | None = None) -> None:
        """Take the device and how many threads may work; by default as many as the container's CPU limit allows."""
        self._device: Device = device
        self._workers = workers or available_cpus()
        self._graphs: dict[str, Graph] = {}
        self._tokenizers: dict[str, Tokenizer] = {}

    def load(self, heads: Iterable[tuple[Path, Manifest]], taxonomy: Taxonomy) -> Model:
        """Verify and open each (directory, manifest).

        Raises:
            ArtifactError: a file is missing or differs, or tokenizer, labels and graph do not belong together.
            DataError: no label of a head is in the taxonomy any more.
        """
        loaded = [self._head(directory, manifest, taxonomy) for directory, manifest in heads]
        return Model({head.manifest.head: head for head in loaded})

    def _head(self, directory: Path, manifest: Manifest, taxonomy: Taxonomy) -> LoadedHead:
        if manifest.text_version != TEXT_VERSION:
            raise ArtifactError(
                f"{manifest.folder} was trained on text version {manifest.text_version}, this program makes version "
                f"{TEXT_VERSION}. Train again, or use the program of that time."
            )
        verify(directory, manifest, self._device)
        allowed = _allowed(manifest, taxonomy)
        linear = _linear(directory, manifest) if "linear" in manifest.parts else None
        if "kobert" not in manifest.parts:
            return LoadedHead(manifest, allowed, self._device, linear=linear)
        graph, tokenizer = self._graph(directory, manifest), self._tokenizer(directory, manifest)
        _try_out(graph, tokenizer, manifest)
        return LoadedHead(manifest, allowed, self._device, graph, tokenizer, linear)

    def _graph(self, directory: Path, manifest: Manifest) -> Graph:
        name = GRAPHS[manifest.precision(self._device)]
        digest = manifest.files[name].sha256
        if digest not in self._graphs:
            path = file_path(directory, manifest, name)
            self._graphs[digest] = Graph(path, self._device, workers=self._workers)
        if manifest.output not in self._graphs[digest].outputs:
            raise ArtifactError(
                f"{manifest.folder}: {name} has no output {manifest.output!r}. Publish the model again."
            )
        return self._graphs[digest]

    def _tokenizer(self, directory: Path, manifest: Manifest) -> Tokenizer:
        digest = tokenizer_digest(manifest.files)
        if digest not in self._tokenizers:
            first = next(name for name in TOKENIZER_FILES if name in manifest.files)
            self._tokenizers[digest] = load_tokenizer(file_path(directory, manifest, first).parent)
        tokenizer, facts = self._tokenizers[digest], manifest.tokenizer
        if facts is None or (digest, tokenizer.size) != (facts.sha256, facts.size):
            raise ArtifactError(
                f"{manifest.folder}: the tokenizer beside the model ({tokenizer.size} ids) is not the one that it was "
                f"trained with ({facts.size if facts else 0} ids). Publish the model again."
            )
        return tokenizer


def _allowed(manifest: Manifest, taxonomy: Taxonomy) -> npt.NDArray[np.bool_]:
    """Return which classes are still in the taxonomy; when it changed since training, say what it means."""
    retired = set(manifest.retired(taxonomy))
    if len(retired) == len(manifest.labels):
        raise ArtifactError(
            f"No label of {manifest.folder} is active in the taxonomy any more. Train a new model or tag with keywords."
        )
    if taxonomy.digest(manifest.head) != manifest.taxonomy_sha256:
        added = sorted(str(label) for label in set(taxonomy.labels(manifest.head)) - set(manifest.label_list))
        log.warning(
            "%s: the %s taxonomy changed since training; never answered: %s, unknown to the model: %s.",
            manifest.folder,
            HEAD_NAMES[manifest.head],
            ", ".join(sorted(map(str, retired))) or "none",
            ", ".join(added) or "none",
        )
    return np.asarray([label not in retired for label in manifest.label_list], dtype=np.bool_)


def _linear(directory: Path, manifest: Manifest) -> LinearModel:
    linear = load_linear(directory)
    if linear.classes != len(manifest.labels):
        raise ArtifactError(
            f"{manifest.folder} has {len(manifest.labels)} labels, its linear model {linear.classes}. "
            "Publish the model again."
        )
    return linear


def _try_out(graph: Graph, tokenizer: Tokenizer, manifest: Manifest) -> None:
    """Run the longest row with the highest id once: a graph of another vocabulary, length or label count fails here."""
    length = manifest.max_length or 2
    row = Encoded((CLS, *[tokenizer.size - 1] * (length - 2), SEP), length)
    checked_width(graph.run([row])[str(manifest.output)], manifest)
