import numpy as np
import pytest

from nextword.engine.dynamic import DynamicOptions
from nextword.engine.stream import token_log_probs
from nextword.errors import SettingError
from nextword.inference.evaluation.text_evaluation import EvaluatedMethod, EvaluatedModel, evaluated_model
from nextword.text.batching.window import TokenIds
from support.inner_engines import BigramEngine, model_of
from support.small_model import small_model


def unread() -> TokenIds:
    raise AssertionError("the text may not be read")


def evaluated(*models: object, method: EvaluatedMethod = "static") -> EvaluatedModel:
    return evaluated_model(models, method, unread, DynamicOptions())  # type: ignore[arg-type]


def test_a_model_is_used_with_its_mixture_or_as_its_network() -> None:
    model = small_model(mixes=True)
    used, static = evaluated(model, method="mixture"), evaluated(model)
    assert used.model.engine is model.engine
    assert (used.method, used.use, used.learns) == ("mixture", "as used: n-grams 0.3, cache of 5 tokens", True)
    assert used.settings["mixture"]["cache_size"] == 5
    assert static.model.engine is model.network
    assert (static.method, static.use, static.settings, static.learns) == (
        "static",
        "static: the network alone",
        {},
        False,
    )
    assert not evaluated(model.with_weights(cache_weight=0.0), method="mixture").learns
    alone = evaluated(small_model(), method="mixture")
    assert (alone.method, alone.use) == ("static", "")


def test_an_ensemble_averages_networks_alone() -> None:
    models = [small_model(mixes=True, seed=seed) for seed in (1, 2)]
    ids = np.random.default_rng(3).integers(9, size=40, dtype=np.int32)
    found = evaluated(*models)
    own = [np.exp(token_log_probs(model.network, ids)) for model in models]
    np.testing.assert_allclose(np.exp(token_log_probs(found.model.engine, ids)), np.mean(own, axis=0), rtol=1e-5)
    assert (found.method, found.use) == ("ensemble", "ensemble: the mean of 2 networks")


def test_models_and_methods_that_do_not_fit_are_refused() -> None:
    other = model_of(BigramEngine(), words=("<eos>", "<unk>", "a", "b", "c", "d", "f"), name="other")
    with pytest.raises(SettingError, match="those of `tiny` and `other` differ"):
        evaluated(model_of(BigramEngine()), other)
    with pytest.raises(SettingError, match="did you mean `mixture`"):
        evaluated(other, method="mixtur")  # type: ignore[arg-type]
