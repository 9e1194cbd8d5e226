"""Large vocabularies, from the text to the trained model: of words, a million in `make trust`, and of subwords."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nextword
from support.trust_cases import trust_amount

WORDS = trust_amount(250_000, 1_000_000)
REPEATED = 80_000
SETTINGS: dict[str, Any] = {
    "embedding_size": 8,
    "hidden_sizes": (8,),
    "tied": False,
    "compute_dtype": "float32",
    "start": "random",
    "batch_size": 8,
    "num_steps": 10,
    "learning_rate": 0.1,
    "schedule": "constant",
    "activation_regularization": 0.0,  # twelve steps should fit the text, not keep a network of eight units small
}


def spelled(number: int) -> str:
    """A word for each number: the number in letters, such as `baca` for 1020."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def write(numbers: np.ndarray[tuple[int], np.dtype[np.int64]], folder: Path) -> Path:
    """Write words in lines of twenty; return the folder, with its splits valid and test of three lines each."""
    lines = [" ".join(map(spelled, part.tolist())) + "\n" for part in np.array_split(numbers, len(numbers) // 20)]
    folder.mkdir()
    for split, part in (("train", lines[6:]), ("valid", lines[:3]), ("test", lines[3:6])):
        (folder / f"{split}.txt").write_text("".join(part), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of somewhat more than `WORDS` words once, and half as many draws by Zipf's law."""
    random = np.random.default_rng(0)
    draws = np.minimum(random.zipf(1.2, WORDS // 2), WORDS) - 1
    numbers = random.permutation(np.concatenate([np.arange(WORDS + WORDS // 100), draws]))
    return write(numbers, tmp_path_factory.mktemp("large") / "words")


@pytest.mark.nightly
@pytest.mark.timeout(1500)
@pytest.mark.filterwarnings("ignore:.* of the words are unknown:nextword.errors.TrainingWarning")
@pytest.mark.filterwarnings("ignore:.* of the words are unknown:nextword.errors.EvaluationWarning")
def test_a_large_vocabulary_is_trained_saved_and_used(text: Path, tmp_path: Path) -> None:
    words = {"tokenizer": "word", "minimum_count": 1, "maximum_vocabulary": WORDS, "mixture": False}
    model = nextword.train(
        text, epochs=600 / WORDS, settings=SETTINGS | {"sampled_softmax": 1024} | words, run=tmp_path / "run"
    )
    model.save(tmp_path / "model")
    opened = nextword.load(tmp_path / "model")
    assert opened.tokenizer.vocabulary_size == WORDS
    test = nextword.Corpus.load_split(text, "test", opened.tokenizer)
    assert opened.evaluate(test).perplexity < WORDS / 2  # twelve steps are better than a guess
    found = opened.suggest("a b c", k=3)
    assert len(found) == 3


@pytest.mark.nightly
@pytest.mark.timeout(1500)
def test_many_subwords_are_trained(tmp_path: Path) -> None:
    """Each word comes twice, so it becomes a token."""
    numbers = np.random.default_rng(0).permutation(np.repeat(np.arange(REPEATED), 2))
    text = write(numbers, tmp_path / "words")
    settings = SETTINGS | {"tokenizer": "subword", "maximum_vocabulary": WORDS, "sampled_softmax": 1024}
    model = nextword.train(text, epochs=0.009, settings=settings, run=tmp_path / "run")
    assert 2**16 < model.tokenizer.vocabulary_size <= WORDS
    assert "<unk>" not in model.tokenizer.decode(model.tokenizer.encode("abcdef ghij"))
