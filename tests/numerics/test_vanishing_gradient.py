"""The page on the vanishing gradient shows the product of derivatives that it explains."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Window
from support.random_weights import random_weights

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "vanishing_gradient.py"
LAGS, ROWS, WIDTH, VOCABULARY_SIZE = 5, 2, 3, 7
SIZES = {"LAGS": LAGS, "ROWS": ROWS, "WIDTH": WIDTH, "BATCH_SIZE": 2, "NUM_STEPS": 3, "TRAINING_STEPS": 1}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, with a size for tests."""
    if not SCRIPT.is_file():
        pytest.skip(f"needs {SCRIPT.name}, which a package without the repository lacks")
    spec = importlib.util.spec_from_file_location("vanishing_gradient", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, value in SIZES.items():
        monkeypatch.setattr(module, name, value)
    return module


def drawn(cell: Any) -> tuple[LanguageModel, Window]:
    random = np.random.default_rng(3)
    sizes: dict[str, Any] = {"vocabulary_size": VOCABULARY_SIZE, "embedding_size": WIDTH, "hidden_sizes": (WIDTH,)}
    model = LanguageModel(Architecture(cell=cell, tied=True, **sizes))
    model.set_named_weights(random_weights(model.architecture, 3))
    inputs, targets = random.integers(VOCABULARY_SIZE, size=(2, ROWS, LAGS + 1)).astype(np.int32)
    return model, Window(inputs, targets, np.ones(inputs.shape, np.float32), np.zeros(ROWS, bool))


def test_the_norms_match_the_product_of_derivatives(script: Any) -> None:
    model, window = drawn("rnn")
    exact = {name: array.astype(np.float64) for name, array in model.named_weights().items()}
    embeddings, kernel = exact["embedding/embeddings"], exact["rnn_0/kernel"]
    recurrent, bias = exact["rnn_0/recurrent_kernel"], exact["rnn_0/bias"]
    expected = np.zeros((ROWS, LAGS + 1))
    for row in range(ROWS):
        hidden, slopes = np.zeros(WIDTH), []
        for token in window.inputs[row]:
            hidden = np.tanh(embeddings[token] @ kernel + hidden @ recurrent + bias)
            slopes.append(1 - hidden**2)
        logits = embeddings @ hidden + exact["projection/bias"]
        probabilities = np.exp(logits) / np.exp(logits).sum()
        gradient = (probabilities - np.eye(VOCABULARY_SIZE)[window.targets[row, -1]]) @ embeddings
        for lag in range(LAGS + 1):
            expected[row, lag] = np.linalg.norm(gradient)
            gradient = recurrent @ (slopes[-1 - lag] * gradient)
    np.testing.assert_allclose(script.gradient_norms(model, window)["rnn"], expected.mean(axis=0), rtol=1e-4)


def test_an_lstm_has_a_curve_for_its_cell_which_the_last_step_does_not_reach(script: Any) -> None:
    found = script.gradient_norms(*drawn("lstm"))
    assert found.keys() == {"lstm", "lstm cell"}
    assert found["lstm cell"][0] == 0
    assert min(found["lstm cell"][1:]) > 0


@pytest.mark.slow
def test_the_script_prints_a_line_for_each_curve_and_draws_them(script: Any, tmp_path: Path) -> None:
    picture = tmp_path / "gradient.svg"
    done = CliRunner().invoke(script.vanishing_gradient, ["--plot", str(picture)])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    curves = [(line["panel"], line["curve"]) for line in lines if line["kind"] == "curve"]
    assert len(curves) == 3 * 4
    assert all(len(line["norms"]) == LAGS + 1 for line in lines if line["kind"] == "curve")
    assert ">GRU<" in picture.read_text(encoding="utf-8")
