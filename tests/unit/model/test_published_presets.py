"""The presets of published models have the sizes and settings of their sources."""

import math
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
LAMB_TOKENS = 10_001  # of the Penn Treebank in google-deepmind/lamb, which has another unknown word besides <unk>

VOCABULARY_SIZES = {
    "awd-lstm": PENN_TREEBANK,
    "awd-lstm-wt2": WIKITEXT_2,
    "mos": PENN_TREEBANK,
    "mogrifier": PENN_TREEBANK,
    "melis-10m": PENN_TREEBANK,
}

every_preset = pytest.mark.parametrize("preset", VOCABULARY_SIZES)


def architecture_of(preset: str, vocabulary_size: int | None = None) -> Architecture:
    size = vocabulary_size or VOCABULARY_SIZES[preset]
    return Architecture.from_table({**read_preset(preset)["model"], "vocabulary_size": size})


def lstm_layers(widths: Sequence[int], *, num_biases: int) -> int:
    """Return the parameters of LSTM layers; the first width is that of the embedding."""
    return sum(4 * h * (x + h + num_biases) for x, h in pairwise(widths))


def awd_lstm(vocabulary_size: int, *, num_biases: int) -> int:
    tied_embedding, output_bias = 400 * vocabulary_size, vocabulary_size
    return tied_embedding + lstm_layers((400, 1150, 1150, 400), num_biases=num_biases) + output_bias


def mos(vocabulary_size: int, *, num_biases: int) -> int:
    tied_embedding, output_bias = 280 * vocabulary_size, vocabulary_size
    prior, latents = 620 * 15, (620 + 1) * 15 * 280
    lstm = lstm_layers((280, 960, 960, 620), num_biases=num_biases)
    return tied_embedding + lstm + prior + latents + output_bias


def mogrifier(vocabulary_size: int, width: int) -> int:
    tied_embedding, output_bias = width * vocabulary_size, vocabulary_size
    one_round = width * 84 + 84 * width + width  # two factors and a bias
    return tied_embedding + lstm_layers((width,) * 3, num_biases=1) + 2 * 5 * one_round + output_bias


def melis(vocabulary_size: int, width: int) -> int:
    embedding_size = round(0.224374398589 * width)
    tied_embedding, output_bias = embedding_size * vocabulary_size, vocabulary_size
    lstm = lstm_layers((embedding_size, width), num_biases=1)
    return tied_embedding + lstm + width * embedding_size + output_bias


@pytest.mark.parametrize(
    ("preset", "count", "published", "num_units"),
    [
        ("awd-lstm", awd_lstm, 24_221_600, 1150 + 1150 + 400),
        ("awd-lstm-wt2", awd_lstm, 33_556_078, 1150 + 1150 + 400),
        ("mos", mos, 21_500_620, 960 + 960 + 620),
    ],
)
def test_pytorchs_lstm_is_larger_only_by_its_second_bias(
    preset: str, count: Callable[..., int], published: int, num_units: int
) -> None:
    vocabulary_size = VOCABULARY_SIZES[preset]
    assert count(vocabulary_size, num_biases=2) == published
    assert architecture_of(preset).num_parameters == count(vocabulary_size, num_biases=1) == published - 4 * num_units


@pytest.mark.parametrize(
    ("preset", "count", "width", "budget"),
    [("mogrifier", mogrifier, 912, 24_000_000), ("melis-10m", melis, 1194, 10_000_000)],
)
def test_a_model_of_lamb_has_the_largest_width_within_its_budget(
    preset: str, count: Callable[[int, int], int], width: int, budget: int
) -> None:
    architecture = architecture_of(preset, LAMB_TOKENS)
    assert set(architecture.hidden_sizes) == {width}
    assert architecture.num_parameters == count(LAMB_TOKENS, width) <= budget < count(LAMB_TOKENS, width + 1)
    assert architecture_of(preset).num_parameters == count(PENN_TREEBANK, width)


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
    "averaging_patience": 5,
}
LAMB: dict[str, Any] = {
    "batch_size": 64,
    "reset_rate": 0.01,
    "tied": True,
    "cap_input_gate": True,
    "locked_dropout": False,
    "forget_bias": 1.0,
    "optimizer": "adam",
    "beta_1": 0.0,
    "beta_2": 0.999,
    "loss": "sum_over_time",
    "clip_norm": 10.0,
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
    "mos": {
        **AWD,
        "batch_size": 12,
        "mixture_size": 15,
        "input_dropout_rate": 0.4,
        "hidden_dropout_rate": 0.225,
        "latent_dropout_rate": 0.29,
        "learning_rate": 20.0,
        "epochs": 1000,
    },
    "mogrifier": {
        **LAMB,
        "num_steps": 70,
        "skip_connections": True,
        "mogrifier_rounds": 5,
        "mogrifier_rank": 84,
        "learning_rate": pytest.approx(0.0023, rel=1e-4),
        "weight_decay": pytest.approx(0.00025235, rel=1e-4),
        "averaging": "triggered",
        "averaging_patience": 50,
        "averaging_latest_round": 800,
        "input_dropout_rate": pytest.approx(0.7290787773167251),
        "hidden_dropout_rate": pytest.approx(0.2909822365241189),
        "output_dropout_rate": pytest.approx(0.7156690388448465),
        "state_dropout_rate": pytest.approx(0.38729439899832296),
        "initializer": "uniform",
        "initializer_scale": pytest.approx(math.sqrt(3 / 912)),  # of a standard deviation of 1/sqrt(912)
    },
    "melis-10m": {
        **LAMB,
        "num_steps": 35,
        "narrowed_output": True,
        "learning_rate": pytest.approx(0.0041787, rel=1e-4),
        "weight_decay": pytest.approx(0.00012435, rel=1e-4),
        "schedule": "plateau",
        "plateau_rounds": 26,
        "decay_factor": 0.1,
        "patience": 30,
        "input_dropout_rate": pytest.approx(0.579891622066),
        "hidden_dropout_rate": 0.0,  # there is one layer
        "output_dropout_rate": pytest.approx(0.327008873224),
        "latent_dropout_rate": pytest.approx(0.327008873224),
        "state_dropout_rate": pytest.approx(0.215256482363),
    },
}


@every_preset
def test_a_preset_has_the_settings_of_its_source(preset: str) -> None:
    config = RunConfig.of(preset)
    found = {**config.batching.to_table(), **config.training.to_table(), **architecture_of(preset).to_table()}
    assert {name: found[name] for name in PUBLISHED[preset]} == PUBLISHED[preset]


@pytest.mark.parametrize(
    ("preset", "rounds", "steps"), [("mogrifier", 1000, 200), ("melis-10m", 1000, 100), ("awd-lstm", 500, None)]
)
def test_a_run_on_the_penn_treebank_has_the_published_rounds(preset: str, rounds: int, steps: int | None) -> None:
    config = RunConfig.of(preset)
    plan = Plan.of(config.training, steps_per_epoch(config.batching))
    assert plan.num_rounds == rounds
    assert plan.round_steps == (steps or plan.steps_per_epoch)  # AWD's rounds are epochs


def steps_per_epoch(batching: BatchOptions) -> int:
    """Return the windows of an epoch, from the mean length if lengths vary."""
    row_length = -(-TRAINING_TOKENS // batching.batch_size)
    mean = batching.num_steps * (0.95 + 0.05 / 2) if batching.variable_num_steps else batching.num_steps
    return int(-(-row_length // mean))
