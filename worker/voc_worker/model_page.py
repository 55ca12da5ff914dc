"""The model page: from manifests, the champion's history and the reviewed months to one HTML document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from voc_models.artifact import Manifest
from voc_models.labels import HEADS, Head
from voc_models.releases import HistoryEntry, Release
from voc_models.run import CHAMPION_MODEL, KEYWORD_MODEL
from voc_worker import archive
from voc_worker.dashboard import render_model
from voc_worker.measures.fleet import measure_fleet, summarise_building
from voc_worker.measures.fleet_model import BuildingMonth
from voc_worker.measures.rows import corrected, reviewed
from voc_worker.pages.model_report import (
    ChampionEntry,
    ConfusedPair,
    CorrectionMonth,
    CoverageAt,
    HeadReport,
    LearningPoint,
    ModelReport,
)
from voc_worker.wiring import Parts

_SWITCHES = frozenset({"promoted", "rolled_back"})


def model_page(parts: Parts) -> str:
    """Return the page of the release in service; months are those in the store, reviews as far as they are."""
    registry = parts.registry
    serving = registry.resolve(CHAMPION_MODEL).release
    release = None if serving == KEYWORD_MODEL else registry.release(serving)
    summaries, corrections = _months(parts)
    newest = max((one.month for one in summaries), default=None)
    fleet = measure_fleet(newest, [one for one in summaries if one.month == newest], summaries) if newest else None
    return render_model(
        ModelReport(
            release=serving,
            heads=tuple(_heads(parts, release)) if release else (),
            months=fleet.months if fleet else (),
            corrections=corrections,
            champions=tuple(champion_entry(entry) for entry in registry.history() if entry.event in _SWITCHES),
        )
    )


def _heads(parts: Parts, release: Release) -> Iterable[HeadReport]:
    for head in HEADS:
        entry = release.head(head)
        if entry is not None:
            found = head_report(head, parts.registry.manifest(head, entry))
            if found is not None:
                yield found


def head_report(head: Head, manifest: Manifest) -> HeadReport | None:
    """Return what a manifest says of one head on the frozen rows, or None when nothing was measured there."""
    metrics: Mapping[str, Any] = manifest.metrics
    frozen = (metrics.get("frozen") or {}).get("with_reply")
    if not frozen:
        return None
    calibration = metrics.get("ece") or {}
    return HeadReport(
        head=head,
        kind=manifest.kind,
        rows=frozen["rows"],
        accuracy=frozen["accuracy"],
        macro_f1=frozen["macro_f1"],
        ece=calibration.get("after"),
        ece_before=calibration.get("before"),
        coverage=tuple(CoverageAt(**point) for point in frozen["coverage"]),
        confusions=tuple(ConfusedPair(**pair) for pair in frozen["confusions"]),
        learning=tuple(
            LearningPoint(str(point["until"]), point["accuracy"]) for point in metrics.get("learning_curve") or ()
        ),
    )


def champion_entry(entry: HistoryEntry) -> ChampionEntry:
    """Return one switch of the champion as the page shows it."""
    return ChampionEntry(at=f"{entry.at:%Y-%m-%d}", release=entry.release, by=entry.by, reason=entry.reason)


def _months(parts: Parts) -> tuple[list[BuildingMonth], tuple[CorrectionMonth, ...]]:
    """Return each building's months and, by month, what people changed; one frame is in memory at a time."""
    summaries: list[BuildingMonth] = []
    corrections: list[CorrectionMonth] = []
    for month in archive.months_in_store(parts.store):
        counts = {"reviewed": 0, "subject": 0, "work": 0}
        for found in archive.read_months(parts.store, month):
            frame, building_id = found.frame, found.latest.building_id
            name = str(frame["building_name"].iloc[0]) if len(frame) else building_id
            summaries.append(summarise_building(month, building_id, name, frame, None))
            counts["reviewed"] += sum(reviewed(frame))
            for head in HEADS:
                counts[head] += sum(corrected(frame, head))
        if counts["reviewed"]:
            corrections.append(CorrectionMonth(month=month, **counts))
    return summaries, tuple(corrections)
