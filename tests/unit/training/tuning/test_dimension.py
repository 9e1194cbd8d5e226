import json
import re
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.training.tuning.dimension import (
    Choices,
    Dimension,
    JoinedSettings,
    Range,
    ScaledSettings,
    flat,
    nested,
    read_domain,
)

BASE = {"training.learning_rate": 0.01, "model.input_dropout_rate": 0.1, "batching.num_steps": 35}


def test_one_setting_is_in_the_table_of_its_group() -> None:
    rate = Dimension("training.learning_rate", Range(0.001, 0.1), ("training.learning_rate",))
    assert rate.tables(0.05) == {"training": {"learning_rate": 0.05}}
    assert rate.base_value(BASE) == 0.01


def test_scaled_settings_keep_their_ratio_and_type() -> None:
    originals = {"model.input_dropout_rate": 0.1, "batching.num_steps": 35}
    scaled = ScaledSettings("scale.x", Range(0.5, 2.0), tuple(originals), originals)
    assert scaled.tables(1.5) == {"model": {"input_dropout_rate": 0.1 * 1.5}, "batching": {"num_steps": 52}}
    assert scaled.tables(scaled.base_value(BASE)) == {
        "model": {"input_dropout_rate": 0.1},
        "batching": {"num_steps": 35},
    }


def test_joined_settings_find_the_choice_of_the_base() -> None:
    choices = Choices(({"model": {"tied": True}, "training": {"epochs": 2}}, {"model": {"tied": False}}))
    joined = JoinedSettings("together.x", choices, ("model.tied", "training.epochs"))
    own = joined.base_value({"model.tied": True, "training.epochs": 2})
    assert own == choices.values[0] == joined.tables(own)


def test_flat_and_nested_are_inverse() -> None:
    tables: dict[str, dict[str, Any]] = {"model": {"tied": True, "cell": "lstm"}, "training": {"epochs": 2}}
    assert nested(flat(tables)) == tables


@given(st.floats(1e-6, 1.0), st.floats(1.01, 1e6), st.booleans(), st.integers(0, 2**31 - 1))
def test_a_suggestion_is_in_its_range_and_stored_exactly(low: float, high: float, log: bool, seed: int) -> None:
    domain = Range(low, high, log)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    value = domain.suggest(trial, "x")
    assert low <= value <= high
    assert domain.value(trial.params["x"]) == value
    assert domain.label(value) == value


def test_whole_bounds_give_whole_numbers() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    values = [Range(1, 4).suggest(study.ask(), "x") for _ in range(40)]
    assert set(values) == {1, 2, 3, 4}
    assert all(isinstance(value, int) for value in values)


@pytest.mark.parametrize("value", ["adam", 3, 0.5, True, [320, 160], {"model": {"hidden_sizes": [8], "tied": True}}])
def test_a_choice_is_restored_from_its_label(value: Any) -> None:
    domain = Choices(("another", value))
    label = domain.label(value)
    assert label is not None
    assert domain.value(label) == value
    trial = optuna.trial.FixedTrial({"x": label})
    assert domain.suggest(trial, "x") == value  # type: ignore[arg-type]
    assert domain.label("absent") is None


def test_a_value_out_of_range_has_no_label() -> None:
    assert Range(1.0, 2.0).label(2.5) is None
    assert Range(1.0, 2.0).label(None) is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (0.5, "must be a table such as"),
        ({"low": 1}, "must be a table such as"),
        ({"low": 1, "high": 2, "lg": True}, "`lg` is not a part of a table with `low`"),
        ({"choices": [1, 2], "log": True}, "`log` is not a part of a table with `choices`"),
        ({"choices": 3}, "`choices` must be a list, but is 3"),
        ({"choices": [3]}, "at least two values"),
        ({"choices": [3, 3]}, "all different"),
        ({"low": 2, "high": 2}, "`low` must be below `high`"),
        ({"low": 0.0, "high": 2.0, "log": True}, "`low` must be above 0 with `log = true`"),
        ({"low": "a", "high": 2.0}, "`low` must be a number, but is 'a'"),
        ({"low": 1, "high": 2, "log": 1}, "`log` must be true or false"),
    ],
    ids=json.dumps,
)
def test_a_table_without_a_domain_is_refused(table: Any, message: str) -> None:
    with pytest.raises(SettingError, match=re.escape(message)):
        read_domain(table)


@pytest.mark.parametrize(
    ("value", "label"), [(2, "2"), (2.0, "2"), (0.5, "0.5"), (True, None), (1, "1"), (False, None)]
)
def test_a_number_matches_an_equal_choice_of_another_type(value: Any, label: str | None) -> None:
    assert Choices((0, 0.5, 1, 2)).label(value) == label


def test_true_is_not_a_number() -> None:
    assert Choices((True, False)).label(True) == "true"
    assert Choices((True, False)).label(1) is None
    assert Range(0, 4).label(True) is None


@pytest.mark.parametrize(("value", "label"), [(2.0, 2), (2, 2), (2.5, None)])
def test_whole_bounds_contain_only_whole_numbers(value: float, label: int | None) -> None:
    found = Range(1, 4).label(value)
    assert found == label
    assert found is None or isinstance(found, int)
