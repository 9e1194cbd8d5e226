from collections import Counter
from math import log

import numpy as np
import pytest

from harness.scale.zipf_text import TOKENS_PER_LINE, WORDS_PER_LINE, ZipfText
from nextword.text.tokens.pre_tokens import pre_tokenizer

SMALL = ZipfText(vocabulary_size=200, seed=3)


def written(text: ZipfText, num_bytes: int) -> bytes:
    return b"".join(text.blocks(num_bytes))


def test_a_text_has_the_size_that_was_asked_for_and_whole_lines() -> None:
    text = written(SMALL, 10_000)
    assert 10_000 <= len(text) < 10_200
    assert text.endswith(b".\n")


def test_a_longer_text_begins_with_the_shorter_one() -> None:
    assert written(SMALL, 3_000_000).startswith(written(SMALL, 100_000))
    assert written(ZipfText(vocabulary_size=200, seed=4), 1000) != written(SMALL, 1000)


def test_each_line_has_the_tokens_that_the_entropy_counts_on() -> None:
    cut = pre_tokenizer("word").pre_tokenize_str
    for line in written(SMALL, 20_000).decode("utf-8").split("\n")[:-1]:
        pieces = [piece for piece, _ in cut(line)]
        assert len(pieces) + 1 == TOKENS_PER_LINE
        assert [place for place, piece in enumerate(pieces) if piece in (", ", ".")] == [8, 17]


def test_words_are_distinct_and_frequent_ones_are_short() -> None:
    words = [word.decode("utf-8") for word in ZipfText(vocabulary_size=30_000)._words]
    assert len(set(words)) == 30_000
    assert {len(word) for word in words[:100]} == {2}
    assert all(word.isalpha() for word in words)


def test_the_entropy_is_that_of_the_text() -> None:
    """The mean of -log p over the words that were drawn differs from the entropy by four deviations at most."""
    words = written(SMALL, 2_000_000).replace(b",", b"").replace(b".", b"").split()
    known = {word: float(p) for word, p in zip(SMALL._words, SMALL.probabilities, strict=True)}
    losses = np.array([-log(known[word]) for word in words])
    assert losses.mean() == pytest.approx(SMALL.word_entropy, abs=4 * losses.std() / len(losses) ** 0.5)
    assert SMALL.token_entropy == pytest.approx(SMALL.word_entropy * WORDS_PER_LINE / TOKENS_PER_LINE)


def test_words_that_are_not_known_are_one() -> None:
    p = SMALL.probabilities
    known = p[:10]
    expected = -(known * np.log(known)).sum() - (1 - known.sum()) * np.log(1 - known.sum())
    assert SMALL.token_entropy_of(10) == pytest.approx(expected * WORDS_PER_LINE / TOKENS_PER_LINE)
    assert SMALL.token_entropy_of(200) == SMALL.token_entropy


def test_words_follow_the_law() -> None:
    counts = Counter(written(SMALL, 4_000_000).replace(b",", b"").replace(b".", b"").split())
    first, tenth = counts[SMALL._words[0]], counts[SMALL._words[9]]
    assert first / tenth == pytest.approx(10, rel=0.1)
    assert SMALL.probabilities.sum() == pytest.approx(1)
