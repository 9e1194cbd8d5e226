import dataclasses

import numpy as np
import pytest

from nextword.bundle.samples import sample_model_path
from nextword.engine.methods.chain import OPTIONS_TYPES, apply_methods, methods_of, require_used
from nextword.engine.opening import open_model
from nextword.engine.stream import token_log_probs
from nextword.errors import BundleError, SettingError
from support.inner_engines import BigramEngine, model_of, splits_of, text_of
from support.small_model import small_model


def test_static_is_the_engine_itself() -> None:
    model = model_of(BigramEngine())
    outcome = apply_methods([model], [], {}, splits_of(), tune=True)
    assert outcome.model.engine is model.engine
    assert outcome.model.tokenizer is model.tokenizer
    assert (outcome.to_table(), outcome.tuned) == ({}, ())


def test_a_model_without_methods_stays_as_it_is_used() -> None:
    model = small_model(mixes=True)
    used = apply_methods([model], [], {}, splits_of())
    assert used.model.engine is model.engine
    assert used.description == "as used: n-grams 0.3, cache of 5 tokens"
    assert used.to_table()["mixture"]["cache_size"] == 5
    assert used.learns
    static = apply_methods([model.using("static")], [], {}, splits_of())
    assert static.model.engine is model.network
    assert (static.description, static.to_table(), static.learns) == ("", {}, False)


def test_methods_and_ensembles_take_the_networks_alone() -> None:
    models = [small_model(mixes=True, seed=seed) for seed in (1, 2)]
    networks = [model.using("static") for model in models]
    ids = np.random.default_rng(3).integers(9, size=40, dtype=np.int32)
    for number, names in ((1, ["cache"]), (2, []), (2, ["temperature"])):
        one, other = (
            apply_methods(each[:number], methods_of(names), {}, splits_of()).model.engine for each in (models, networks)
        )
        np.testing.assert_array_equal(token_log_probs(one, ids), token_log_probs(other, ids))


def test_a_method_that_learns_is_known() -> None:
    tables = {"cache": {"cache_size": 3}}
    for names, learns in ((["cache"], True), (["temperature"], False), (["temperature", "cache"], True)):
        assert apply_methods([small_model()], methods_of(names), tables, splits_of()).learns is learns


def test_methods_are_applied_from_the_inside_out() -> None:
    engine, splits = BigramEngine(), splits_of(train=np.array([2, 3, 0], np.int32))
    tables = {"temperature": {"temperature": 0.5}, "ngram": {"ngram_weight": 0.25}}
    one = apply_methods([model_of(engine)], methods_of(["temperature", "ngram"]), tables, splits)
    other = apply_methods([model_of(engine)], methods_of(["ngram", "temperature"]), tables, splits)
    ids = np.array([2, 3, 4, 0], np.int32)
    assert not np.allclose(token_log_probs(one.model.engine, ids), token_log_probs(other.model.engine, ids), atol=1e-3)
    assert one.description == "temperature (temperature 0.5), then ngram (ngram_order 5, ngram_weight 0.25)"
    assert list(other.to_table()) == ["ngram", "temperature"]


def test_each_method_is_tuned_on_top_of_the_previous_ones() -> None:
    writer, engine = BigramEngine(), BigramEngine(boldness=3.0)
    splits = splits_of(train=text_of(writer, 900), valid=text_of(writer, 600, seed=5))
    methods = methods_of(["temperature", "ngram"])
    outcome = apply_methods([model_of(engine)], methods, {"ngram": {"ngram_order": 2}}, splits, tune=True)
    table = outcome.to_table()
    assert table["ngram"]["ngram_order"] == 2
    assert table["temperature"]["temperature"] == pytest.approx(3.0, rel=0.15)
    assert table["ngram"]["ngram_weight"] < 0.5  # with the right temperature, the engine is the true distribution
    assert outcome.tuned == ("temperature", "ngram_weight")
    assert outcome.description.endswith("; temperature, ngram_weight tuned on the validation split")
    without = apply_methods([model_of(engine)], methods, table, splits_of(train=splits.train()))
    ids = text_of(writer, 200, seed=6)
    tuned, given = (token_log_probs(each.model.engine, ids) for each in (outcome, without))
    np.testing.assert_array_equal(tuned, given)


def test_an_ensemble_is_tuned_to_the_better_member() -> None:
    writer = BigramEngine(seed=1)
    members = [model_of(BigramEngine(seed=2, boldness=2.0)), model_of(writer)]
    splits = splits_of(valid=text_of(writer, 2_000))
    tuned = apply_methods(members, [], {}, splits, tune=True).to_table()["ensemble"]["ensemble_weights"]
    assert tuned[1] > 0.9
    equal = apply_methods(members, [], {}, splits_of()).to_table()["ensemble"]["ensemble_weights"]
    assert equal == [1.0, 1.0]


def test_members_with_different_tokenizers_are_refused() -> None:
    other = model_of(BigramEngine(), words=("<eos>", "<unk>", "a", "b", "c", "d", "f"), name="other")
    with pytest.raises(SettingError, match="those of `tiny` and `other` differ"):
        apply_methods([model_of(BigramEngine()), other], [], {}, splits_of())


@pytest.mark.parametrize("name", ["dynamic", "mc_dropout"])
def test_an_innermost_method_needs_a_keras_model(name: str) -> None:
    with pytest.raises(SettingError, match=f"`{name}` needs the Keras model itself"):
        apply_methods([model_of(BigramEngine())], methods_of([name]), {}, splits_of())


@pytest.mark.parametrize("name", ["dynamic", "mc_dropout"])
def test_an_innermost_method_needs_the_weights_that_a_slim_model_lacks(name: str) -> None:
    austen = open_model(sample_model_path("austen"))
    with pytest.raises(
        BundleError, match="`austen` is a slim model, which has none; use the model that it was"
    ) as told:
        apply_methods([austen], methods_of([name]), {}, splits_of())
    assert f"`{name}` needs the float32 weights" in str(told.value)
    assert '`--engine keras`, or `engine="keras"` in Python' in str(told.value)


def test_methods_keep_their_order() -> None:
    assert [method.name for method in methods_of(["dynamic", "ngram", "cache"])] == ["dynamic", "ngram", "cache"]
    assert methods_of(["static"]) == methods_of(["mixture"]) == methods_of([]) == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cach"], "did you mean `cache`"),
        (["cache", "cache"], "`cache` is given 2 times"),
        (["static", "cache"], "`static` must be the only method"),
        (["mixture", "cache"], "`mixture` must be the only method, .* apply to the network alone"),
        (["cache", "dynamic"], "`dynamic` must be the first"),
        (["dynamic", "mc_dropout"], "`mc_dropout` must be the first"),
    ],
)
def test_invalid_combinations_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        methods_of(names)


def test_no_two_settings_share_a_flag() -> None:
    names = [field.name for kind in OPTIONS_TYPES for field in dataclasses.fields(kind)]
    assert len(set(names)) == len(names)


def test_settings_of_unselected_methods_are_refused() -> None:
    tables = {"cache": {"cache_size": 3, "cache_weight": 0.2}, "ngram": {"ngram_weight": 0.5}}
    require_used(tables, methods_of(["cache", "ngram"]), ensemble=False)
    with pytest.raises(SettingError, match="`ngram_weight` needs the method `ngram`, which is not selected"):
        require_used(tables, methods_of(["cache"]), ensemble=False)
