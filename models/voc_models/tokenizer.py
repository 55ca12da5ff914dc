"""Text to token ids, one way for training and for the worker.

KoBERT is tokenised by native SentencePiece plus a map from pieces to KoBERT's own ids: its older model file numbers the
pieces differently, so raw SentencePiece ids are never KoBERT's. What happens to the text before and after SentencePiece
follows the original tokenizer, which derives from XLNet's (Yang et al. 2019, "XLNet"; the class is XLNetTokenizer in
transformers 4). One difference is meant: "[SEP]" and the like in a tenant's text are text, never a special token.
Scratch models bring a ``tokenizer.json`` of the ``tokenizers`` library.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import sentencepiece
import tokenizers  # type: ignore[import-untyped]  # ships neither types nor stubs

from voc_models.exit_codes import DataError

SPECIAL_TOKENS = ("[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]")
UNK, PAD, CLS, SEP, MASK = range(5)

SENTENCEPIECE_FILE = "spiece.model"
VOCABULARY_FILE = "vocab.txt"
TOKENIZERS_FILE = "tokenizer.json"
_WORD_START = "▁"


class TokenizerError(DataError):
    """A tokenizer's files are missing, damaged, or do not belong together."""


class Tokenizer(Protocol):
    """Turns cleaned text into ids of one vocabulary; adds no special tokens."""

    @property
    def size(self) -> int:
        """Number of ids, special tokens included."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return one list of ids per text, each in [0, size); never raises, whatever the text holds."""


def _encodable(text: str) -> str:
    """Drop lone surrogates, which no UTF-8 library accepts."""
    return text.encode("utf-8", "ignore").decode()


class _Decomposed(dict[int, str]):
    """Each character in NFKD without combining marks, looked up once.

    Character by character is the same as decomposing the whole text: that only reorders the marks, which go.
    """

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFKD", chr(code))
        self[code] = "".join(part for part in parts if not unicodedata.combining(part))
        return self[code]


_DECOMPOSED = _Decomposed()


def _original_cleaning(text: str) -> str:
    """Clean as the original tokenizer does: fold whitespace, straighten quotes, decompose, drop combining marks."""
    folded = " ".join(text.split()).replace("``", '"').replace("''", '"')
    return folded if folded.isascii() else folded.translate(_DECOMPOSED)


def _digit_comma(piece: str) -> bool:
    return len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()


class KobertTokenizer:
    """Native SentencePiece plus the map to the vocabulary's ids."""

    def __init__(self, model: bytes, vocabulary: Sequence[str]) -> None:
        """Take the content of ``spiece.model`` and the tokens in the order of their ids.

        Raises:
            TokenizerError: the model is unreadable, the special tokens are not ids 0 to 4, or a piece has no id.
        """
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except (RuntimeError, OSError) as error:
            raise TokenizerError(
                "The SentencePiece model cannot be read. Publish the artifact again from intact files."
            ) from error
        if tuple(vocabulary[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS:
            raise TokenizerError(
                f"The vocabulary does not start with {' '.join(SPECIAL_TOKENS)}. Use the vocabulary of KoBERT itself."
            )
        self._ids = {token: number for number, token in enumerate(vocabulary) if number >= len(SPECIAL_TOKENS)}
        self._size = len(vocabulary)
        self._map = self._piece_map()
        # With this true (it is for KoBERT), no piece can end in "<digit>," and ids alone are enough.
        self._plain = not any(_digit_comma(piece) for piece in self._pieces()) and self._knows_comma()

    def _pieces(self) -> list[str]:
        return [str(self._processor.id_to_piece(number)) for number in range(self._processor.get_piece_size())]

    def _knows_comma(self) -> bool:
        return bool(self._processor.piece_to_id(",") != self._processor.unk_id())

    def _piece_map(self) -> list[int]:
        """Return KoBERT's id for each SentencePiece id; control and unknown pieces become [UNK]."""
        mapped = [UNK] * self._processor.get_piece_size()
        for number, piece in enumerate(self._pieces()):
            special = self._processor.is_control(number) or self._processor.is_unknown(number)
            if special or piece in SPECIAL_TOKENS:
                continue
            if piece not in self._ids:
                raise TokenizerError(
                    f"Piece {piece!r} of {SENTENCEPIECE_FILE} is not in the vocabulary: the two files do not belong "
                    "together. Use the pair that the model was trained with."
                )
            mapped[number] = self._ids[piece]
        return mapped

    @property
    def size(self) -> int:
        """Number of ids, special tokens included."""
        return self._size

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return one list of ids per text, equal to the original tokenizer's."""
        cleaned = [_original_cleaning(_encodable(text)) for text in texts]
        if self._plain:
            encoded = self._processor.encode(cleaned, out_type=int, num_threads=1)
            return [[self._map[number] for number in ids] for ids in encoded]
        return [self._from_pieces(self._processor.encode(text, out_type=str)) for text in cleaned]

    def _from_pieces(self, pieces: list[str]) -> list[int]:
        split: list[str] = []
        for piece in pieces:
            split.extend(self._without_comma(piece) if _digit_comma(piece) else [piece])
        return [self._ids.get(piece, UNK) for piece in split]

    def _without_comma(self, piece: str) -> list[str]:
        """Split the comma off a number, so that "12," gives the same number as "12"; XLNet's rule."""
        number: list[str] = self._processor.encode(piece[:-1].replace(_WORD_START, ""), out_type=str)
        if not piece.startswith(_WORD_START) and number[0].startswith(_WORD_START):
            # The second encoding put a word start where the number only goes on.
            number = ([number[0][1:]] if len(number[0]) > 1 else []) + number[1:]
        return [*number, ","]


class LibraryTokenizer:
    """A ``tokenizer.json``: what scratch models are trained with."""

    def __init__(self, definition: str) -> None:
        """Take the content of ``tokenizer.json``.

        Raises:
            TokenizerError: it cannot be read, or the special tokens are not ids 0 to 4.
        """
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(definition)
        except Exception as error:  # the library raises bare Exception
            raise TokenizerError(
                f"{TOKENIZERS_FILE} cannot be read. Publish the artifact again from intact files."
            ) from error
        for number, token in enumerate(SPECIAL_TOKENS):
            if self._tokenizer.token_to_id(token) != number:
                raise TokenizerError(
                    f"{TOKENIZERS_FILE} does not give {token} the id {number}. Train it with that order."
                )
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @property
    def size(self) -> int:
        """Number of ids, special tokens included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return one list of ids per text."""
        # One by one: a batch would start a thread for each CPU of the host, whatever the container may use.
        return [
            self._text_ids(self._tokenizer.encode(_encodable(text), add_special_tokens=False).ids) for text in texts
        ]

    @staticmethod
    def _text_ids(ids: list[int]) -> list[int]:
        """Return ``ids`` without special ones: "[SEP]" in a tenant's text is text that the vocabulary lacks."""
        return [UNK if number <= MASK else number for number in ids]


def read_vocabulary(path: Path) -> list[str]:
    """Return the tokens in the order of their ids, from ``vocab.txt`` (one a line) or KoBERT's vocabulary JSON.

    Raises:
        TokenizerError: the file is missing or of another form.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return [str(token) for token in json.loads(text)["idx_to_token"]]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise TokenizerError(f"Vocabulary {path.name} cannot be read ({error}). Give KoBERT's own file.") from error
    # Not splitlines(): a token may be one of the characters that it also splits at.
    return text.removesuffix("\n").split("\n")


def load_tokenizer(directory: Path) -> Tokenizer:
    """Load whichever tokenizer lies in ``directory``.

    ``spiece.model`` with ``vocab.txt`` (without it, the model's own numbering, which is KoBERT's in the file that the
    hub carries), or ``tokenizer.json``.

    Raises:
        TokenizerError: there is neither, or the files are damaged or do not belong together.
    """
    model, definition = directory / SENTENCEPIECE_FILE, directory / TOKENIZERS_FILE
    try:
        if model.is_file():
            content = model.read_bytes()
            vocabulary = directory / VOCABULARY_FILE
            return KobertTokenizer(content, read_vocabulary(vocabulary) if vocabulary.exists() else own_pieces(content))
        if definition.is_file():
            return LibraryTokenizer(definition.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(f"The tokenizer in {directory} cannot be read ({error}).") from error
    raise TokenizerError(
        f"{directory} holds no tokenizer: expected {SENTENCEPIECE_FILE} with {VOCABULARY_FILE}, or {TOKENIZERS_FILE}."
    )


def own_pieces(model: bytes) -> list[str]:
    """Return a SentencePiece model's pieces in its own order.

    Raises:
        TokenizerError: the model is unreadable.
    """
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except (RuntimeError, OSError) as error:
        raise TokenizerError(f"{SENTENCEPIECE_FILE} cannot be read. Give an intact file.") from error
    return [str(processor.id_to_piece(number)) for number in range(processor.get_piece_size())]
