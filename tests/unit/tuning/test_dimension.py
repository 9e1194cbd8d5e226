from typing import Any

from nextword.tuning.dimension import JoinedSettings, OneSetting, ScaledSettings, flat, nested
from nextword.tuning.domain import Choices, Range

BASE = {"training.learning_rate": 0.01, "model.input_dropout_rate": 0.1, "batching.num_steps": 35}


def test_one_setting_is_written_under_its_group() -> None:
    rate = OneSetting("training.learning_rate", Range(0.001, 0.1))
    assert rate.tables(0.05) == {"training": {"learning_rate": 0.05}}
    assert rate.own_value(BASE) == 0.01


def test_scaled_settings_keep_their_proportion_and_their_type() -> None:
    scaled = ScaledSettings("scale.x", Range(0.5, 2.0), {"model.input_dropout_rate": 0.1, "batching.num_steps": 35})
    assert scaled.tables(1.5) == {"model": {"input_dropout_rate": 0.1 * 1.5}, "batching": {"num_steps": 52}}
    assert scaled.tables(scaled.own_value(BASE)) == {
        "model": {"input_dropout_rate": 0.1},
        "batching": {"num_steps": 35},
    }


def test_joined_settings_know_the_choice_that_the_base_is() -> None:
    choices = Choices(({"model": {"tied": True}, "training": {"epochs": 2}}, {"model": {"tied": False}}))
    joined = JoinedSettings("together.x", choices, ("model.tied", "training.epochs"))
    own = joined.own_value({"model.tied": True, "training.epochs": 2})
    assert own == choices.values[0] == joined.tables(own)


def test_flat_and_nested_are_each_other_s_inverse() -> None:
    tables: dict[str, dict[str, Any]] = {"model": {"tied": True, "cell": "lstm"}, "training": {"epochs": 2}}
    assert nested(flat(tables)) == tables
