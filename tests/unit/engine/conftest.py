"""Inner engines for the tests of outer engines."""

import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from support.inner_engines import END_ID, VOCABULARY_SIZE
from support.toy_engine import ToyEngine


@pytest.fixture(scope="session")
def hiddenless_engine() -> Engine:
    return ToyEngine(VOCABULARY_SIZE, END_ID, gives_hidden=False)


@pytest.fixture(scope="session")
def ngram_model() -> KneserNeyModel:
    ids = np.random.default_rng(4).integers(VOCABULARY_SIZE, size=300, dtype=np.int32) // 2
    return KneserNeyModel.fit(ids, 3, vocabulary_size=VOCABULARY_SIZE, end_id=END_ID)
