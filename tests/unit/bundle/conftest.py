from pathlib import Path

import numpy as np
import pytest

from nextword import sealed_directory
from nextword.architecture import Architecture
from nextword.bundle.bundle import Bundle
from nextword.bundle.write import write_bundle
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """A model of 283 parameters."""
    architecture = Architecture(vocabulary_size=6, embedding_size=3, hidden_sizes=(4, 4), hidden_dropout_rate=0.5)
    tokenizer = Tokenizer("word", "line", Vocabulary(("<unk>", "<eos>", "It", "is", "so", ", ")))
    random = np.random.default_rng(1)
    shapes = architecture.weight_shapes()
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Bundle("tiny-1.0", architecture, tokenizer, weights, "# tiny\n\n\N{GREEK SMALL LETTER ALPHA}\n")


@pytest.fixture
def path(tmp_path: Path, bundle: Bundle) -> Path:
    """Where that model lies."""
    path = tmp_path / "models" / "tiny"
    write_bundle(path, bundle)
    return path


@pytest.fixture
def files(path: Path) -> dict[str, bytes]:
    """The files of that model."""
    return sealed_directory.read(path)
