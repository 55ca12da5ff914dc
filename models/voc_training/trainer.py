"""Fit the encoder with transformers' Trainer: batches by length, class weights, early stopping, resumable."""

from __future__ import annotations

import logging
import math
import random
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from voc_models.encoding import Encoded, pad
from voc_models.exit_codes import DataError, TryAgainError
from voc_models.labels import Head
from voc_training.checkpoints import Memory, keep_only_ours, last_whole_checkpoint
from voc_training.encoder import HeadedEncoder
from voc_training.team import any_of_us, leader_first, size

log = logging.getLogger(__name__)

#: A row without a label of that head.
UNLABELLED: Final = -100


class DivergedError(DataError):
    """The loss became NaN before there was any checkpoint to go back to."""


class StartAgainError(TryAgainError):
    """One of several processes ran out of memory; started again, all of them take fewer rows at once."""


class NotFiniteLossError(Exception):
    """Internal: the loss of a step is NaN or infinite; the fit stops and the last good checkpoint is kept."""


class Schedule(NamedTuple):
    """How long and how boldly to train; ``rows_per_step`` is the effective batch whatever memory allows at once."""

    epochs: int = 5
    learning_rate: float = 5e-5
    rows_per_step: int = 32
    warm_up: float = 0.1
    weight_decay: float = 0.01
    patience: int = 2
    drop_reply: float = 0.3
    seed: int = 42


PRETRAINED_SCHEDULE: Final = Schedule()
#: Steps that a small encoder with random weights needs to learn anything, however few the rows; and its most rounds.
SCRATCH_STEPS: Final = 250
SCRATCH_EPOCHS: Final = 40


def scratch_schedule(rows: int, heads: int = 1) -> Schedule:
    """Return the schedule of a scratch encoder for that many rows: bolder than a pretrained one's, and longer.

    A joint encoder gets the steps that its ``heads`` would have had apart, up to SCRATCH_EPOCHS rounds: in the steps of
    one it learns neither well.
    """
    schedule = Schedule(learning_rate=1.5e-3, rows_per_step=64 if rows > 1000 else 32)
    needed = max(4, math.ceil(SCRATCH_STEPS * schedule.rows_per_step / max(rows, 1)))
    epochs = min(SCRATCH_EPOCHS, heads * needed)
    return schedule._replace(epochs=epochs, patience=max(2, epochs // 5))


class Example(NamedTuple):
    """One row with and without its reply (equal when there is none), and its class numbers by head."""

    full: Encoded
    bare: Encoded
    labels: Mapping[Head, int]


class FitReport(NamedTuple):
    """What happened: epochs done, rows at once at the end, sentences for the model card."""

    epochs: float
    rows_at_once: int
    notes: tuple[str, ...]


class Examples(Dataset[dict[str, Any]]):
    """Rows for the Trainer; in training the reply is left out at random, anew in each epoch and reproducibly."""

    def __init__(self, examples: Sequence[Example], drop_reply: float, seed: int) -> None:
        self._examples, self._drop, self._seed = examples, drop_reply, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, number: int) -> dict[str, Any]:
        example = self._examples[number]
        drawn = random.Random(f"{self._seed}/{self.epoch}/{number}").random()  # noqa: S311 - reproducibility, no secret
        row = example.bare if drawn < self._drop else example.full
        return {"input_ids": row.ids, "row": row, "labels": example.labels}


def collate(features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Return a batch padded to its longest row, with one ``labels_{head}`` tensor per head."""
    batch = {name: torch.from_numpy(array) for name, array in pad([row["row"] for row in features])._asdict().items()}
    for head in features[0]["labels"]:
        batch[f"labels_{head}"] = torch.tensor([row["labels"][head] for row in features], dtype=torch.int64)
    return batch


def class_weights(labels: Sequence[int], classes: int) -> Tensor:
    """Return a weight per class, 1/sqrt(frequency) within a factor of ten, whose mean over the rows is 1.

    The square root lifts the long tail without letting three rows outweigh three hundred.
    """
    counts = np.bincount([label for label in labels if label != UNLABELLED], minlength=classes).astype(float)
    weights = 1.0 / np.sqrt(np.maximum(counts, 1.0))
    weights = np.minimum(weights, 10 * weights.min())
    return torch.tensor(weights * counts.sum() / (weights * counts).sum(), dtype=torch.float32)


class _HeadTrainer(Trainer):
    """Adds up the heads' weighted losses, and refuses to go on from a loss that is no number."""

    def __init__(self, weights: Mapping[Head, Tensor], **arguments: Any) -> None:  # noqa: ANN401 - passed on as they are
        super().__init__(**arguments)
        self._losses = {
            head: nn.CrossEntropyLoss(weight.to(self.args.device), ignore_index=UNLABELLED)
            for head, weight in weights.items()
        }

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,  # noqa: ARG002 - the same
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of the heads' losses; rows without a label of a head do not count for it."""
        labels = {head: inputs[f"labels_{head}"] for head in self._losses}
        outputs = model(**{name: value for name, value in inputs.items() if not name.startswith("labels_")})
        parts = [
            loss(outputs[head].float(), labels[head])
            if bool((labels[head] != UNLABELLED).any())
            else 0.0 * outputs[head].sum()
            for head, loss in self._losses.items()
        ]
        total = torch.stack(parts).sum()
        if model.training and any_of_us(not bool(torch.isfinite(total)), total.device):
            raise NotFiniteLossError(f"The loss became {float(total.detach())} at step {self.state.global_step}.")
        return (total, outputs) if return_outputs else total


class _Progress(TrainerCallback):
    """Says one line an epoch, and tells the rows which epoch it is."""

    def __init__(self, rows: Examples, title: str) -> None:
        self._rows, self._title = rows, title

    def on_epoch_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002 - the callback's own signature
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002 - the same
        **_: object,
    ) -> None:
        """Draw other replies to leave out."""
        self._rows.epoch = round(state.epoch or 0)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002 - the callback's own signature
        metrics: Mapping[str, float] | None = None,
        **_: object,
    ) -> None:
        """Report the epoch."""
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        log.info(
            "%s: epoch %.0f of %d, loss %.3f, validation loss %.3f, validation accuracy %.1f %%",
            self._title, state.epoch or 0, args.num_train_epochs, losses[-1] if losses else math.nan,
            (metrics or {}).get("eval_loss", math.nan), 100 * (metrics or {}).get("eval_accuracy", math.nan),
        )  # fmt: skip


def fit(
    model: HeadedEncoder,
    train: Sequence[Example],
    validation: Sequence[Example],
    folder: Path,
    schedule: Schedule,
    title: str,
) -> FitReport:
    """Fit ``model`` in place; it ends with the weights of the epoch that was best on ``validation``.

    Checkpoints lie in ``folder``; called again after a kill with the same rows and schedule, it goes on from the last
    whole one. When memory is short the rows at once are halved (the effective batch stays), then activations are
    recomputed. When the loss stops being a number, the last good checkpoint is kept.

    Several processes (voc_training.team) call it with the same arguments; the rows of a step are shared among them.

    Raises:
        DivergedError: the loss stopped being a number and there is no checkpoint yet.
        OutOfMemoryError: not even one row at once fits.
        StartAgainError: memory is short in one process of several; started again, all of them take half the rows.
    """
    mine = {"rows": hash_rows(train), "schedule": list(schedule)}
    leader_first(lambda: keep_only_ours(folder, mine))
    memory = Memory.known(folder, max(1, schedule.rows_per_step // size()))
    while True:
        trainer = _trainer(model, train, validation, folder, schedule, memory.rows_at_once, title)
        leader_first(lambda: last_whole_checkpoint(folder))
        checkpoint = last_whole_checkpoint(folder)
        if checkpoint:
            log.info("%s: goes on from %s.", title, checkpoint.name)
        try:
            with warnings.catch_warnings():
                # Checkpoints that are written within a second are told apart by their numbers; that is all we need.
                warnings.filterwarnings("ignore", message="mtime may not be reliable")
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except torch.OutOfMemoryError as error:
            memory = memory.halved(folder, schedule.rows_per_step, error)
            log.warning("%s: %s", title, memory.notes[-1])
            if size() > 1:  # the others wait inside the step, and cannot be called back
                raise StartAgainError(f"{memory.notes[-1]} Start the training again: it goes on with that.") from error
            del trainer
            torch.cuda.empty_cache()
        except NotFiniteLossError as error:
            note = _go_back(model, folder, error)
            log.warning("%s: %s", title, note)
            return FitReport(0.0, memory.rows_at_once, (*memory.notes, note))
        else:
            return FitReport(float(trainer.state.epoch or 0), memory.rows_at_once, memory.notes)


def _trainer(
    model: HeadedEncoder,
    train: Sequence[Example],
    validation: Sequence[Example],
    folder: Path,
    schedule: Schedule,
    rows_at_once: int,
    title: str,
) -> _HeadTrainer:
    rows = Examples(train, schedule.drop_reply, schedule.seed)
    heads: list[Head] = list(train[0].labels)
    sizes = model.classes
    trainer = _HeadTrainer(
        weights={head: class_weights([row.labels[head] for row in train], sizes[head]) for head in heads},
        model=model,
        args=_arguments(folder, schedule, rows_at_once, heads),
        train_dataset=rows,
        eval_dataset=Examples(validation, 0.0, schedule.seed),
        data_collator=collate,
        compute_metrics=_accuracy,
        callbacks=[EarlyStoppingCallback(schedule.patience), _Progress(rows, title)],
    )
    # It prints dictionaries between our lines.
    trainer.remove_callback(PrinterCallback)  # type: ignore[no-untyped-call]  # transformers has no types
    return trainer


def _arguments(folder: Path, schedule: Schedule, rows_at_once: int, heads: Sequence[Head]) -> TrainingArguments:
    gpu, precision = torch.cuda.is_available(), mixed_precision()
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=schedule.epochs,
        learning_rate=schedule.learning_rate,
        warmup_ratio=schedule.warm_up,
        weight_decay=schedule.weight_decay,
        per_device_train_batch_size=rows_at_once,
        gradient_accumulation_steps=max(1, schedule.rows_per_step // (rows_at_once * size())),
        # Recomputing activations costs a third of the speed: only when memory proved short.
        gradient_checkpointing=rows_at_once <= 4 and rows_at_once < schedule.rows_per_step // size(),
        gradient_checkpointing_kwargs={"use_reentrant": False},
        # Every parameter takes part in every step: a head without a label in the batch contributes 0.
        ddp_find_unused_parameters=False,
        per_device_eval_batch_size=64,
        group_by_length=True,
        bf16=precision.bf16,
        fp16=precision.fp16,
        use_cpu=not gpu,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        # Otherwise a NaN is logged as the loss before it.
        logging_nan_inf_filter=False,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        greater_is_better=True,
        label_names=[f"labels_{head}" for head in heads],
        remove_unused_columns=False,
        dataloader_pin_memory=gpu,
        report_to=[],
        disable_tqdm=not sys.stderr.isatty(),
        seed=schedule.seed,
    )
    if gpu:
        # Otherwise a process that sees several GPUs spreads each batch over them, and multiplies it (DataParallel).
        arguments._n_gpu = 1  # noqa: SLF001 - there is no public switch; several GPUs are torchrun's
    return arguments


class MixedPrecision(NamedTuple):
    """The Trainer's switches of the same names; neither is full precision."""

    bf16: bool
    fp16: bool


def mixed_precision() -> MixedPrecision:
    """Return bf16 on a GPU that computes it itself, else fp16 there, and neither on a CPU.

    bf16 is emulated by CPUs and older GPUs, many times slower than fp32.
    """
    gpu = torch.cuda.is_available()
    bf16 = gpu and bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return MixedPrecision(bf16, gpu and not bf16)


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    """Return the mean of the heads' accuracies, over the rows that have a label."""
    answers, labels = (
        part if isinstance(part, tuple) else (part,) for part in (prediction.predictions, prediction.label_ids)
    )
    shares = []
    for logits, truth in zip(answers, labels, strict=True):
        known = truth != UNLABELLED
        if known.any():
            shares.append(float((logits.argmax(-1)[known] == truth[known]).mean()))
    return {"accuracy": float(np.mean(shares)) if shares else 0.0}


def hash_rows(rows: Sequence[Example]) -> int:
    """Return a number that other rows, labels or another order change (CRC-like; the same in every process)."""
    number = 0
    for row in rows:
        for value in (*row.full.ids, -1, *row.bare.ids, -2, *row.labels.values()):
            number = (number * 1_000_003 + value + 7) % (1 << 61)
    return number


def _go_back(model: HeadedEncoder, folder: Path, error: NotFiniteLossError) -> str:
    """Load the last good checkpoint into ``model`` and say so."""
    checkpoint = last_whole_checkpoint(folder)
    if checkpoint is None:
        raise DivergedError(f"{error} There is no checkpoint yet. Lower the learning rate or use fp32.") from error
    from safetensors.torch import load_file  # noqa: PLC0415 - needed on this path alone

    model.load_state_dict(load_file(checkpoint / "model.safetensors"))
    return f"{error} Training stopped; {checkpoint.name} is kept."
