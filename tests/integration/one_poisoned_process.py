"""What torchrun starts in test_training_team: a fit in which one process alone meets a loss that is no number."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, distributed

from tests.integration.test_training_encoder import SCHEDULE, SHAPE, TEXTS, examples
from voc_training.encoder import HeadedEncoder, build_encoder, seed_everything
from voc_training.team import joined
from voc_training.trainer import FitReport, fit


class Poisoned(HeadedEncoder):
    """In the second process the answers are NaN from the second epoch on."""

    steps = 0
    poisoned_from = 1 + len(TEXTS) // SCHEDULE.rows_per_step

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> dict[str, Tensor]:
        """Answer as the encoder does, until it fails in training."""
        self.steps += self.training
        bad = self.training and distributed.get_rank() == 1 and self.steps > self.poisoned_from
        answers = super().forward(input_ids, attention_mask, token_type_ids)
        return {head: logits * (torch.nan if bad else 1.0) for head, logits in answers.items()}


def main() -> None:
    """Fit together, and let each process write its own report."""
    folder = Path(sys.argv[1])
    with joined() as team:
        if not team.leads:
            team.follow()
            return
        seed_everything(1)
        encoder = build_encoder("scratch", {"subject": 8, "work": 3}, TEXTS, folder, SHAPE)
        rows = examples(encoder)
        model = Poisoned(encoder.model.bert, encoder.model.classes)
        team.together(reporting, model, rows, rows[:40], folder / "run", SCHEDULE, "주제")


def reporting(*arguments: object) -> FitReport:
    """Fit, and write how it ended in this process into a file of its own: two processes' prints run into each other."""
    report = fit(*arguments)  # type: ignore[arg-type]  # passed on as they were given
    model, folder = arguments[0], arguments[3]
    assert isinstance(model, HeadedEncoder)
    assert isinstance(folder, Path)
    finite = all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())
    ending = folder.parent / f"process-{distributed.get_rank()}"
    ending.write_text(f"{report.notes[0]} finite: {finite}", encoding="utf-8")
    return report


if __name__ == "__main__":
    main()
