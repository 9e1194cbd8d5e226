import re
from datetime import date
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.model.presets import preset_names
from nextword.training.config import RunConfig
from nextword.training.tuning.search_space import SearchSpace, base_values, default_space


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_is_inside_its_default_space(preset: str) -> None:
    base = RunConfig.of(preset)
    space = SearchSpace.read(default_space(base), base)
    names = {dimension.name for dimension in space.dimensions}
    assert names >= {"training.learning_rate", "batching.batch_size", "together.width"}
    assert space.base_labels().keys() == names


@pytest.mark.parametrize("preset", preset_names())
def test_dropout_is_searched_if_the_preset_has_any(preset: str) -> None:
    base = RunConfig.of(preset)
    rates = [name for name, value in base_values(base).items() if "drop" in name and name.endswith("_rate") and value]
    assert default_space(base).get("scale", {}).get("dropout", {}).get("settings", []) == rates


def test_fixed_settings_are_left_out() -> None:
    tables: dict[str, dict[str, Any]] = {
        "model": {"embedding_size": 8, "hidden_sizes": [8]},
        "training": {"learning_rate": 0},
    }
    space = default_space(RunConfig.of("small", tables))
    assert space.keys() == {"batching", "together"}
    assert default_space(RunConfig.of("small", {"batching": {"batch_size": 65_536}}))["batching"] == {
        "batch_size": {"choices": [32_768, 65_536]}
    }


QUICK = RunConfig.of("quick")
DROPOUT = ["model.input_dropout_rate", "model.hidden_dropout_rate"]
TABLES: dict[str, Any] = {
    "training": {"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}, "optimizer": {"choices": ["adam", "sgd"]}},
    "batching": {"num_steps": {"low": 20, "high": 70}},
    "scale": {"dropout": {"low": 0.5, "high": 3, "settings": DROPOUT}},
    "together": {
        "width": {
            "choices": [
                {"model": {"embedding_size": 160, "hidden_sizes": [320, 160]}},
                {"model": {"hidden_sizes": [512, 256], "embedding_size": 256}},
            ]
        }
    },
}


@given(st.integers(0, 2**31 - 1))
def test_every_suggestion_is_inside_the_space(seed: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    config = SearchSpace.read(TABLES, QUICK).suggest(study.ask())
    assert 1e-3 <= config.training.learning_rate <= 1e-2
    assert config.training.optimizer in {"adam", "sgd"}
    assert 20 <= config.batching.num_steps <= 70
    assert config.model.input_dropout_rate == config.model.hidden_dropout_rate
    assert 0.05 <= config.model.input_dropout_rate <= 0.3
    assert config.model.output_dropout_rate == 0.1
    assert config.model.hidden_sizes[-1] == config.model.embedding_size
    assert config.training.clip_norm == QUICK.training.clip_norm


def test_the_labels_of_the_base_give_the_base() -> None:
    space = SearchSpace.read(TABLES, QUICK)
    labels = space.base_labels()
    assert labels.keys() == {dimension.name for dimension in space.dimensions}
    config = space.suggest(optuna.trial.FixedTrial(labels))  # type: ignore[arg-type]
    assert (config.training, config.batching, config.model) == (QUICK.training, QUICK.batching, QUICK.model)


def test_a_base_outside_the_space_has_no_label() -> None:
    space = SearchSpace.read({"training": {"learning_rate": {"low": 0.1, "high": 0.2}}}, QUICK)
    assert space.base_labels() == {}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "must have at least one setting"),
        ({"trainig": {}}, "`trainig` is not a table of a search space; did you mean `training`?"),
        ({"text": {"minimum_count": {"low": 1, "high": 3}}}, "[text] must not be searched"),
        ({"training": 3}, "`training` of a search space must be a table"),
        (
            {"training": {"learning_rat": {"low": 0.1, "high": 0.2}}},
            "`training.learning_rat`: `learning_rat` is not a setting of [training]; did you mean `learning_rate`?",
        ),
        ({"training": {"learning_rate": 0.1}}, "`training.learning_rate`: must be a table such as"),
        (
            {"training": {"learning_rate": {"low": 0.1, "high": 5000}}},
            "`training.learning_rate`: `learning_rate` must be at most 1000.0, but is 5000.0",
        ),
        ({"training": {"optimizer": {"choices": ["adam", "adamm"]}}}, "`optimizer` must be one of adam"),
        ({"training": {"optimizer": {"low": 1, "high": 2}}}, "`training.optimizer`: must be given as"),
        ({"training": {"round_steps": {"low": 1, "high": 2}}}, "must not be searched, because `--rounds` sets it"),
        ({"training": {"base": {"choices": ["a", "b"]}}}, "must not be searched, because trials start from new"),
        ({"training": {"strategy": {"choices": ["population", "local-steps"]}}}, "because one process trains a trial"),
        ({"training": {"optimizer": {"choices": [date(2026, 1, 1), "sgd"]}}}, "`optimizer` must be"),
        ({"model": {"vocabulary_size": {"low": 10, "high": 20}}}, "`vocabulary_size` is not a setting of [model]"),
        ({"batching": {"batch_size": {"low": 1.5, "high": 20}}}, "must be whole numbers, but are 1.5 and 20"),
        ({"model": {"embedding_size": {"low": 100, "high": 200}}}, "`tied` needs a last layer as wide as"),
        ({"scale": {"x": {"low": 1, "high": 2}}}, "must list the settings to multiply"),
        (
            {"scale": {"x": {"low": 1, "high": 2, "settings": ["model.weight_drop_rate"]}}},
            "`model.weight_drop_rate` must be a nonzero number to be scaled, but is 0.0",
        ),
        ({"scale": {"x": {"choices": ["a", "b"], "settings": DROPOUT}}}, "must multiply by numbers, but by ['a', 'b']"),
        ({"scale": {"x": {"low": 1, "high": 12, "settings": DROPOUT}}}, "`input_dropout_rate` must be below 1.0"),
        ({"scale": {"x": {"low": 1, "high": 2, "settings": ["text.valid_fraction"]}}}, "must be named GROUP.SETTING"),
        ({"together": {"x": {"low": 1, "high": 2}}}, "must be a choice of tables"),
        (
            {"together": {"x": {"choices": [{"model": {"tied": True}}, {"model": {"forget_bias": 0.0}}]}}},
            "each choice must have the same settings",
        ),
        (
            {**TABLES, "model": {"input_dropout_rate": {"low": 0.1, "high": 0.2}}},
            "`model.input_dropout_rate` must be searched once, but is in `scale.dropout` and in `model.input",
        ),
    ],
    ids=str,
)
def test_an_invalid_space_is_refused(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=re.escape(message)):
        SearchSpace.read(tables, QUICK)
