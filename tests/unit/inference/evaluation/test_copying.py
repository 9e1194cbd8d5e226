import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.engine.text_model import TextModel
from nextword.errors import EvaluationError, SettingError
from nextword.inference.evaluation import copying
from nextword.inference.evaluation.copying import copied_lengths, measure_copying
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.markov_engine import MarkovEngine

WORDS = ("<eos>", "<unk>", *(f"word{number}" for number in range(30)))


def longest(text: list[int], train: list[int], start: int, shortest: int) -> int:
    """Return the length of the longest passage, by looking everywhere."""
    lengths = [
        length
        for length in range(shortest, len(text) - start + 1)
        if any(train[at : at + length] == text[start : start + length] for at in range(len(train) - length + 1))
    ]
    return max(lengths, default=0)


@settings(max_examples=40)
@given(
    text=st.lists(st.integers(-1, 2), max_size=30),
    train=st.lists(st.integers(0, 2), max_size=60),
    shortest=st.integers(1, 5),
    chunk=st.integers(1, 70),
)
def test_the_longest_passages_are_those_of_a_search_everywhere(
    text: list[int], train: list[int], shortest: int, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "_CHUNK", chunk)
        found = copied_lengths(np.array(text, np.int32), np.array(train, np.int32), shortest)
    assert found.tolist() == [longest(text, train, start, shortest) for start in range(len(text))]


def model_of(noise: float) -> TextModel:
    """A model that counts from word0 to word29 again and again, except for a share of random words."""
    table = np.full((32, 32), noise / 32)
    table[np.arange(1, 32), [2, *range(3, 32), 2]] += 1 - noise
    table[0, 2] += 1 - noise
    return TextModel(MarkovEngine(table), Tokenizer("pretokenized", "line", Vocabulary(WORDS)))


def test_a_model_that_knows_its_text_by_heart_is_found_out() -> None:
    train = np.array([*range(2, 32)] * 20, np.int32)
    held_out = np.array([*range(31, 1, -1), 1, *range(2, 12)], np.int32)
    parrot, free = (measure_copying(model_of(noise), train, held_out, max_tokens=300) for noise in (0, 0.9))
    assert parrot.generated.share == 1
    assert parrot.generated.longest == 150
    assert parrot.generated.passages[0].startswith("word0 word1 word2")
    assert parrot.held_out == free.held_out
    assert parrot.held_out.share == 3 / 26, "sequences with an unknown word are left out"
    assert (parrot.held_out.longest, parrot.held_out.passages) == (10, (" ".join(WORDS[2:12]),))
    assert free.generated.share < 0.01


def test_a_secret_is_ranked_among_others_of_its_shape() -> None:
    model, text = model_of(0.5), np.arange(2, 32, dtype=np.int32)
    lines = ["word3 word4", "word9 word5", "word8 word[21]", "word1 Word[Ab-1]"]
    found = measure_copying(model, text, text, secrets=lines, max_tokens=10).exposures
    assert [each.secret for each in found] == [*lines[:2], "word8 word21", "word1 WordAb-1"]
    assert [each.num_candidates for each in found] == [100, 100, 100, 1024]
    assert found[0].rank <= 10 < found[1].rank
    assert found[0].bits == np.log2(100 / found[0].rank)
    for line in ("no digit", "empty []", "[-]"):
        with pytest.raises(SettingError, match="a secret must have digits, or be in brackets"):
            measure_copying(model, text, text, secrets=[line])


def test_short_texts_are_refused() -> None:
    text = np.arange(2, 32, dtype=np.int32)
    with pytest.raises(EvaluationError, match="a text must have 8 known tokens in a row"):
        measure_copying(model_of(0.5), text, text[:7], max_tokens=10)
    with pytest.raises(SettingError, match="`max_tokens` must be at least 1"):
        measure_copying(model_of(0.5), text, text, max_tokens=0)
