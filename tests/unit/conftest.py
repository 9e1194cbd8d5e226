"""Small models without a training framework, for scoring, vectors and everything else that uses text."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from nextword.bundle.store import write_bundle
from nextword.engine.engine import Engine
from nextword.model.architecture import Architecture
from nextword.system.capacity import Capacity
from nextword.system.facts import Facts
from nextword.system.framework import Framework
from nextword.system.processor import Processor
from nextword.text.options import TokenizerKind
from support.markov_engine import MarkovEngine, Probabilities
from support.small_model import small_model

_COMPILER = frozenset(["ops", "machine"])
"""Tests in which the compiler itself matters."""

TINY = """
description = "So small that a step takes almost no time."
[batching]
batch_size = 4
num_steps = 5
[model]
embedding_size = 8
hidden_sizes = [8, 8]
tied = true
output_dropout_rate = 0.1
[training]
schedule = "linear"
clip_norm = 1.0
"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """Spare XLA its optimizations: so small a model is compiled much longer than it is run."""
    import jax

    jax.config.update("jax_disable_most_optimizations", not _COMPILER & set(item.path.parts))
    done = yield
    jax.config.update("jax_disable_most_optimizations", False)
    return done


@pytest.fixture
def markov_engine() -> Callable[[Probabilities], Engine]:
    """Returns an engine for a Markov chain."""
    return MarkovEngine


@pytest.fixture
def small_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the bundle of a small model, which is always opened with a NumPy network."""

    def written(kind: TokenizerKind = "pretokenized", *, mixes: bool = False) -> Path:
        model = small_model(kind, mixes=mixes)
        path = tmp_path / ("mixed" if mixes else model.name)
        write_bundle(path, model.bundle)
        monkeypatch.setattr(
            "nextword.cli.options.target.open_model",
            lambda opened, _engine, method: {path: model}[opened].using(method),
        )
        return path

    return written


@pytest.fixture
def tiny_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a preset whose steps take almost no time."""
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    monkeypatch.setattr("nextword.model.presets._FOLDER", tmp_path)
    monkeypatch.setattr("nextword.cli.doctor._TRAINING_SECONDS", 0.05)
    monkeypatch.setattr("nextword.cli.doctor._PRODUCT_SECONDS", 0.01)
    return "tiny"


@pytest.fixture
def sound() -> Facts:
    """A machine and a framework without problems."""
    features = {"AVX2": True, "AVX-512": True, "AVX512_BF16": True, "AMX-BF16": False}
    return Facts(
        system="Linux 6.1",
        python="3.13.1",
        processor=Processor(name="AMD EPYC", architecture="x86_64", features=features),
        capacity=Capacity(cores=8, machine_cores=8, memory_bytes=2**34, available_memory_bytes=2**33),
        gpus=(),
        framework=Framework(backend="jax", devices=("cpu",)),
        versions={"nextword": "0.1.0", "keras": "3.15.1", "jax": "0.12.0"},
        environment={},
        training_memory_bytes=2**30,
    )


@pytest.fixture
def lstm_engine() -> Any:
    """A tiny LSTM that depends strongly on the last few tokens: 12 tokens, `<eos>` is 0."""
    from nextword.engine.keras_engine import KerasEngine
    from nextword.model.language_model import LanguageModel

    sizes: dict[str, Any] = {"vocabulary_size": 12, "embedding_size": 6, "hidden_sizes": (8, 6)}
    model = LanguageModel(Architecture(**sizes, initializer="uniform", initializer_scale=0.8, forget_bias=0.0), seed=3)
    return KerasEngine(model, end_id=0)
