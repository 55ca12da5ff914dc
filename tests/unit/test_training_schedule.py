"""How long a scratch encoder is trained."""

from __future__ import annotations

import pytest

from voc_training.trainer import SCRATCH_EPOCHS, SCRATCH_STEPS, scratch_schedule


@pytest.mark.parametrize("rows", [500, 7_000, 100_000])
def test_a_joint_encoder_gets_the_steps_of_two(rows: int) -> None:
    """With the steps of one it learnt neither head well: 61 % for the subject, against 90 % apart."""
    assert scratch_schedule(rows, heads=2).epochs == 2 * scratch_schedule(rows).epochs


@pytest.mark.parametrize("heads", [1, 2])
def test_few_rows_are_read_often_but_not_endlessly(heads: int) -> None:
    """Thirty rows would need hundreds of rounds for the usual steps; there is an end to that."""
    assert scratch_schedule(30, heads).epochs == SCRATCH_EPOCHS
    schedule = scratch_schedule(900)
    assert schedule.epochs * 900 >= SCRATCH_STEPS * schedule.rows_per_step
