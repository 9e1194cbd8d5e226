"""A vocabulary of a million tokens, from the text to the trained model that is opened and used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nextword

WORDS = 1_000_000
SETTINGS: dict[str, Any] = {
    "embedding_size": 8,
    "hidden_sizes": (8,),
    "tied": False,
    "compute_dtype": "float32",
    "start": "random",
    "batch_size": 64,
    "num_steps": 20,
    "valid_fraction": 0.001,
    "test_fraction": 0.001,
    "learning_rate": 0.01,
    "schedule": "constant",
}


def spelled(number: int) -> str:
    """A word for each number: the number in letters, such as `baca` for 1020."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of somewhat more than a million words once, and half as many draws by Zipf's law."""
    random = np.random.default_rng(0)
    draws = np.minimum(random.zipf(1.2, WORDS // 2), WORDS) - 1
    numbers = random.permutation(np.concatenate([np.arange(WORDS + WORDS // 100), draws]))
    path = tmp_path_factory.mktemp("large") / "large.txt"
    lines = (" ".join(map(spelled, part.tolist())) for part in np.array_split(numbers, len(numbers) // 20))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "output",
    [{"adaptive_cutoffs": (2_000, 20_000, 200_000)}, {"sampled_softmax": 1024}],
    ids=["adaptive", "sampled"],
)
def test_a_million_words_are_trained_saved_and_used(text: Path, tmp_path: Path, output: dict[str, Any]) -> None:
    settings = SETTINGS | output | {"tokenizer": "word", "minimum_count": 1, "maximum_vocabulary": WORDS}
    model = nextword.train(text, epochs=0.03, settings=settings, run=tmp_path / "run")
    model.save(tmp_path / "model")
    opened = nextword.load(tmp_path / "model")
    assert opened.tokenizer.vocabulary_size == WORDS
    options = nextword.TextOptions(valid_fraction=0.001, test_fraction=0.001)
    test = nextword.Corpus.load_split(text, "test", opened.tokenizer, options)
    assert opened.evaluate(test).perplexity < WORDS / 2  # forty steps are better than a guess
    found = opened.suggest("a b c", k=3)
    assert len(found) == 3


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_many_subwords_are_trained(text: Path, tmp_path: Path) -> None:
    settings = SETTINGS | {"tokenizer": "subword", "maximum_vocabulary": WORDS, "sampled_softmax": 1024}
    model = nextword.train(text, epochs=0.03, settings=settings, run=tmp_path / "run")
    assert 30_000 < model.tokenizer.vocabulary_size <= WORDS
    assert "<unk>" not in model.tokenizer.decode(model.tokenizer.encode("abcdef ghij"))
