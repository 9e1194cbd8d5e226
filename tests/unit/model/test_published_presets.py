"""The presets of published models have the sizes and settings of their sources."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest

from nextword.model.architecture import Architecture
from nextword.model.presets import read_preset
from nextword.text.options import BatchOptions
from nextword.training.config import RunConfig
from nextword.training.plan import Plan

PENN_TREEBANK, WIKITEXT_2 = 10_000, 33_278
TRAINING_TOKENS = 929_589  # of the Penn Treebank, including ends of lines

VOCABULARY_SIZES = {
    "awd-lstm": PENN_TREEBANK,
    "awd-lstm-wt2": WIKITEXT_2,
}

every_preset = pytest.mark.parametrize("preset", VOCABULARY_SIZES)


def architecture_of(preset: str) -> Architecture:
    return Architecture.from_table({**read_preset(preset)["model"], "vocabulary_size": VOCABULARY_SIZES[preset]})


def lstm_layers(widths: Sequence[int], *, num_biases: int) -> int:
    """Return the parameters of LSTM layers; the first width is that of the embedding."""
    return sum(4 * h * (x + h + num_biases) for x, h in pairwise(widths))


def awd_lstm(vocabulary_size: int, *, num_biases: int) -> int:
    tied_embedding, output_bias = 400 * vocabulary_size, vocabulary_size
    return tied_embedding + lstm_layers((400, 1150, 1150, 400), num_biases=num_biases) + output_bias


@pytest.mark.parametrize(
    ("preset", "count", "published", "num_units"),
    [
        ("awd-lstm", awd_lstm, 24_221_600, 1150 + 1150 + 400),
        ("awd-lstm-wt2", awd_lstm, 33_556_078, 1150 + 1150 + 400),
    ],
)
def test_pytorchs_lstm_is_larger_only_by_its_second_bias(
    preset: str, count: Callable[..., int], published: int, num_units: int
) -> None:
    vocabulary_size = VOCABULARY_SIZES[preset]
    assert count(vocabulary_size, num_biases=2) == published
    assert architecture_of(preset).num_parameters == count(vocabulary_size, num_biases=1) == published - 4 * num_units


AWD: dict[str, Any] = {
    "num_steps": 70,
    "variable_num_steps": True,
    "tied": True,
    "embedding_dropout_rate": 0.1,
    "output_dropout_rate": 0.4,
    "weight_drop_rate": 0.5,
    "locked_dropout": True,
    "optimizer": "sgd",
    "schedule": "constant",
    "loss": "mean",
    "weight_decay": 1.2e-6,
    "clip_norm": 0.25,
    "activation_regularization": 2.0,
    "temporal_activation_regularization": 1.0,
    "averaging": "triggered",
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "awd-lstm": {
        **AWD,
        "batch_size": 20,
        "input_dropout_rate": 0.4,
        "hidden_dropout_rate": 0.25,
        "learning_rate": 30.0,
        "epochs": 500,
    },
    "awd-lstm-wt2": {
        **AWD,
        "batch_size": 80,
        "input_dropout_rate": 0.65,
        "hidden_dropout_rate": 0.2,
        "learning_rate": 30.0,
        "epochs": 750,
    },
}


@every_preset
def test_a_preset_has_the_settings_of_its_source(preset: str) -> None:
    config = RunConfig.of(preset)
    found = {**config.batching.to_table(), **config.training.to_table(), **architecture_of(preset).to_table()}
    assert {name: found[name] for name in PUBLISHED[preset]} == PUBLISHED[preset]


def test_the_rounds_of_awd_lstm_are_epochs() -> None:
    config = RunConfig.of("awd-lstm")
    plan = Plan.of(config.training, steps_per_epoch(config.batching))
    assert (plan.num_rounds, plan.round_steps) == (500, plan.steps_per_epoch)


def steps_per_epoch(batching: BatchOptions) -> int:
    """Return the windows of an epoch, from the mean length if lengths vary."""
    row_length = -(-TRAINING_TOKENS // batching.batch_size)
    mean = batching.num_steps * (0.95 + 0.05 / 2) if batching.variable_num_steps else batching.num_steps
    return int(-(-row_length // mean))
