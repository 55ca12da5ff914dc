"""One encoder from rows to graphs: vocabulary, fit, export, parity. Joint for several heads or for one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd
from safetensors.torch import save_file

from voc_models.artifact import Precision
from voc_models.encoding import Encoded, encode_inputs
from voc_models.labels import HEAD_NAMES, Head, Label
from voc_models.session import Graph, device_of
from voc_models.text import ModelInput
from voc_models.threads import available_cpus
from voc_models.tokenizer import Tokenizer, load_tokenizer
from voc_training.encoder import SCRATCH, HeadedEncoder, Shape, build_encoder, seed_everything
from voc_training.export import (
    FP16_LARGEST,
    Parity,
    convert_fp16,
    export_fp32,
    largest_number,
    parity,
    proved_fp32,
    room_on_disk,
    torch_logits,
)
from voc_training.quantise import CALIBRATION_ROWS, LEAST_AGREEMENT, Scales, quantise
from voc_training.split import Split
from voc_training.team import ALONE, Team
from voc_training.trainer import (
    PRETRAINED_SCHEDULE,
    UNLABELLED,
    Example,
    FitReport,
    Schedule,
    fit,
    scratch_schedule,
)

log = logging.getLogger(__name__)

WEIGHTS: Final = "model.safetensors"
#: Rows that a graph is compared with torch on.
_PARITY_ROWS: Final = 500


class EncoderPlan(NamedTuple):
    """How to train an encoder; what is None is what suits the base model and the number of rows."""

    base_model: str
    epochs: int | None = None
    rows_per_step: int | None = None
    tokens: int | None = None
    seed: int = 42
    shape: Shape | None = None

    def schedule(self, rows: int, heads: int) -> Schedule:
        """Return the schedule for that many rows and heads."""
        usual = scratch_schedule(rows, heads) if self.base_model == SCRATCH else PRETRAINED_SCHEDULE
        epochs = self.epochs or usual.epochs
        return usual._replace(
            epochs=epochs,
            patience=max(2, epochs // 5),
            rows_per_step=self.rows_per_step or usual.rows_per_step,
            seed=self.seed,
        )

    @property
    def max_length(self) -> int:
        """Tokens of a row, both segments and special tokens included."""
        return self.tokens or (64 if self.base_model == SCRATCH else 256)


class FittedEncoder(NamedTuple):
    """A trained encoder: its directory holds configuration, tokenizer, weights and a graph per precision."""

    directory: Path
    heads: tuple[Head, ...]
    base_model: str
    max_length: int
    tokenizer: Tokenizer
    parity: Mapping[Precision, Parity]
    report: FitReport


class Taught(NamedTuple):
    """One head's part in an encoder's training."""

    parts: Split
    classes: tuple[Label, ...]


def inputs_of(rows: pd.DataFrame, *, reply: bool = True) -> list[ModelInput]:
    """Return the rows as models read them, with or without the reply."""
    replies = rows["reply"] if reply else [""] * len(rows)
    return [ModelInput(request, answer) for request, answer in zip(rows["request"], replies, strict=True)]


def train_encoder(
    taught: Mapping[Head, Taught], plan: EncoderPlan, directory: Path, checkpoints: Path, team: Team = ALONE
) -> FittedEncoder:
    """Fit one encoder on all heads in ``taught`` and export it; ``directory`` must exist and be empty.

    The whole ``team`` fits; this process, which leads it, does everything else.

    Raises:
        BaseModelError, BaseModelUnavailableError, TokenizerError: the base model cannot be used.
        DivergedError, OutOfMemoryError: the fit failed.
        ExportError, DiskFullError: the graph differs from torch, or there is no room for it.
    """
    train = _together({head: part.parts.train for head, part in taught.items()})
    validation = _together({head: part.parts.validation for head, part in taught.items()})
    title = " + ".join(HEAD_NAMES[head] for head in taught)
    seed_everything(plan.seed)
    with room_on_disk(directory):
        encoder = build_encoder(
            plan.base_model,
            {head: len(part.classes) for head, part in taught.items()},
            inputs_of(train),
            directory,
            plan.shape,
        )
        report = team.together(
            fit,
            encoder.model,
            _examples(train, taught, encoder.tokenizer, plan.max_length),
            _examples(validation, taught, encoder.tokenizer, plan.max_length),
            checkpoints,
            plan.schedule(len(train), len(taught)),
            title,
        )
        save_file({name: value.contiguous() for name, value in encoder.model.state_dict().items()}, directory / WEIGHTS)
    rows, measured_on = (
        encode_inputs(encoder.tokenizer, inputs_of(table), plan.max_length)
        for table in (
            validation.head(_PARITY_ROWS),
            train.sample(min(CALIBRATION_ROWS, len(train)), random_state=plan.seed),
        )
    )
    proofs = export(encoder.model, directory, rows, measured_on)
    for precision, proof in proofs.items():
        log.info("%s: %s graph against torch: %s", title, precision, proof)
    return FittedEncoder(
        directory, tuple(taught), plan.base_model, plan.max_length, load_tokenizer(directory), proofs, report
    )


def export(
    model: HeadedEncoder, directory: Path, rows: list[Encoded], measured_on: list[Encoded]
) -> dict[Precision, Parity]:
    """Export each precision and compare it with torch on ``rows``, real text that did not train.

    A model that would overflow has no fp16. The scales of int8 are those of ``measured_on``, training rows.

    Raises:
        ExportError, DiskFullError: the fp32 graph differs from torch, or there is no room for a graph.
    """
    expected = torch_logits(model.cpu().float(), rows)
    fp32 = export_fp32(model, directory)
    proofs: dict[Precision, Parity] = {
        "fp32": proved_fp32(Graph(fp32, "cpu", workers=available_cpus()), expected, rows),
        "int8": _int8(fp32, directory, measured_on, lambda graph: parity(graph, expected, rows)),
    }
    largest = largest_number(model, rows)
    if largest < FP16_LARGEST:
        fp16 = convert_fp16(fp32, directory)
        proofs["fp16"] = parity(Graph(fp16, device_of("fp16"), workers=available_cpus()), expected, rows)
    else:
        log.warning("Numbers up to %.0f are too large for fp16: GPUs will serve fp32.", largest)
    return proofs


def _int8(fp32: Path, directory: Path, measured_on: list[Encoded], proof: Callable[[Graph], Parity]) -> Parity:
    """Write the int8 graph: with static scales, or with dynamic ones when labels differ too often with those."""
    choices: tuple[Scales, ...] = ("static", "dynamic")
    for scales in choices:
        path = quantise(fp32, directory, measured_on, scales)
        found = proof(Graph(path, "cpu", workers=available_cpus()))
        if found.label_agreement >= LEAST_AGREEMENT:
            break
        log.warning("int8 with %s scales gives torch's labels in %.2f%% only.", scales, 100 * found.label_agreement)
    return found


def _together(tables: Mapping[Head, pd.DataFrame]) -> pd.DataFrame:
    """Return every row of the heads' tables once, with a column ``label_{head}`` ("" where it has none)."""
    base = pd.concat(list(tables.values())).drop_duplicates(["building_id", "voc_id"], keep="first")
    base = base.sort_values(["month", "building_id", "voc_id"], kind="stable").set_index(["building_id", "voc_id"])
    for head, table in tables.items():
        labels = table.drop_duplicates(["building_id", "voc_id"]).set_index(["building_id", "voc_id"])["label"]
        base[f"label_{head}"] = labels.reindex(base.index).fillna("").astype("str")
    return base.reset_index()


def _examples(
    rows: pd.DataFrame, taught: Mapping[Head, Taught], tokenizer: Tokenizer, max_length: int
) -> list[Example]:
    full = encode_inputs(tokenizer, inputs_of(rows), max_length)
    bare = encode_inputs(tokenizer, inputs_of(rows, reply=False), max_length)
    numbers: dict[Head, list[int]] = {}
    for head, part in taught.items():
        number = {str(label): position for position, label in enumerate(part.classes)}
        numbers[head] = [number.get(label, UNLABELLED) for label in rows[f"label_{head}"]]
    return [
        # A row of a reply alone stays as it is: without the reply there would be nothing.
        Example(full[i], bare[i] if request else full[i], {head: values[i] for head, values in numbers.items()})
        for i, request in enumerate(rows["request"])
    ]
