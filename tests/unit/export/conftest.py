from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle
from nextword.bundle.store import write_bundle
from nextword.model.architecture import Architecture
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.random_weights import random_weights

WORDS = ("<unk>", "<eos>", "it", "is", "so", "and", "was", "not", ", ", ".")


@pytest.fixture(scope="session")
def architecture() -> Architecture:
    sizes: dict[str, Any] = {"vocabulary_size": len(WORDS), "embedding_size": 6, "hidden_sizes": (5, 6)}
    return Architecture(**sizes, tied=True, hidden_dropout_rate=0.5)


@pytest.fixture(scope="session")
def weights(architecture: Architecture) -> dict[str, NDArray[np.float32]]:
    return random_weights(architecture)


@pytest.fixture(scope="session")
def bundle(architecture: Architecture, weights: dict[str, NDArray[np.float32]]) -> Bundle:
    """A model of ten words."""
    return Bundle("tiny", architecture, Tokenizer("word", "line", Vocabulary(WORDS)), weights, "# tiny\n\nA card.\n")


@pytest.fixture
def path(tmp_path: Path, bundle: Bundle) -> Path:
    """Where that model lies."""
    write_bundle(tmp_path / "tiny", bundle)
    return tmp_path / "tiny"


@pytest.fixture(scope="session")
def text_ids() -> NDArray[np.int32]:
    """A text of two hundred tokens."""
    return np.random.default_rng(3).integers(len(WORDS), size=200, dtype=np.int32)
