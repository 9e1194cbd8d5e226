import numpy as np

from nextword.display.page.bigrams import BigramTable
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

VOCABULARY = Vocabulary(("<unk>", "<eos>", *"abcdefghij", ", ", ",", ". ", "."))


def ids_of_a_text() -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    random = np.random.default_rng(2)
    return np.minimum(random.geometric(0.15, size=600), len(VOCABULARY) - 1).astype(np.int32)


def test_the_followers_are_the_best_words_of_the_whole_distribution() -> None:
    ids = ids_of_a_text()
    size = len(VOCABULARY)
    model = KneserNeyModel.fit(ids, 2, vocabulary_size=size, end_id=VOCABULARY.end_id)
    whole = model.probabilities(np.arange(size)[:, None])
    table = BigramTable.fit(ids, VOCABULARY)
    assert table.words.shape == (size, 5)
    for context in range(size):
        sums: dict[str, float] = {}
        for token_id, token in enumerate(VOCABULARY.tokens):
            if token_id not in (VOCABULARY.unknown_id, VOCABULARY.end_id):
                sums[token.strip(" ")] = sums.get(token.strip(" "), 0.0) + float(whole[context, token_id])
        np.testing.assert_allclose(table.probabilities[context], sorted(sums.values(), reverse=True)[:5], atol=1e-12)
        found = [VOCABULARY.tokens[word].strip(" ") for word in table.words[context]]
        np.testing.assert_allclose([sums[word] for word in found], table.probabilities[context], atol=1e-12)


def test_probabilities_are_stored_in_sixteen_bits() -> None:
    table = BigramTable.fit(ids_of_a_text(), VOCABULARY)
    assert table.shares().dtype == np.uint16
    np.testing.assert_allclose(table.shares() / 65535, table.probabilities, atol=1e-5)


def test_only_a_tokenizer_of_words_has_a_table() -> None:
    ids = ids_of_a_text()
    assert BigramTable.of_words(ids, Tokenizer("word", "line", VOCABULARY)) is not None
    assert BigramTable.of_words(ids, Tokenizer("character", "line", VOCABULARY)) is None
    assert BigramTable.of_words(ids[:0], Tokenizer("word", "line", VOCABULARY)) is None


def test_a_vocabulary_of_few_words_has_few_followers() -> None:
    vocabulary = Vocabulary(("<unk>", "<eos>", "a", "b"))
    table = BigramTable.fit(np.array([2, 3, 1], np.int32), vocabulary)
    assert table.words.shape == (4, 2)
    assert set(table.words[2].tolist()) == {2, 3}
