import itertools
import re
from typing import Any

import pytest

from nextword.display.pictures.architecture import draw_architecture, stages_of
from nextword.model.architecture import Architecture
from nextword.model.presets import preset_names, read_preset
from support.packed import ARCHITECTURES

ALL = ARCHITECTURES | {
    name: Architecture.from_table({**read_preset(name)["model"], "vocabulary_size": 10_000}) for name in preset_names()
}


def worked_out(formula: str) -> int:
    """Return the result of a formula such as `4 x 500 x (500 + 500 + 1)`."""
    arithmetic = re.sub(r" of the \w+| biases;.*", "", formula).replace(",", "").replace("\N{MULTIPLICATION SIGN}", "*")
    assert re.fullmatch(r"[\d+*() ]+", arithmetic)
    return int(eval(arithmetic))  # noqa: S307 - digits and signs alone


@pytest.mark.parametrize("name", ALL)
def test_the_stages_have_all_parameters(name: str) -> None:
    stages = stages_of(ALL[name])
    assert sum(stage.num_parameters for stage in stages) == ALL[name].num_parameters
    for stage in stages:
        if stage.num_parameters:
            assert worked_out(stage.formula) == stage.num_parameters, stage


@pytest.mark.parametrize("name", ALL)
def test_a_stage_reads_what_the_one_before_returns(name: str) -> None:
    stages = stages_of(ALL[name])
    assert stages[0].shape == "(B, T, E)"
    assert stages[-1].shape == "(B, T, V)"
    assert all(stage.shape.startswith("(B, T, ") for stage in stages)
    for before, stage in itertools.pairwise(stages):
        width = before.size.partition(" = ")[2].replace(",", "")
        if stage.title.startswith(("LSTM", "GRU", "RNN")):
            assert f"({int(width):,} + " in stage.formula


def test_the_tutorial_has_fourteen_million_parameters() -> None:
    svg = draw_architecture(ALL["tutorial"], "preset tutorial").to_svg()
    found = re.findall(r'<text class="(?:heading|strong)"[^>]*>([\d,]+)', svg)
    assert found == ["14,014,000", "5,000,000", "2,002,000", "2,002,000", "5,010,000"]
    assert "Preset tutorial" in svg


def test_shared_weights_are_counted_once_and_named() -> None:
    *_, last = stages_of(ALL["tied"])
    assert last.title == "Softmax, tied"
    assert last.num_parameters == ALL["tied"].vocabulary_size


def test_dropout_is_shown_where_it_is_applied() -> None:
    options: dict[str, Any] = {"vocabulary_size": 9, "embedding_size": 3, "hidden_sizes": (3, 3)}
    rates: dict[str, Any] = {"input_dropout_rate": 0.1, "hidden_dropout_rate": 0.2, "output_dropout_rate": 0.3}
    assert [stage.dropout_rate for stage in stages_of(Architecture(**options, **rates))] == [0.1, 0.2, 0.3, 0.0]
