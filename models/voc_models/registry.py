"""Which releases there are and which one serves: the model store's records, changed only by conditional writes.

``models/champion.json`` is the one switch. Whoever changes it must have read it: of two trainers that compared with the
same champion only one can win, and the other compares again. ``models/history.jsonl`` is the log of what happened.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from voc_models import keys
from voc_models.artifact import MANIFEST, Manifest, read_manifest
from voc_models.exit_codes import DataError, TryAgainError
from voc_models.labels import Head
from voc_models.plan import PlannedModel, read_record
from voc_models.releases import (
    Champion,
    ChampionState,
    HistoryEntry,
    ListedRelease,
    Release,
    ReleaseHead,
    version_order,
)
from voc_models.run import CHAMPION_MODEL, KEYWORD_MODEL
from voc_models.store import ObjectNotFoundError, ObjectStore, PreconditionFailedError

_JSON = "application/json"
_APPEND_TRIES = 20
_EARLIER_KEPT = 50


class RegistryError(DataError):
    """A release, the champion or the history cannot be what it should be."""


class ChampionChangedError(TryAgainError):
    """Another release became champion since it was read."""


class Registry:
    """The model store's records."""

    def __init__(self, store: ObjectStore, pin: PlannedModel | None = None) -> None:
        """Take the store, and the release that an environment pins; without a pin ``champion.json`` is followed."""
        self._store = store
        self.pin = pin

    # Releases

    def claim_version(self, day: date, by: str) -> str:
        """Reserve the day's next free version, ``20260116`` or ``20260116-2`` and so on; no other trainer gets it."""
        number = 1
        while True:
            version = f"{day:%Y%m%d}" + (f"-{number}" if number > 1 else "")
            if not self._store.exists(keys.release(version)):
                try:
                    self._store.put(keys.claim(version), by.encode(), content_type="text/plain", if_absent=True)
                except PreconditionFailedError:
                    pass
                else:
                    return version
            number += 1

    def publish_artifact(self, directory: Path) -> ReleaseHead:
        """Upload one head's directory, the manifest last, and return its entry for a release.

        Raises:
            ArtifactError: the manifest is missing.
            RegistryError: this version of the head is in the store already, or a joint graph's other head is not.
        """
        manifest = read_manifest(directory)
        prefix = keys.artifact(manifest.head, manifest.version)
        data = (directory / MANIFEST).read_bytes()
        if self._store.exists(prefix + MANIFEST):
            raise RegistryError(f"{prefix} is published already. Claim another version.")
        for name, entry in manifest.files.items():
            shared = f"{keys.MODELS}{entry.folder}/{name}"
            if entry.folder is None:
                self._store.put_file(prefix + name, directory / name)
            elif not self._store.exists(shared):
                raise RegistryError(
                    f"{shared}, which {prefix} refers to, is not in the store. Publish that head first."
                )
        self._store.put(prefix + MANIFEST, data, content_type=_JSON, if_absent=True)
        sha256 = hashlib.sha256(data).hexdigest()
        return ReleaseHead(version=manifest.version, kind=manifest.kind, manifest_sha256=sha256)

    def publish_release(self, release: Release) -> PlannedModel:
        """Write ``releases/{version}.json``, which never changes afterwards; return its name and digest.

        Raises:
            RegistryError: that version exists.
            DataError: it could not be read again (a score that is no number).
        """
        key, data = keys.release(release.version), release.to_json()
        read_record(Release, data, key)
        try:
            self._store.put(key, data, content_type=_JSON, if_absent=True)
        except PreconditionFailedError as error:
            raise RegistryError(f"Release {release.version} exists already. Claim another version.") from error
        return PlannedModel(release=release.version, digest=hashlib.sha256(data).hexdigest())

    def release(self, version: str) -> Release:
        """Return a release.

        Raises:
            RegistryError: there is none of that version.
        """
        return self._release(version)[0]

    def _release(self, version: str) -> tuple[Release, str]:
        key = keys.release(version)
        try:
            data = self._store.get(key).data
        except ObjectNotFoundError as error:
            raise RegistryError(f"There is no release {version}. `voc models` lists those that exist.") from error
        release = read_record(Release, data, key)
        if release.version != version:
            raise RegistryError(f"{key} calls itself {release.version}. Restore it from the trainer's output.")
        return release, hashlib.sha256(data).hexdigest()

    def list_releases(self) -> list[ListedRelease]:
        """Return every release, oldest first."""
        names = [entry.key[len(keys.RELEASES) :] for entry in self._store.list(keys.RELEASES)]
        versions = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        champion = self.champion().champion.release
        found = [self.release(version) for version in sorted(versions, key=version_order)]
        return [ListedRelease(release, release.version == champion) for release in found]

    def manifest(self, head: Head, entry: ReleaseHead) -> Manifest:
        """Return a head's manifest.

        Raises:
            RegistryError: it is missing or not the one that the release names.
        """
        key = keys.artifact(head, entry.version) + MANIFEST
        try:
            data = self._store.get(key).data
        except ObjectNotFoundError as error:
            raise RegistryError(f"{key} is missing. Promote another release, or publish this one again.") from error
        if hashlib.sha256(data).hexdigest() != entry.manifest_sha256:
            raise RegistryError(f"{key} is not the one that the release names. Promote another release.")
        return read_record(Manifest, data, key)

    # The champion

    def champion(self) -> ChampionState:
        """Return the champion; without one it is the keyword tagger."""
        try:
            found = self._store.get(keys.CHAMPION)
        except ObjectNotFoundError:
            return ChampionState(Champion(), None)
        return ChampionState(read_record(Champion, found.data, keys.CHAMPION), found.etag)

    def resolve(self, model_version: str) -> PlannedModel:
        """Return the release and digest that ``champion``, ``keyword`` or a version stands for now.

        Where a release is pinned, ``champion`` is that one.

        Raises:
            RegistryError: there is no such release, or the pinned one has another digest.
        """
        if model_version == CHAMPION_MODEL and self.pin is not None:
            return self._pinned(self.pin)
        version = self.champion().champion.release if model_version == CHAMPION_MODEL else model_version
        if version == KEYWORD_MODEL:
            return PlannedModel()
        return PlannedModel(release=version, digest=self._release(version)[1])

    def _pinned(self, pin: PlannedModel) -> PlannedModel:
        if pin.release == KEYWORD_MODEL:
            return pin
        digest = self._release(pin.release)[1]
        if digest != pin.digest:
            raise RegistryError(
                f"Release {pin.release} is pinned with the digest {pin.digest[:12]}…, but {keys.release(pin.release)} "
                f"in {self._store.address} has {digest[:12]}…. Correct the pin (MODEL_RELEASE and MODEL_DIGEST; "
                "`voc promote` writes both), or restore that object."
            )
        return pin

    def planned(self, model: PlannedModel) -> Release | None:
        """Return the release of a plan, checked against its digest; None for the keyword tagger.

        Raises:
            RegistryError: it is missing, or is not what was planned.
        """
        if model.release == KEYWORD_MODEL:
            return None
        release, digest = self._release(model.release)
        if digest != model.digest:
            raise RegistryError(f"Release {model.release} changed since this run was planned. Start a new run.")
        return release

    def promote(
        self, version: str, *, by: str, reason: str, at: datetime, compared_with: str | None = None
    ) -> Champion:
        """Make ``version`` (or ``keyword``) the champion.

        Args:
            version: an existing release.
            by: a person or a run.
            reason: the decision, for the history.
            at: when it was taken.
            compared_with: the champion that the candidate was compared with; a person's decision needs none.

        Raises:
            RegistryError: there is no such release.
            ChampionChangedError: the champion is another one by now.
        """
        before = self.champion()
        if before.champion.release == version:
            self._record_switch("promoted", before.champion)
            return before.champion
        if compared_with not in {None, before.champion.release}:
            raise ChampionChangedError(
                f"{version} was compared with {compared_with}, but {before.champion.release} is champion by now. "
                "Compare again."
            )
        self._must_exist(version)
        earlier = (*before.champion.earlier, before.champion.release)[-_EARLIER_KEPT:]
        champion = Champion(release=version, since=at, by=by, reason=reason, earlier=earlier)
        self._switch(champion, before)
        self._record_switch("promoted", champion)
        return champion

    def rollback(self, *, by: str, reason: str, at: datetime) -> Champion:
        """Make the champion before this one champion again; the keyword tagger comes before the first.

        Raises:
            RegistryError: nothing was ever promoted.
            ChampionChangedError: somebody else changed it in between.
        """
        before = self.champion()
        if not before.champion.earlier:
            raise RegistryError(f"Nothing came before {before.champion.release}: there is no champion to go back to.")
        *earlier, version = before.champion.earlier
        self._must_exist(version)
        champion = Champion(release=version, since=at, by=by, reason=reason, earlier=tuple(earlier))
        self._switch(champion, before)
        self._record_switch("rolled_back", champion)
        return champion

    def _must_exist(self, version: str) -> None:
        if version != KEYWORD_MODEL:
            self.release(version)

    def _record_switch(self, event: Literal["promoted", "rolled_back"], champion: Champion) -> None:
        """Add the switch to the history unless it is there: a killed process may have left only the champion."""
        at, release = champion.since, champion.release
        switches = [(entry.at, entry.release) for entry in self.history() if entry.event in {"promoted", "rolled_back"}]
        if at and switches[-1:] != [(at, release)]:
            self.append(HistoryEntry(at=at, event=event, release=release, by=champion.by, reason=champion.reason))

    def _switch(self, champion: Champion, before: ChampionState) -> None:
        try:
            self._store.put(
                keys.CHAMPION,
                champion.to_json(),
                content_type=_JSON,
                if_match=before.etag,
                if_absent=before.etag is None,
            )
        except PreconditionFailedError as error:
            raise ChampionChangedError(
                f"Somebody else changed the champion while {champion.release} was about to replace "
                f"{before.champion.release}. Look at `voc models` and try again."
            ) from error

    # The history

    def history(self) -> list[HistoryEntry]:
        """Return every entry, oldest first."""
        return [
            read_record(HistoryEntry, line.encode(), f"{keys.HISTORY} line {number}")
            for number, line in enumerate(self._history()[0].decode().splitlines(), start=1)
        ]

    def _history(self) -> tuple[bytes, str | None]:
        try:
            found = self._store.get(keys.HISTORY)
        except ObjectNotFoundError:
            return b"", None
        return found.data, found.etag

    def append(self, entry: HistoryEntry) -> None:
        """Add one line; writers that meet repeat until each has added its own.

        Raises:
            TryAgainError: others were faster twenty times in a row.
        """
        line = (entry.model_dump_json() + "\n").encode()
        for _ in range(_APPEND_TRIES):
            data, etag = self._history()
            try:
                self._store.put(keys.HISTORY, data + line, content_type=_JSON, if_match=etag, if_absent=etag is None)
            except PreconditionFailedError:
                continue
            return
        raise TryAgainError(f"{keys.HISTORY} is being written by others. Try again in a minute.")
