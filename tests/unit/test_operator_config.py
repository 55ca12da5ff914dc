"""The operator's configuration file."""

from __future__ import annotations

import pytest

from voc_models.exit_codes import UsageError
from voc_models.run import Mode
from voc_operator.config import read_config

IMAGES = "workerImage: w\ntrainerImage: t\n"


def test_fields_of_scheduled_runs_are_read_by_mode() -> None:
    """What a schedule's runs say beyond mode and month is configuration."""
    config = read_config(IMAGES + "runs: {full: {parallelism: 8}, train: {train: {promote: manual}}}")
    assert config.runs[Mode.FULL] == {"parallelism": 8}
    assert config.runs[Mode.TRAIN] == {"train": {"promote": "manual"}}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("runs: {full: {paralelism: 8}}", "paralelism"),
        ("runs: {full: {month: 2025-12}}", "month"),
        ("runs: {full: {parallelism: 0}}", "parallelism"),
        ("runs: {weekly: {}}", "weekly"),
        ("runs: {full: {train: {promote: auto}}}", "train"),
        ("workerImage: ''", "workerImage"),
        ("gpus: [", "YAML"),
        ("unknown: 1", "unknown"),
    ],
)
def test_a_wrong_configuration_is_refused_by_a_sentence_that_names_it(text: str, word: str) -> None:
    """The operator does not start with what it does not understand."""
    with pytest.raises(UsageError, match=r"configuration") as refused:
        read_config(IMAGES + text)
    assert word in str(refused.value)
