"""Models of a release on the local disk: downloaded once, verified, shared by every process on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from voc_models import keys
from voc_models.artifact import ArtifactError, Device, FileEntry, Manifest, file_path, verify_file
from voc_models.exit_codes import TryAgainError, UnavailableError
from voc_models.labels import HEADS
from voc_models.registry import Registry
from voc_models.releases import Release
from voc_models.store import ObjectStore

#: How long a process waits for another one's download before it gives up with exit 75.
LOCK_SECONDS = 900.0


class ModelCacheError(UnavailableError):
    """The local model directory cannot be written."""


class CachedHead(NamedTuple):
    """One head on the local disk."""

    directory: Path
    manifest: Manifest


class _Needed(NamedTuple):
    key: str
    path: Path
    entry: FileEntry


def fetch(store: ObjectStore, release: Release, cache: Path, device: Device) -> list[CachedHead]:
    """Bring what ``device`` needs of a release into ``cache``; whatever lies there intact is not downloaded again.

    Heads that the keyword tagger serves are left out. Safe for processes that start at the same time.

    Raises:
        RegistryError: a manifest is missing or not the one that the release names.
        ArtifactError: a downloaded file is not what its manifest says.
        ModelCacheError: ``cache`` cannot be written.
        TryAgainError: another process has been downloading for too long.
    """
    registry, heads = Registry(store), list[CachedHead]()
    for head in HEADS:
        entry = release.head(head)
        if entry is not None:
            manifest = registry.manifest(head, entry)
            heads.append(CachedHead(cache / manifest.folder, manifest))
    needed = [file for cached in heads for file in _needed(cached, device)]
    if any(not _intact(file) for file in needed):
        _download(store, needed, cache)
    return heads


def _needed(head: CachedHead, device: Device) -> Iterator[_Needed]:
    """Yield each file that inference needs, with its key; a joint graph's lies in the other head's folder."""
    for name in head.manifest.serving_files(device):
        entry = head.manifest.files[name]
        path = file_path(head.directory, head.manifest, name)
        yield _Needed(f"{keys.MODELS}{path.parent.name}/{name}", path, entry)


def _intact(file: _Needed) -> bool:
    try:
        verify_file(file.path, file.entry)
    except ArtifactError:
        return False
    return True


def _download(store: ObjectStore, needed: list[_Needed], cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / ".lock", timeout=LOCK_SECONDS):
            for file in needed:
                if not _intact(file):  # another process may have been here first
                    file.path.parent.mkdir(exist_ok=True)
                    store.get_file(file.key, file.path)
                    verify_file(file.path, file.entry)
    except Timeout as error:
        raise TryAgainError(f"Another process has been downloading into {cache} for too long. Try again.") from error
    except OSError as error:
        raise ModelCacheError(f"{cache} cannot be written ({error}). Free some space, or set MODEL_DIR.") from error
