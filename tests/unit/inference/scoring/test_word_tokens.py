from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.text_model import LoadedModel
from nextword.inference.scoring.word_tokens import Before, WordTokenizer, words_of
from nextword.text.options import TokenizerKind
from nextword.text.tokens.encoded_lines import surface
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

Model = Callable[..., LoadedModel]

KINDS: list[TokenizerKind] = ["pretokenized", "word", "subword", "character"]

sentences = st.text(st.sampled_from("ab1_é\u0301'\u2019\",.- \t\xa0\u2028$"), max_size=25)


def tokens_one_by_one(tokenizer: Tokenizer, words: list[str]) -> list[int]:
    word_tokenizer = WordTokenizer(tokenizer)
    before: Before = "nothing"
    ids: list[int] = []
    for place, word in enumerate(words, start=1):
        tokens = word_tokenizer.tokens(word, before)
        ids += [*tokens.leading, tokens.ending if place == len(words) else tokens.continuing]
        before = tokens.before_next
    return ids


@pytest.mark.parametrize("kind", KINDS)
@given(sentence=sentences)
def test_the_tokens_of_words_match_the_sentence(kind: TokenizerKind, sentence: str) -> None:
    # Every piece that these characters can make is in the vocabulary, so that no two look alike.
    plain = Tokenizer(kind, "line", Vocabulary(("<eos>", "<unk>")))
    words = words_of(plain, sentence)
    whole = " ".join(words)
    pieces = [whole[:1], whole[2:5], " ", *whole] if kind == "subword" else surface(plain, whole)
    tokenizer = Tokenizer(kind, "line", Vocabulary(("<eos>", "<unk>", *filter(None, dict.fromkeys(pieces)))))
    assert tokens_one_by_one(tokenizer, words) == tokenizer.encode(whole)


def test_punctuation_depends_on_the_next_word(small_model: Model) -> None:
    tokenizer = small_model("word").tokenizer
    vocabulary = tokenizer.vocabulary
    tokens = WordTokenizer(tokenizer).tokens("sat,", "word")
    assert tokens.leading == (vocabulary.id_of("sat"),)
    assert (tokens.continuing, tokens.ending) == (vocabulary.id_of(", "), vocabulary.id_of(","))
    assert tokens.before_next == "mark"


def test_a_word_is_known_if_all_its_tokens_are(small_model: Model) -> None:
    words = WordTokenizer(small_model("word").tokenizer)
    for word, known in [
        ("cat", True),
        ("cat.", True),
        ("dog", False),
        ("dog,", False),
        ("cat-dog", False),
        ("$", False),
    ]:
        assert words.tokens(word, "word").is_known == known
    assert not WordTokenizer(small_model().tokenizer).tokens("<unk>", "word").is_known
    assert not words.tokens("", "word").is_known
    subwords = Tokenizer("subword", "line", Vocabulary(("<eos>", "<unk>", " ", "a", "b")))
    are_known = {word: WordTokenizer(subwords).tokens(word, "word").is_known for word in ("ab", "abx", "", "<eos>")}
    assert are_known == {"ab": True, "abx": False, "": False, "<eos>": False}


def test_words_are_separated_by_white_space(small_model: Model) -> None:
    assert words_of(small_model("word").tokenizer, " the\xa0 cat\tsat ") == ["the", "cat", "sat"]
    assert words_of(small_model().tokenizer, " the a\xa0b \t") == ["the", "a\xa0b"]
    assert words_of(small_model().tokenizer, "the cat\r\nsat\n") == ["the", "cat", "sat"]
    assert words_of(small_model().tokenizer, "") == []
