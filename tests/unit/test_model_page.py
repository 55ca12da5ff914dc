"""From a manifest and the history to the model page's records."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.unit import fixtures_infer as fx
from voc_models.releases import HistoryEntry
from voc_worker.dashboard import render_model
from voc_worker.model_page import champion_entry, head_report
from voc_worker.pages.model_report import ChampionEntry, ModelReport

FROZEN = {
    "rows": 300,
    "accuracy": 0.9,
    "macro_f1": 0.8,
    "ece": 0.3,
    "coverage": [{"threshold": 0.5, "coverage": 0.9, "accuracy": None}],
    "confusions": [{"truth": "환경_청결/미화", "predicted": "시설_위생기구", "rows": 3}],
}
METRICS = {
    "frozen": {"with_reply": FROZEN, "without_reply": None},
    "ece": {"before": 0.04, "after": 0.06},
    "learning_curve": [{"until": "2025-11", "rows": 100, "accuracy": 0.7}],
}


def test_a_head_is_reported_from_its_frozen_rows_and_its_calibration_from_validation(tmp_path: Path) -> None:
    """Accuracy is of the frozen rows; both calibration errors are of the same validation rows, also when one rose."""
    _, manifest = fx.write_head(tmp_path, "subject", ("linear",))
    report = head_report("subject", manifest.model_copy(update={"metrics": METRICS}))
    assert report is not None
    assert (report.rows, report.accuracy) == (300, 0.9)
    assert (report.ece_before, report.ece) == (0.04, 0.06)
    page = render_model(ModelReport(release="20260116", heads=(report,)))
    assert "보정 전 0.040, 보정 후 0.060" in page
    assert "환경 &gt; 청결/미화" in page


def test_a_head_that_nothing_measured_has_no_report(tmp_path: Path) -> None:
    """A manifest without frozen metrics is left out of the page."""
    _, manifest = fx.write_head(tmp_path, "subject", ("linear",))
    assert head_report("subject", manifest.model_copy(update={"metrics": {"frozen": {"with_reply": None}}})) is None


def test_a_switch_keeps_its_day_its_author_and_its_reason() -> None:
    """One line of the champion's history is shown with its date."""
    at = datetime(2026, 1, 16, 4, tzinfo=UTC)
    entry = HistoryEntry(at=at, event="promoted", release="20260116", by="person: kim", reason="better")
    assert champion_entry(entry) == ChampionEntry("2026-01-16", "20260116", "person: kim", "better")
