import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.suggestion.lexicon import Lexicon, PrefixIndex, begins_sentence, is_lower_cased, lexicon_of
from nextword.text.tokens.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("pieces", "begins"),
    [
        ([], True),
        (["<eos>"], True),
        (["no", ". "], True),
        (["no", "."], True),
        (["no", "!", '" '], True),
        (["no", "?", ")", " \u201c"], True),
        (["no", "..."], True),
        (["no"], False),
        (["no", ", "], False),
        (["no", '" '], False),
        (['"'], True),
        (["no", ".", "and"], False),
        (["mr."], False),
        (["a", ".", " ", " "], True),
        (["a", " "], False),
        (["\u3002"], True),
    ],
)
def test_where_sentences_begin(pieces: list[str], begins: bool) -> None:
    assert begins_sentence(reversed(pieces)) is begins


def test_a_vocabulary_with_few_capitals_is_lower_cased() -> None:
    words = [f"word{number}" for number in range(100)]
    assert is_lower_cased([*words, "N", "$", "1"])
    assert not is_lower_cased([*words, "N", "London"])
    assert is_lower_cased([])


texts = st.text("aAbß'\U0010ffff", max_size=4)


@given(strings=st.lists(texts), prefix=texts)
def test_a_prefix_finds_all_strings_that_begin_with_it(strings: list[str], prefix: str) -> None:
    index = PrefixIndex(strings)
    found = list(index.strings[index.prefix_range(prefix)])
    assert found == sorted(string for string in strings if string.startswith(prefix))
    assert list(index.strings[index.exact_range(prefix)]) == [string for string in strings if string == prefix]


@given(tokens=st.lists(st.text("aAb ", min_size=1, max_size=4), unique=True))
def test_words_are_tokens_without_spaces(tokens: list[str]) -> None:
    vocabulary = Vocabulary(("<eos>", *tokens, "<unk>"))
    lexicon = Lexicon(vocabulary)
    for token_id, token in enumerate(vocabulary.tokens):
        place = lexicon.word_of[token_id]
        if token in ("<eos>", "<unk>"):
            assert place == len(lexicon.words)
            continue
        word = lexicon.words[place]
        assert token in (word, f" {word}", f"{word} ", f" {word} ")
        assert lexicon.first_tokens[place] <= token_id
        assert lexicon.spellings.strings[lexicon.spelling_of[place]] == word.casefold()
        spelling = int(lexicon.spelling_of[place])
        assert place in lexicon.by_spelling[lexicon.places_of(slice(spelling, spelling + 1))]
        assert place in lexicon.by_spelling[lexicon.beginning_with(word[:1])]
    probabilities = np.arange(1.0, len(vocabulary) + 1)
    added = lexicon.word_probabilities(probabilities)
    assert added.sum() == probabilities[1:-1].sum()
    assert sorted(lexicon.by_spelling.tolist()) == list(range(len(lexicon.words)))
    assert lexicon.places_of(slice(0, len(lexicon.spellings.strings))) == slice(0, len(lexicon.words))


def test_words_that_are_not_printable_are_marked() -> None:
    lexicon = Lexicon(Vocabulary(("<eos>", "<unk>", "a", "\x1b", " ", "\u2028", "b ")))
    assert dict(zip(lexicon.words, lexicon.printable.tolist(), strict=True)) == {
        "a": True,
        "\x1b": False,
        "": False,
        "\u2028": False,
        "b": True,
    }


def test_a_lexicon_is_cached() -> None:
    tokens = ("<eos>", "<unk>", "a")
    assert lexicon_of(Vocabulary(tokens)) is lexicon_of(Vocabulary(tokens))
    assert lexicon_of(Vocabulary(tokens)) is not lexicon_of(Vocabulary((*tokens, "b")))
