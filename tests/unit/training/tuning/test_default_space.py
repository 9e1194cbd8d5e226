from typing import Any

import pytest

from nextword.model.presets import preset_names
from nextword.training.config import RunConfig
from nextword.training.tuning.default_space import default_space
from nextword.training.tuning.search_space import SearchSpace, base_values


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
