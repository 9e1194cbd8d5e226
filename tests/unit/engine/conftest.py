"""What the engines that go around an engine go around."""

from collections.abc import Callable

import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.ngram.kneser_ney import KneserNeyModel
from support.toy_engine import ToyEngine

VOCABULARY_SIZE, END_ID = 11, 3


@pytest.fixture(scope="session")
def toy_engine() -> Callable[..., Engine]:
    def made(seed: int, *, vocabulary_size: int = VOCABULARY_SIZE, hidden_size: int = 4) -> Engine:
        return ToyEngine(vocabulary_size, END_ID, seed=seed, hidden_size=hidden_size)

    return made


@pytest.fixture(scope="session")
def hiddenless_engine() -> Engine:
    return ToyEngine(VOCABULARY_SIZE, END_ID, gives_hidden=False)


@pytest.fixture(scope="session")
def ngram_model() -> KneserNeyModel:
    ids = np.random.default_rng(4).integers(VOCABULARY_SIZE, size=300, dtype=np.int32) // 2
    return KneserNeyModel.fit(ids, 3, vocabulary_size=VOCABULARY_SIZE, end_id=END_ID)
