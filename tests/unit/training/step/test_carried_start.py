"""The words of a new text in a base."""

import numpy as np
import pytest

from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from nextword.training.step import carried_start
from support.tiny_bundle import tiny_bundle

OLD = ("<unk>", "<eos>", "the", "cat")


def test_it_is_said_how_much_of_a_text_a_base_knows() -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary((*OLD, "Cat", "dog")))
    said = carried_start.known_words(tiny_bundle("old", tokens=OLD), tokenizer, np.array([10, 10, 50, 10, 10, 10]))
    assert said == "old knows 70.0% of the tokens; 2 new words; 10.0% are known in other capitals"


@pytest.mark.parametrize(("num_shared", "is_law"), [(70, True), (49, False)])
def test_new_words_get_the_rows_of_the_law_of_enough_shared_ones(
    monkeypatch: pytest.MonkeyPatch, num_shared: int, is_law: bool
) -> None:
    monkeypatch.setattr(carried_start, "_RIDGE", 0.0)
    random, size = np.random.default_rng(0), num_shared + 10
    counts, contexts = random.integers(5, 50, size).astype(float), random.normal(size=(size, 4))
    law = contexts @ random.normal(size=(4, 3)) + random.normal(size=3)
    is_new = np.arange(size) >= num_shared
    seen = carried_start._Pass(counts, np.ones(num_shared), counts[:, None] * contexts, np.zeros((0, 4)), np.zeros(0))
    old, rows = np.where(is_new, 0, np.arange(size)), {"embedding/embeddings": law[:num_shared]}
    found = carried_start._predicted_rows(seen, rows, old, is_new)["embedding/embeddings"]
    np.testing.assert_allclose(found[:num_shared], law[:num_shared])
    expected = law[num_shared:] if is_law else np.tile(law[:num_shared].mean(axis=0), (10, 1))
    np.testing.assert_allclose(found[num_shared:], expected, atol=1e-9)


def test_biases_of_known_words_move_to_the_shares_of_the_text() -> None:
    counts, probabilities = np.array([10.0, 30.0, 60.0]), np.array([0.5, 0.3, 0.2])
    seen = carried_start._Pass(counts, probabilities, np.zeros((3, 2)), np.zeros((1, 2)), np.zeros(1))
    old, biases = np.arange(3), np.array([1.0, 2.0, 3.0], np.float32)
    found = carried_start._biases(seen, np.zeros((3, 2)), biases, old, np.zeros(3, bool))
    np.testing.assert_allclose(found, biases + np.log((counts + 200 * probabilities) / (300 * probabilities)))
