from typing import Any

import pytest

from nextword.errors import SettingError
from nextword.model.architecture import Architecture, ModelOptions
from nextword.model.presets import preset_names, read_preset
from nextword.training.config import RunConfig

VOCABULARY_SIZE = 10_000  # of the Penn Treebank


def architecture_of(preset: str) -> Architecture:
    return Architecture.from_table({**read_preset(preset)["model"], "vocabulary_size": VOCABULARY_SIZE})


def of_two_layers(width: int) -> int:
    """Return the parameters of embedding, two LSTM layers and softmax of one width."""
    embedding = VOCABULARY_SIZE * width
    gate = width * width + width * width + width  # input, recurrent, bias
    softmax = width * VOCABULARY_SIZE + VOCABULARY_SIZE
    return embedding + 2 * 4 * gate + softmax


@pytest.mark.parametrize(
    ("preset", "width", "num_parameters"),
    [
        ("tutorial", 500, 14_014_000),
        ("small", 200, 4_651_600),
        ("medium", 650, 19_775_200),
        ("large", 1500, 66_022_000),
    ],
)
def test_a_preset_has_the_size_of_its_model(preset: str, width: int, num_parameters: int) -> None:
    assert of_two_layers(width) == num_parameters
    assert architecture_of(preset).hidden_sizes == (width, width)
    assert architecture_of(preset).num_parameters == num_parameters


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_is_valid(preset: str) -> None:
    config = RunConfig.of(preset)
    assert config.origin == {"preset": preset}
    assert config.model == ModelOptions.from_table(read_preset(preset)["model"])
    tables = {"description", "suits", "text", "batching", "model", "training"}
    assert set(read_preset(preset)) == tables
    assert read_preset(preset)["description"].endswith(".")
    assert 0 < len(read_preset(preset)["suits"]) <= 24


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("tutorial", {"windows": "successive", "batch_size": 20, "num_steps": 30, "optimizer": "adam", "epochs": 40}),
        ("small", {"windows": "streams", "batch_size": 20, "num_steps": 20, "optimizer": "sgd", "epochs": 13}),
        ("medium", {"windows": "streams", "batch_size": 20, "num_steps": 35, "optimizer": "sgd", "epochs": 39}),
        ("large", {"windows": "streams", "batch_size": 20, "num_steps": 35, "optimizer": "sgd", "epochs": 55}),
    ],
)
def test_a_preset_has_the_settings_of_its_source(preset: str, expected: dict[str, Any]) -> None:
    config = RunConfig.of(preset)
    found = {**config.batching.to_table(), **config.training.to_table()}
    assert {name: found[name] for name in expected} == expected


def test_the_error_for_an_unknown_preset_suggests_the_nearest() -> None:
    with pytest.raises(SettingError, match="`tutorail` is not a preset; did you mean `tutorial`\\?"):
        read_preset("tutorail")
    with pytest.raises(SettingError, match="is not a preset"):
        read_preset("../presets/tutorial")
