from typing import Any

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.keras.dropout_engine import DropoutEngine
from nextword.engine.keras.keras_engine import KerasEngine
from nextword.engine.methods.dropout import DropoutMethod, DropoutOptions
from nextword.engine.methods.dynamic import Dynamic
from nextword.engine.methods.method import Method
from nextword.errors import SettingError
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import TokenIds
from support.engine_scores import scores_of
from support.inner_engines import splits_of
from support.slow import rest_slow

VOCABULARY_SIZE, BLOCK = 7, 32
KINDS: list[dict[str, Any]] = [
    {},
    {"locked_dropout": True, "weight_drop_rate": 0.3, "embedding_dropout_rate": 0.3},
    {"mixture_size": 2, "latent_dropout_rate": 0.3},
    {"narrowed_output": True, "hidden_sizes": (8,), "latent_dropout_rate": 0.3},
    {"adaptive_cutoffs": (2, 4), "tied": False},
]


def engine_of(**changes: Any) -> KerasEngine:
    sizes: dict[str, Any] = {"vocabulary_size": VOCABULARY_SIZE, "embedding_size": 6, "hidden_sizes": (6,)}
    rates = {"input_dropout_rate": 0.2, "output_dropout_rate": 0.4}
    model = LanguageModel(Architecture(**{**sizes, **rates, "tied": True, "initializer_scale": 1.0, **changes}), seed=1)
    return KerasEngine(model, end_id=0)


@pytest.fixture(scope="module")
def engine() -> KerasEngine:
    """An engine that no test changes."""
    return engine_of()


@pytest.fixture(scope="module")
def subject(engine: KerasEngine) -> DropoutEngine:
    """Compiled once for all tests."""
    return dropout(engine)


def ids_of(batch_size: int = 1, num_steps: int = 40, seed: int = 3) -> TokenIds:
    return np.random.default_rng(seed).integers(VOCABULARY_SIZE, size=(batch_size, num_steps), dtype=np.int32)


def dropout(engine: KerasEngine, **options: Any) -> DropoutEngine:
    return DropoutEngine(engine, DropoutOptions(**{"dropout_num_samples": 3, **options}))


def one_sample(subject: DropoutEngine, sample: int, ids: TokenIds) -> NDArray[np.float32]:
    """Return the predictions `(T, V)` of a simple loop over blocks for one text and one sample of masks."""
    variables, parts, state = [*subject._moving, *subject._kept], [], subject.model.initial_state(1)

    def read(keys: Any, part: TokenIds, state: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, keys, strict=True))):
            return subject.model(part, state, training=True)

    compiled = jax.jit(read)
    for block in range(-(-ids.shape[1] // BLOCK)):
        part = ids[:, block * BLOCK : (block + 1) * BLOCK]
        padded = np.pad(part, ((0, 0), (0, BLOCK - part.shape[1])))
        logits, state = compiled(subject._keys(sample, block), padded, state)
        parts.append(jax.nn.log_softmax(logits[0, : part.shape[1]]))
    return np.concatenate(parts)


@pytest.mark.parametrize("changes", rest_slow(KINDS), ids=str)
def test_it_is_the_mean_over_passes_with_dropout(changes: dict[str, Any]) -> None:
    subject, ids = dropout(engine_of(**changes)), ids_of()
    samples = np.array([one_sample(subject, sample, ids) for sample in range(3)], np.float64)
    assert samples.std(axis=0).max() > 0.05
    found, _ = subject.predict_window(ids, subject.start(1))
    np.testing.assert_allclose(found.log_probs[0], np.log(np.exp(samples).mean(axis=0)), atol=1e-4)


def test_the_mean_can_be_geometric(engine: KerasEngine) -> None:
    subject, ids = dropout(engine, dropout_mean="geometric"), ids_of()
    found, _ = subject.predict_window(ids, subject.start(1))
    unscaled = np.mean([one_sample(subject, sample, ids) for sample in range(3)], axis=0, dtype=np.float64)
    expected = unscaled - np.log(np.exp(unscaled).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(found.log_probs[0], expected, atol=1e-4)


def test_the_seed_decides_and_the_model_is_not_changed(engine: KerasEngine, subject: DropoutEngine) -> None:
    before = [np.array(variable.value) for variable in engine.model.variables]
    engines = subject, dropout(engine, dropout_seed=subject.options.dropout_seed), dropout(engine, dropout_seed=5)
    found = [scores_of(each, ids_of(), np.full(1, 40, np.int32)).log_probs for each in engines]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2], atol=1e-2)
    for variable, array in zip(engine.model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.value, array)


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize(
    "where",
    [
        {"output_dropout_rate": 0.5},
        {"latent_dropout_rate": 0.5, "mixture_size": 2},
        {"latent_dropout_rate": 0.5, "narrowed_output": True},
    ],
    ids=str,
)
def test_masks_are_redrawn_within_a_text_unless_locked(where: dict[str, Any], locked: bool) -> None:
    none = {"input_dropout_rate": 0.0, "output_dropout_rate": 0.0}
    engine = engine_of(**{**none, **where, "locked_dropout": locked})
    weights = {name: np.zeros(shape, np.float32) for name, shape in engine.model.architecture.weight_shapes().items()}
    # The gates i, f, g, o are such that cell and output are the same at every step.
    for name in weights.keys() & {"projection/latent_kernel", "projection/narrowing_kernel"}:
        weights[name] = np.random.default_rng(1).normal(size=weights[name].shape).astype(np.float32)
    weights["lstm_0/bias"] = np.repeat(np.array([30, -30, 1, 30], np.float32), 6)
    weights["embedding/embeddings"] = np.random.default_rng(0).normal(size=(VOCABULARY_SIZE, 6)).astype(np.float32)
    engine.model.set_named_weights(weights)
    subject = dropout(engine, dropout_num_samples=1)
    rows = subject.predict_window(ids_of(num_steps=3 * BLOCK), subject.start(1))[0].log_probs[0]
    assert len(np.unique(rows.round(4), axis=0)) > 20 if not locked else np.ptp(rows, axis=0).max() < 1e-5
    assert np.allclose(rows[:BLOCK], rows[BLOCK : 2 * BLOCK], atol=1e-5) == locked


def test_a_model_without_dropout_is_refused() -> None:
    none = {"input_dropout_rate": 0.0, "output_dropout_rate": 0.0}
    with pytest.raises(SettingError, match="needs a model trained with dropout, but these rates are all 0: "):
        DropoutEngine(engine_of(**none), DropoutOptions())


@pytest.mark.parametrize("method", [DropoutMethod(), Dynamic()])
def test_another_backend_is_refused(engine: KerasEngine, monkeypatch: pytest.MonkeyPatch, method: Method[Any]) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(SettingError, match=f"`{method.name}` needs Keras on the backend jax, but it runs on torch"):
        method.apply(engine, method.options_type(), splits_of(), ())


def test_only_texts_of_one_length_can_be_joined(subject: DropoutEngine) -> None:
    _, state = subject.predict_window(ids_of(num_steps=5), subject.start(1))
    with pytest.raises(ValueError, match="different lengths"):
        subject.join([state, subject.start(1)])
