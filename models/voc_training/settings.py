"""The trainer's settings, read from the environment and ``.env`` here and nowhere else."""

from __future__ import annotations

from pydantic import Field

from voc_models.settings import CommonSettings


class Settings(CommonSettings):
    """What training can be told besides the run's own spec."""

    train_layout: str = Field(
        "separate", pattern=r"^(separate|joint)$", description="separate: an encoder per head; joint: one for both."
    )
    train_epochs: int | None = Field(
        None, ge=1, le=100, description="Most rounds over the rows. Omitted: 5, or what a scratch model needs."
    )
    train_rows_per_step: int | None = Field(
        None, ge=1, description="Effective batch, over all GPUs. Omitted: 32, or 64 for many rows of a scratch model."
    )
    train_max_length: int | None = Field(
        None, ge=16, le=512, description="Tokens of a row. Omitted: 256, or 64 (scratch)."
    )
    train_seed: int = Field(42, ge=0, description="Seed of everything that is drawn at random.")
    git_commit: str = Field("", description="Commit of the image, for the manifest; the Dockerfile sets it.")
