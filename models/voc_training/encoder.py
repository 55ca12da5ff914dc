"""The encoder before training: KoBERT from the hub or a folder, or a small BERT with a vocabulary of its own."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, cast

import sentencepiece
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from tokenizers import (  # type: ignore[import-untyped]  # ships neither types nor stubs
    Tokenizer as LibraryDefinition,
)
from tokenizers import (
    decoders,
    models,
    normalizers,
    pre_tokenizers,
)
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from voc_models.artifact import CONFIG
from voc_models.exit_codes import UnavailableError, UsageError
from voc_models.labels import Head
from voc_models.text import ModelInput
from voc_models.tokenizer import (
    PAD,
    SENTENCEPIECE_FILE,
    SPECIAL_TOKENS,
    TOKENIZERS_FILE,
    VOCABULARY_FILE,
    Tokenizer,
    load_tokenizer,
    read_vocabulary,
)

SCRATCH: Final = "scratch"
#: What is fetched of a model on the hub: configuration, weights, SentencePiece model and vocabulary.
_HUB_FILES: Final = ("config.json", "*.safetensors", "pytorch_model.bin", "*.model", "vocab.txt", "tokenizer.json")


class BaseModelError(UsageError):
    """The base model is not what training needs."""


class BaseModelUnavailableError(UnavailableError):
    """The hub cannot be reached."""


class Shape(NamedTuple):
    """Size of an encoder that is trained from scratch: by default what two CPU cores train in seconds."""

    hidden: int = 96
    layers: int = 2
    heads: int = 4
    feed_forward: int = 256
    vocabulary: int = 4000
    positions: int = 512


class Encoder(NamedTuple):
    """A model with its tokenizer; the tokenizer's files lie in ``directory``."""

    model: HeadedEncoder
    tokenizer: Tokenizer
    directory: Path


class HeadedEncoder(nn.Module):
    """BERT with one linear classifier per head on its pooled first token."""

    def __init__(self, bert: BertModel, classes: Mapping[Head, int], dropout: float = 0.1) -> None:
        super().__init__()
        self.bert = bert
        self.classes = dict(classes)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({head: nn.Linear(bert.config.hidden_size, count) for head, count in classes.items()})
        for classifier in self.heads.values():
            nn.init.normal_(cast("nn.Linear", classifier).weight, std=0.02)
            nn.init.zeros_(cast("nn.Linear", classifier).bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> dict[str, Tensor]:
        """Return (rows, classes) logits by head."""
        answer = self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        pooled = self.dropout(answer.pooler_output)
        return {head: classifier(pooled) for head, classifier in self.heads.items()}

    def gradient_checkpointing_enable(self, gradient_checkpointing_kwargs: dict[str, bool] | None = None) -> None:
        """Trade time for memory; the Trainer calls this."""
        self.bert.gradient_checkpointing_enable(gradient_checkpointing_kwargs)  # type: ignore[no-untyped-call]  # transformers has no types


def build_encoder(
    base_model: str,
    classes: Mapping[Head, int],
    texts: Sequence[ModelInput],
    directory: Path,
    shape: Shape | None = None,
) -> Encoder:
    """Return the untrained-for-the-task encoder that ``base_model`` names, and put its tokenizer into ``directory``.

    Args:
        base_model: a name on the hub, a local folder, or ``scratch``.
        classes: how many classes each head has.
        texts: what a vocabulary of its own is learnt from (``scratch`` only).
        directory: where ``config.json`` and the tokenizer's files go; it exists.
        shape: size of a scratch encoder.

    Raises:
        BaseModelError: there is no such model, or it is no BERT.
        BaseModelUnavailableError: the hub does not answer.
        TokenizerError: the tokenizer does not have KoBERT's special ids.
    """
    if base_model == SCRATCH:
        bert = _scratch(texts, directory, shape or Shape())
    else:
        source = _local(base_model)
        bert = _pretrained(source, base_model)
        _copy_tokenizer(source, directory)
    tokenizer = load_tokenizer(directory)
    if tokenizer.size > bert.config.vocab_size:
        raise BaseModelError(
            f"{base_model} has {bert.config.vocab_size} embeddings, its tokenizer {tokenizer.size} ids. "
            "Use a folder whose tokenizer belongs to the model."
        )
    bert.config.save_pretrained(directory)
    return Encoder(HeadedEncoder(bert, classes), tokenizer, directory)


def _local(base_model: str) -> Path:
    """Return the folder of a local model, or of one fetched from the hub."""
    folder = Path(base_model).expanduser()
    if folder.is_dir():
        return folder
    if base_model.startswith((".", "/", "~")):
        raise BaseModelError(f"Base model folder {base_model} does not exist. Give the folder with {CONFIG} in it.")
    try:
        return Path(snapshot_download(base_model, allow_patterns=list(_HUB_FILES)))
    except HFValidationError as error:
        raise BaseModelError(
            f"{base_model!r} is neither a folder nor a model name such as skt/kobert-base-v1."
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise BaseModelUnavailableError(
            f"{base_model} cannot be fetched from the hub ({type(error).__name__}). Download it on a machine with "
            "access and give the local directory as baseModel, or use baseModel: scratch."
        ) from error


def _pretrained(source: Path, name: str) -> BertModel:
    try:
        config = BertConfig.from_pretrained(source)
        if config.model_type != "bert":
            raise BaseModelError(f"{name} is a {config.model_type} model. Give a BERT such as skt/kobert-base-v1.")
        return cast("BertModel", BertModel.from_pretrained(source, config=config))
    except (OSError, ValueError, RuntimeError) as error:
        raise BaseModelError(
            f"{name} cannot be loaded as BERT ({error}). Its folder needs {CONFIG} and the weights."
        ) from error


def _copy_tokenizer(source: Path, directory: Path) -> None:
    """Copy a KoBERT tokenizer under the names that the worker reads, or a ``tokenizer.json``."""
    sentencepiece = sorted(source.glob("*.model"))
    if sentencepiece:
        shutil.copyfile(sentencepiece[0], directory / SENTENCEPIECE_FILE)
        vocabularies = [
            path for path in (source / VOCABULARY_FILE, *sorted(source.glob("kobertvocab*.json"))) if path.exists()
        ]
        if vocabularies:
            tokens = read_vocabulary(vocabularies[0])
            (directory / VOCABULARY_FILE).write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    elif (source / TOKENIZERS_FILE).exists():
        shutil.copyfile(source / TOKENIZERS_FILE, directory / TOKENIZERS_FILE)
    else:
        raise BaseModelError(
            f"{source.name} has neither a SentencePiece model nor {TOKENIZERS_FILE}. Add its tokenizer."
        )


def _scratch(texts: Sequence[ModelInput], directory: Path, shape: Shape) -> BertModel:
    """Return a small BERT with random weights, and learn its vocabulary."""
    definition = train_vocabulary(texts, shape.vocabulary)
    definition.save(str(directory / TOKENIZERS_FILE))
    config = BertConfig(  # type: ignore[no-untyped-call]  # transformers has no types
        vocab_size=definition.get_vocab_size(),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.positions,
        pad_token_id=PAD,
    )
    return BertModel(config)  # type: ignore[no-untyped-call]  # transformers has no types


def train_vocabulary(texts: Sequence[ModelInput], size: int) -> LibraryDefinition:
    """Return a Unigram tokenizer over ``texts`` with KoBERT's special ids; the same texts give the same one.

    SentencePiece learns the pieces, because the Unigram trainer of ``tokenizers`` gives others each time.
    """
    normalise = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(normalise.normalize_str(field) for field in _fields(texts)),
        model_writer=trained,
        vocab_size=size,
        hard_vocab_limit=False,
        model_type="unigram",
        normalization_rule_name="identity",
        character_coverage=0.9995,
        split_digits=True,
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    learnt = [(pieces.id_to_piece(n), pieces.get_score(n)) for n in range(1, pieces.get_piece_size())]
    definition = LibraryDefinition(models.Unigram([*((token, 0.0) for token in SPECIAL_TOKENS), *learnt], unk_id=0))
    definition.add_special_tokens(list(SPECIAL_TOKENS))
    definition.normalizer = normalise
    definition.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    definition.decoder = decoders.Metaspace()
    return definition


def _fields(texts: Sequence[ModelInput]) -> Iterator[str]:
    for row in texts:
        yield from (field for field in row if field)


def seed_everything(seed: int) -> None:
    """Fix what draws random weights before the Trainer fixes its own."""
    torch.manual_seed(seed)
