"""The VocMonthlyRun contract as ``voc run -f`` and the operator read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from voc_models.exit_codes import DataError, UsageError
from voc_models.months import Month
from voc_models.run import Mode, Step, checked_run_id, read_manifest, resolve_month, run_id, run_order, steps

FULL = """
apiVersion: vocnlp.io/v1alpha1
kind: VocMonthlyRun
metadata: {name: full-2025-12, labels: {team: voc}}
spec: {mode: full, month: "2025-12", buildings: ["95", "101"], minSucceeded: 90%}
"""


def test_a_manifest_is_read_with_its_defaults() -> None:
    """A valid manifest is read, and what it leaves out has the design's defaults."""
    run = read_manifest(FULL)
    assert run.spec.mode is Mode.FULL
    assert run.spec.month == Month(2025, 12)
    assert run.spec.buildings == ["95", "101"]
    assert (run.spec.parallelism, run.spec.backoff_limit, run.spec.min_succeeded) == (4, 2, "90%")
    assert (run.spec.time_zone, run.spec.model_version) == ("Asia/Seoul", "champion")


def test_a_status_written_by_the_operator_does_not_stand_in_the_way() -> None:
    """A manifest fetched from a cluster, with its status, is read all the same."""
    assert read_manifest(FULL + "status: {phase: Succeeded}\n").metadata.name == "full-2025-12"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("mode: full", "mode"),
        ('month: "2025-12"', "month"),
        ('buildings: ["95", "101"]', "buildings"),
        ("minSucceeded: 90%", "minSucceeded"),
    ],
)
def test_a_wrong_field_is_named(change: str, named: str) -> None:
    """A field with a wrong value is refused, and the sentence says which one."""
    with pytest.raises(UsageError, match=f"spec.{named}"):
        read_manifest(FULL.replace(change, f"{named}: wrong"))


def test_a_misspelt_field_is_refused() -> None:
    """An unknown key is refused, not ignored."""
    with pytest.raises(UsageError, match="paralelism"):
        read_manifest(FULL.replace("minSucceeded: 90%", "paralelism: 4"))


def test_train_settings_belong_to_mode_train() -> None:
    """spec.train in another mode is refused."""
    with pytest.raises(UsageError, match="mode train alone"):
        read_manifest(FULL.replace("minSucceeded: 90%", 'train: {months: ["2025-11"]}'))


def test_a_building_named_twice_is_refused() -> None:
    """The same building twice in spec.buildings is refused."""
    with pytest.raises(UsageError, match="twice"):
        read_manifest(FULL.replace('"101"', '"95"'))


@pytest.mark.parametrize("text", ["", "a: [", "---\na: 1\n---\nb: 2\n", "- 1\n"])
def test_what_is_no_single_manifest_is_refused(text: str) -> None:
    """Broken YAML, nothing, a list and two documents are refused by a sentence."""
    with pytest.raises(UsageError, match="manifest"):
        read_manifest(text)


def test_a_month_that_has_not_begun_is_refused() -> None:
    """A future month is wrong data; the current one is allowed."""
    now = datetime(2026, 1, 10, tzinfo=UTC)
    assert resolve_month(Month(2026, 1), now) == Month(2026, 1)
    assert resolve_month(None, now) == Month(2025, 12)
    with pytest.raises(DataError, match="has not begun"):
        resolve_month(Month(2026, 2), now)


def test_the_run_id_carries_mode_seoul_time_and_identity() -> None:
    """A run's id is its mode, its creation time in KST and the first five of its UID."""
    created = datetime(2025, 12, 31, 17, 0, 5, tzinfo=UTC)
    assert run_id(Mode.FULL, created, "1A2b3c4d-5e6f") == "full_20260101_020005_1a2b3"
    assert checked_run_id("tagging-only_20260101_020005_1a2b3")
    with pytest.raises(UsageError, match="not a run id"):
        checked_run_id("../full_20260101_020005_1a2b3")


def test_runs_are_ordered_by_creation_whatever_their_mode() -> None:
    """A refresh created later comes after a full run although 'f' sorts before 'r' and 't' after."""
    ids = ["train_20260101_000000_aaaaa", "full_20260115_000000_aaaaa", "refresh_20260110_000000_aaaaa"]
    assert sorted(ids, key=run_order) == [ids[0], ids[2], ids[1]]


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_prepares_and_publishes(mode: Mode) -> None:
    """Each mode is prepare, one step in the middle (training for train), publish."""
    first, middle, last = steps(mode)
    assert (first, last) == (Step.PREPARE, Step.PUBLISH)
    assert middle is (Step.TRAIN if mode is Mode.TRAIN else Step.BUILDING)
