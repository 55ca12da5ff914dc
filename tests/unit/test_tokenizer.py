"""Token ids against the original tokenizer, on real and on adversarial text."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tokenizers  # type: ignore[import-untyped]  # ships neither types nor stubs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import XLNetTokenizer

from voc_models import tokenizer as tk

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

KOREAN = (
    "화장실 세면대 수도꼭지에서 물이 계속 샙니다",
    "3층 복도 전등이 나가서 어둡습니다, 교체 부탁드립니다",
    "관리비가 지난달보다 1,234,000원 더 나왔어요",
    "주차장 B2 차단기가 안 열려요 ㅠㅠ",
    "엘리베이터가 12, 13, 14층에서 멈춥니다",
    "냉방이 너무 세서 추워요. 온도를 26도로 올려 주세요",
    "2025년 12월 3일, 오후 3시에 방문 바랍니다",
)
ADVERSARIAL = (
    "",
    " ",
    "\n\t  \u3000",
    "12,",
    "12,34,",
    "1,2,3,4,5,",
    "3, 4, 5",
    "층3,4",
    "a1,b2,",
    ",",
    "³, ²,",
    "１２， ３４，",
    "①②③, ⑩,",
    "٣, ٤,",
    "ㅋㅋㅋㅋㅋ ㅠㅠ ㅎㅎ",
    "\u1112\u1161\u11ab\u1100\u116e\u11a8",
    "한\u0301글 é à ñ",
    "``따옴표'' ''",
    "😀👍🏽 화장실 🚽🚽🚽",
    "가\u200b나\u200d다\ufeff",
    "ﬁ ﬂ ㎡ ㏊ ㈜ ℃",
    "가" * 3000,
    "!" * 3000,
    "a1," * 500,
    "\x00\x01\x02",
    "▁▁ ▁한국▁",
    "<s> </s> <unk> &#34;",
    "....... 000000000 ------",
    "漢字 カナ кириллица עברית",
)
LETTERS = st.one_of(st.characters(codec="utf-8"), st.sampled_from("가나다, 0123456789`'층"))


class Original:
    """The original tokenizer: XLNet's slow class of transformers over the same model, then the vocabulary.

    Special tokens are left out of the vocabulary: in a tenant's text they are text, the one difference that is meant.
    """

    def __init__(self, model: Path, vocabulary: list[str]) -> None:
        self._slow = XLNetTokenizer(str(model), split_special_tokens=True)
        self._ids = {token: number for number, token in enumerate(vocabulary) if token not in tk.SPECIAL_TOKENS}

    def encode(self, text: str) -> list[int]:
        """Return the ids of one text."""
        return [self._ids.get(piece, tk.UNK) for piece in self._slow._tokenize(text)]


def _vocabulary_of(model: bytes) -> list[str]:
    """Number the pieces differently from the model, as KoBERT's vocabulary does."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [
        processor.id_to_piece(number)
        for number in range(processor.get_piece_size())
        if not processor.is_control(number) and not processor.is_unknown(number)
    ]
    return [*tk.SPECIAL_TOKENS, *sorted(pieces)]


def _train(lines: Iterator[str], **options: Any) -> bytes:  # noqa: ANN401 - the trainer's own options
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines, model_writer=model, minloglevel=2, num_threads=1, **options
    )
    return model.getvalue()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small unigram model of a few sentences, with a vocabulary in an order of its own."""
    directory = tmp_path_factory.mktemp("small")
    model = _train(iter(KOREAN * 20), vocab_size=150, character_coverage=1.0, hard_vocab_limit=False)
    (directory / tk.SENTENCEPIECE_FILE).write_bytes(model)
    (directory / tk.VOCABULARY_FILE).write_text("\n".join(_vocabulary_of(model)) + "\n", encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def commas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has pieces such as "12,", for which the original splits the comma off."""
    directory = tmp_path_factory.mktemp("commas")
    model = _train(
        iter(KOREAN * 20),
        vocab_size=170,
        hard_vocab_limit=False,
        user_defined_symbols=["12,", "▁3,", "34,", "00,"],
    )
    (directory / tk.SENTENCEPIECE_FILE).write_bytes(model)
    (directory / tk.VOCABULARY_FILE).write_text("\n".join(_vocabulary_of(model)) + "\n", encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``tokenizer.json``, as a scratch model brings one."""
    directory = tmp_path_factory.mktemp("library")
    definition = tokenizers.Tokenizer(tokenizers.models.Unigram())
    definition.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=150,
        special_tokens=list(tk.SPECIAL_TOKENS),
        show_progress=False,
        unk_token=tk.SPECIAL_TOKENS[tk.UNK],
    )
    definition.train_from_iterator(KOREAN * 20, trainer)
    definition.save(str(directory / tk.TOKENIZERS_FILE))
    return directory


@pytest.fixture(scope="module")
def kobert(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """KoBERT's own files when they lie beside the checkout, the small model's otherwise."""
    shared = DATA / "kobert"
    if not shared.is_dir():
        return small
    directory = tmp_path_factory.mktemp("kobert")
    (directory / tk.SENTENCEPIECE_FILE).write_bytes((shared / "tokenizer_78b3253a26.model").read_bytes())
    (directory / tk.VOCABULARY_FILE).write_bytes((shared / "vocab.txt").read_bytes())
    return directory


def _lines(count: int) -> list[str]:
    """Return real Korean lines when they lie beside the checkout, made-up ones otherwise."""
    files = sorted((DATA / "3i4k").glob("fci_*.txt"))
    lines = [line.partition("\t")[2] for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return lines[-count:] or [
        f"{first} {number}, {second}" for number in range(20) for first in KOREAN for second in KOREAN
    ]


@cache
def _loaded(directory: Path) -> tk.Tokenizer:
    return tk.load_tokenizer(directory)


@cache
def _original(directory: Path) -> Original:
    return Original(directory / tk.SENTENCEPIECE_FILE, tk.read_vocabulary(directory / tk.VOCABULARY_FILE))


@pytest.mark.parametrize("files", ["small", "commas"])
@pytest.mark.parametrize("text", [*KOREAN, *ADVERSARIAL], ids=lambda text: repr(text[:12]))
def test_ids_equal_the_original_tokenizers(text: str, files: str, request: pytest.FixtureRequest) -> None:
    """A small model gives the original tokenizer's ids, on ordinary and on adversarial text."""
    directory: Path = request.getfixturevalue(files)
    assert _loaded(directory).encode([text]) == [_original(directory).encode(text)]


def test_a_number_and_its_comma_are_two_tokens(commas: Path) -> None:
    """A piece such as "12," becomes the number's own pieces and a comma."""
    vocabulary = tk.read_vocabulary(commas / tk.VOCABULARY_FILE)
    ids = _loaded(commas).encode(["12,"])[0]
    assert "12," in vocabulary
    assert "12," not in [vocabulary[number] for number in ids]
    assert vocabulary[ids[-1]] == ","


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_text_gets_the_originals_ids(small: Path, commas: Path, data: st.DataObject) -> None:
    """Whatever the text, both kinds of model give the original tokenizer's ids."""
    text = data.draw(st.text(alphabet=LETTERS, max_size=60))
    for directory in (small, commas):
        assert _loaded(directory).encode([text]) == [_original(directory).encode(text)]


def test_lone_surrogates_are_dropped(small: Path) -> None:
    """Half a surrogate pair, which no UTF-8 library accepts, is left out instead of raising."""
    tokenizer = _loaded(small)
    assert tokenizer.encode(["화장실\ud83d 물"]) == tokenizer.encode(["화장실 물"])


@pytest.mark.parametrize("files", ["small", "library"])
def test_special_tokens_in_a_text_are_text(files: str, request: pytest.FixtureRequest) -> None:
    """A tenant who writes "[SEP]" cannot end the segment."""
    ids = _loaded(request.getfixturevalue(files)).encode(["[SEP] [CLS] [PAD] [MASK] </s>"])[0]
    assert not {tk.PAD, tk.CLS, tk.SEP, tk.MASK} & set(ids)


def test_no_texts_give_no_ids(small: Path) -> None:
    """An empty batch is an empty answer."""
    assert _loaded(small).encode([]) == []


def test_ids_equal_the_originals_on_20000_lines(kobert: Path) -> None:
    """KoBERT's files (a small model's when they are not there) give the original ids line by line."""
    texts = [*_lines(20_000), *KOREAN, *ADVERSARIAL]
    assert _loaded(kobert).encode(texts) == [_original(kobert).encode(text) for text in texts]


def test_the_known_sentence_gets_its_known_pieces(kobert: Path) -> None:
    """The sentence of KoBERT's own page becomes pieces that spell it again, numbered by the vocabulary."""
    vocabulary = tk.read_vocabulary(kobert / tk.VOCABULARY_FILE)
    ids = _loaded(kobert).encode(["한국어 모델을 공유합니다."])[0]
    if len(vocabulary) == 8002:
        assert ids == [4958, 6855, 2046, 7088, 1050, 7843, 54]
    assert all(0 <= number < len(vocabulary) for number in ids)


def test_the_hub_models_own_numbering_is_used_without_a_vocabulary(tmp_path: Path) -> None:
    """A model whose own pieces start with KoBERT's special tokens needs no second file."""
    model = _train(
        iter(KOREAN * 20), vocab_size=150, hard_vocab_limit=False,
        unk_piece="[UNK]", pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", control_symbols=["[MASK]"],
        unk_id=0, pad_id=1, bos_id=2, eos_id=3,
    )  # fmt: skip
    (tmp_path / tk.SENTENCEPIECE_FILE).write_bytes(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    assert tk.load_tokenizer(tmp_path).encode([KOREAN[0]]) == [processor.encode(KOREAN[0])]


def test_the_vocabulary_is_read_from_kobert_json_too(small: Path, tmp_path: Path) -> None:
    """KoBERT's vocabulary JSON and ``vocab.txt`` give the same tokens."""
    tokens = tk.read_vocabulary(small / tk.VOCABULARY_FILE)
    path = tmp_path / "kobertvocab.json"
    path.write_text(json.dumps({"idx_to_token": tokens}), encoding="utf-8")
    assert tk.read_vocabulary(path) == tokens


def test_a_library_tokenizers_ids_lie_in_its_vocabulary(library: Path) -> None:
    """A ``tokenizer.json`` encodes ordinary and adversarial text into its own ids."""
    tokenizer = _loaded(library)
    encoded = tokenizer.encode([*KOREAN, *ADVERSARIAL, "\ud83d"])
    assert len(encoded) == len(KOREAN) + len(ADVERSARIAL) + 1
    assert {number for ids in encoded for number in ids} <= set(range(tokenizer.size))
    assert encoded[0]


def _other_vocabulary(directory: Path) -> None:
    path = directory / tk.VOCABULARY_FILE
    path.write_text("\n".join([*tk.SPECIAL_TOKENS, "가", "나"]) + "\n", encoding="utf-8")


def _no_specials(directory: Path) -> None:
    (directory / tk.VOCABULARY_FILE).write_text("가\n나\n", encoding="utf-8")


def _cut_model(directory: Path) -> None:
    path = directory / tk.SENTENCEPIECE_FILE
    path.write_bytes(path.read_bytes()[:100])


def _no_model(directory: Path) -> None:
    (directory / tk.SENTENCEPIECE_FILE).unlink()


def _not_text(directory: Path) -> None:
    (directory / tk.VOCABULARY_FILE).write_bytes(b"\xff\xfe\xff")


def _model_alone(directory: Path) -> None:
    (directory / tk.VOCABULARY_FILE).unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_other_vocabulary, "do not belong together"),
        (_no_specials, "does not start with"),
        (_cut_model, "cannot be read"),
        (_no_model, "holds no tokenizer"),
        (_not_text, "cannot be read"),
        (_model_alone, "does not start with"),
    ],
)
def test_wrong_files_are_data_errors(
    small: Path, tmp_path: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    """Missing, cut, foreign files end in exit 65 with a sentence that says what is wrong."""
    directory = tmp_path / "damaged"
    shutil.copytree(small, directory)
    damage(directory)
    with pytest.raises(tk.TokenizerError, match=sentence) as raised:
        tk.load_tokenizer(directory)
    assert raised.value.exit_code == 65


def test_a_damaged_library_tokenizer_is_a_data_error(library: Path, tmp_path: Path) -> None:
    """A cut ``tokenizer.json``, and one with other special tokens, are refused."""
    path = tmp_path / tk.TOKENIZERS_FILE
    whole = (library / tk.TOKENIZERS_FILE).read_text(encoding="utf-8")
    path.write_text(whole[: len(whole) // 2], encoding="utf-8")
    with pytest.raises(tk.TokenizerError, match="cannot be read"):
        tk.load_tokenizer(tmp_path)
    path.write_text(whole.replace("[CLS]", "<cls>"), encoding="utf-8")
    with pytest.raises(tk.TokenizerError, match=r"does not give \[CLS\]"):
        tk.load_tokenizer(tmp_path)
