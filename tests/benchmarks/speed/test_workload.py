import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.speed.workload import Workload
from nextword.errors import SettingError
from nextword.model.architecture import Architecture, useful_flops_per_word
from nextword.model.presets import preset_names


@given(
    vocabulary_size=st.integers(2, 500),
    embedding_size=st.integers(1, 60),
    hidden_sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    tied=st.booleans(),
)
def test_every_weight_of_a_product_takes_six_operations(
    vocabulary_size: int, embedding_size: int, hidden_sizes: list[int], tied: bool
) -> None:
    if tied:
        hidden_sizes[-1] = embedding_size
    architecture = Architecture(
        vocabulary_size=vocabulary_size, embedding_size=embedding_size, hidden_sizes=tuple(hidden_sizes), tied=tied
    )
    shapes = architecture.weight_shapes()
    # A matrix of embeddings is looked up in, unless it projects too; biases are added only.
    multiplied = [
        math.prod(shape)
        for name, shape in shapes.items()
        if len(shape) == 2 and (tied or not name.startswith("embedding"))
    ]
    assert useful_flops_per_word(architecture) == 6 * sum(multiplied)


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({"cell": "gru"}, 3 * 6 * (4 + 6) + 6 * 9),
        ({"cell": "rnn"}, 6 * (4 + 6) + 6 * 9),
        ({"cell": "mogrifier_lstm", "mogrifier_rounds": 3}, 4 * 6 * (4 + 6) + 3 * 4 * 6 + 6 * 9),
        ({"narrowed_output": True, "tied": True}, 4 * 6 * (4 + 6) + 6 * 4 + 4 * 9),
        ({"mixture_size": 3, "tied": True}, 4 * 6 * (4 + 6) + 6 * 3 + 6 * 3 * 4 + 3 * 4 * 9),
        ({"mixture_size": 3}, 4 * 6 * (4 + 6) + 6 * 3 + 6 * 3 * 4 + 3 * 4 * 9),
        ({"adaptive_cutoffs": (5,)}, 4 * 6 * (4 + 6) + 6 * (5 + 1) + 6 * 6 + 6 * 4),
    ],
)
def test_cells_and_outputs_count_what_they_multiply(changes: dict[str, Any], weights: int) -> None:
    sizes = {"vocabulary_size": 9, "embedding_size": 4, "hidden_sizes": (6,)}
    assert useful_flops_per_word(Architecture(**{**sizes, **changes})) == 6 * weights


def test_the_standard_workload_is_the_one_of_the_design() -> None:
    workload = Workload.of()
    architecture = workload.architecture
    assert (architecture.hidden_sizes, architecture.embedding_size) == ((512, 512), 512)
    assert (architecture.tied, architecture.vocabulary_size) == (True, 10_000)
    assert workload.words_per_step == 64 * 35
    assert workload.flops_per_word == 6 * (2 * 4 * 512 * 1024 + 10_000 * 512)


def test_the_tutorial_s_workload_is_the_tutorial_s_model() -> None:
    workload = Workload.of("tutorial")
    assert workload.architecture.num_parameters == 14_014_000
    assert (workload.words_per_step, workload.architecture.output_dropout_rate) == (600, 0.5)


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_is_a_workload(preset: str) -> None:
    assert Workload.of(preset).flops_per_word > 0


def test_settings_override_the_preset() -> None:
    given_tables = {"model": {"vocabulary_size": 77}, "batching": {"batch_size": 3}}
    workload = Workload.of("tutorial", given_tables, compute_dtype="float32")
    assert workload.architecture.vocabulary_size == 77
    assert workload.architecture.hidden_sizes == (500, 500)
    assert (workload.words_per_step, workload.compute_dtype) == (90, "float32")
    with pytest.raises(SettingError, match="`batch_size` must be at least 1"):
        Workload.of(None, {"batching": {"batch_size": 0}})


def test_the_table_says_it_all() -> None:
    table = Workload.of("quick").in_precision("bfloat16").to_table()
    assert Architecture.from_table(table["model"]) == Workload.of("quick").architecture
    assert table["batching"]["num_steps"] == 35
    assert table["compute_dtype"] == "bfloat16"


@pytest.mark.parametrize(
    ("model", "beyond"),
    [
        ({}, []),
        ({"tied": False, "hidden_sizes": [8, 4], "output_dropout_rate": 0.5, "forget_bias": 0.0}, []),
        ({"cell": "gru"}, ["cell"]),
        ({"locked_dropout": True, "weight_drop_rate": 0.5}, ["weight_drop_rate", "locked_dropout"]),
        ({"narrowed_output": True}, ["narrowed_output"]),
    ],
)
def test_what_a_plain_lstm_has_not_is_named(model: dict[str, Any], beyond: list[str]) -> None:
    assert Workload.of(given={"model": model}).beyond_plain == beyond


def test_windows_are_of_one_length() -> None:
    assert not Workload.of("awd-lstm").batching.variable_num_steps
