from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nextword.errors import TextError
from nextword.text.encoding import token_store as token_store_module
from nextword.text.encoding.token_store import TokenStore, encode
from nextword.text.options import OnBadBytes, TokenizerKind
from nextword.text.reading.reader import TextRange
from nextword.text.tokens.encoded_lines import encoded_windows
from nextword.text.tokens.spelling import SpellingModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, UNKNOWN, Vocabulary

PRETOKENIZED = Tokenizer("pretokenized", "line", Vocabulary(("a", "b", END, UNKNOWN)))


@pytest.fixture
def part(tmp_path: Path) -> TextRange:
    path = tmp_path / "text.txt"
    path.write_bytes(b"a b c\n\n<unk> a\n")
    return TextRange.whole(path)


def stored(part: TextRange, tokenizer: Tokenizer, *, cache: Path, on_bad_bytes: OnBadBytes = "strict") -> TokenStore:
    return encode({"all": part}, tokenizer, cache=cache, on_bad_bytes=on_bad_bytes).stores["all"]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_ids_and_counts_are_those_of_the_text(part: TextRange, cache: Path) -> None:
    store = stored(part, PRETOKENIZED, cache=cache)
    assert store.ids.tolist() == [0, 1, 3, 2, 2, 3, 0, 2]
    assert (store.num_tokens, store.report.num_unknown, store.report.num_out_of_vocabulary) == (8, 2, 1)
    assert (store.num_words, store.num_characters) == (8, 15)
    assert store.sha256 == part.sha256


@pytest.mark.parametrize("kind", ["pretokenized", "word", "subword", "character"])
def test_the_spellings_of_all_unknown_tokens_are_summed(tmp_path: Path, cache: Path, kind: TokenizerKind) -> None:
    text = "the cat sat\u20ac on a \u6f22\u5b57mat\n\na cat, a hat\n" * 3
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    tokens = {
        "pretokenized": ["the", "a"],
        "word": ["the", "a"],
        "subword": list("the ca"),
        "character": list("the ca"),
    }
    tokenizer = Tokenizer(kind, "line", Vocabulary((*tokens[kind], END, UNKNOWN)), SpellingModel.fit(["mat", "hat"]))
    lines = encoded_windows(tokenizer, text.splitlines(), max_lines=100)
    expected = sum(float(line.spelling_log_probs.sum()) for window in lines for line in window)
    store = stored(TextRange.whole(path), tokenizer, cache=cache)
    assert store.report.spelling_log_prob == pytest.approx(expected, abs=1e-3)
    assert expected < -100


def test_a_store_belongs_to_its_spelling_model(part: TextRange, cache: Path) -> None:
    spelled = replace(PRETOKENIZED, spelling=SpellingModel.fit(["c"]))
    stores = [stored(part, tokenizer, cache=cache) for tokenizer in (PRETOKENIZED, spelled)]
    assert stores[0].path != stores[1].path
    assert stores[0].report.spelling_log_prob < stores[1].report.spelling_log_prob < 0


def test_ids_are_mapped_and_cannot_be_written(part: TextRange, cache: Path) -> None:
    ids = stored(part, PRETOKENIZED, cache=cache).ids
    assert isinstance(ids, np.memmap)
    assert ids.dtype == np.int32
    assert not ids.flags.writeable


def test_words_and_characters_do_not_depend_on_the_tokenizer(part: TextRange, cache: Path) -> None:
    character = Tokenizer("character", "line", Vocabulary.from_counts({"a": 2, "b": 1}))
    paragraph = Tokenizer("word", "paragraph", PRETOKENIZED.vocabulary)
    stores = [stored(part, tokenizer, cache=cache) for tokenizer in (PRETOKENIZED, character, paragraph)]
    assert len({store.num_tokens for store in stores}) == 3
    assert {(store.num_words, store.num_characters) for store in stores} == {(8, 15)}


def test_the_cache_is_used_and_gives_the_same(part: TextRange, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stored(part, PRETOKENIZED, cache=cache)
    monkeypatch.setattr(token_store_module, "_write_ids", None)
    again = stored(TextRange.whole(part.path), PRETOKENIZED, cache=cache)
    assert again == first
    assert again.ids.tolist() == first.ids.tolist()


def test_the_same_text_under_another_name_shares_the_store(part: TextRange, cache: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_bytes(part.path.read_bytes())
    folder = stored(part, PRETOKENIZED, cache=cache).path
    assert stored(TextRange.whole(copy), PRETOKENIZED, cache=cache).path == folder


def test_another_text_vocabulary_tokenizer_or_treatment_has_another_store(part: TextRange, cache: Path) -> None:
    stores = [
        stored(part, PRETOKENIZED, cache=cache),
        stored(TextRange(part.path, 0, 6), PRETOKENIZED, cache=cache),
        stored(part, Tokenizer("pretokenized", "line", Vocabulary((UNKNOWN, "a", END))), cache=cache),
        stored(part, Tokenizer("word", "line", PRETOKENIZED.vocabulary), cache=cache),
        stored(part, Tokenizer("word", "paragraph", PRETOKENIZED.vocabulary), cache=cache),
        stored(part, PRETOKENIZED, cache=cache, on_bad_bytes="replace"),
    ]
    assert len({store.path for store in stores}) == len(stores)


@pytest.mark.parametrize("content", [b"", b"\x00" * 32, b"\x00" * 8])
def test_a_damaged_store_is_written_again(part: TextRange, cache: Path, content: bytes) -> None:
    store = stored(part, PRETOKENIZED, cache=cache)
    expected = store.ids.tolist()
    store.path.write_bytes(content)
    assert stored(part, PRETOKENIZED, cache=cache).ids.tolist() == expected


def test_replaced_bytes_are_reported_from_the_cache_too(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"a \xff\n")
    for _ in range(2):
        store = stored(TextRange.whole(path), PRETOKENIZED, cache=cache, on_bad_bytes="replace")
        assert (store.report.read.num_invalid, store.report.read.first_invalid) == (1, 2)
        assert store.report.num_unknown == 1


def test_equal_bytes_at_another_place_are_reported_at_that_place(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"\xff a\n\xff a\n")
    for start in (0, 4):
        part = TextRange(path, start, start + 4)
        assert stored(part, PRETOKENIZED, cache=cache, on_bad_bytes="replace").report.read.first_invalid == start


def test_a_text_that_was_refused_leaves_no_store(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"a\n" * 10 + b"\xff\n")
    with pytest.raises(TextError, match="line 11, byte 20"):
        stored(TextRange.whole(path), PRETOKENIZED, cache=cache)
    assert not any(path.is_dir() for path in cache.iterdir())
