"""A recurrent engine, a matching tokenizer, and random n-best lists."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.inference.rescoring.nbest import LineSource, NbestList, NbestReader
from nextword.inference.rescoring.weights import Features
from nextword.text.tokens.encoded_lines import spelling_log_prob
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

WORDS = ("the", "cat", "<eos>", "sat", "cats", "at", "<unk>")


@pytest.fixture
def toy_engine() -> ToyEngine:
    return ToyEngine(len(WORDS), WORDS.index("<eos>"))


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer("pretokenized", "line", Vocabulary(WORDS))


@pytest.fixture(scope="session")
def line_log_prob(tokenizer: Tokenizer) -> Callable[[str], float]:
    """Scores a line in single steps."""

    def score(line: str) -> float:
        engine: Engine = ToyEngine(len(WORDS), WORDS.index("<eos>"))
        state, last, total = engine.start(1), engine.end_id, 0.0
        for token_id in [*tokenizer.encode(line), engine.end_id]:
            log_probs, state = engine.step(np.array([last], np.int32), state)
            total, last = total + float(log_probs[0, token_id]), token_id
        return total + spelling_log_prob(tokenizer, line)

    return score


@pytest.fixture
def read_lists(tmp_path: Path) -> Callable[..., tuple[NbestReader, list[NbestList]]]:
    """Reads the lists of a text; returns reader and lists."""

    def read(text: str, score_names: Sequence[str] | None = None) -> tuple[NbestReader, list[NbestList]]:
        path = tmp_path / "nbest"
        path.write_text(text, encoding="utf-8")
        reader = NbestReader(LineSource(str(path)), score_names=score_names)
        return reader, list(reader)

    return read


@pytest.fixture(scope="session")
def features_of() -> Callable[..., Features]:
    """Makes random lists in which model and first pass correlate with the errors, and length does not."""

    def make(seed: int, num_utterances: int = 40, most: int = 12, num_scores: int = 1) -> Features:
        random = np.random.default_rng(seed)
        sizes = random.integers(1, most + 1, num_utterances)
        errors = random.poisson(2.0, sizes.sum())
        noises = random.normal(size=(sizes.sum(), 2 + num_scores))
        values = -errors[:, None] * ([3.0, 0.0] + [2.0] * num_scores) + 5.0 * noises
        values[:, 1] = random.integers(3, 9, sizes.sum())
        return Features(values, errors, np.concatenate(([0], np.cumsum(sizes))))

    return make
