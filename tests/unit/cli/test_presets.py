import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.model.presets import preset_names
from nextword.training.config import RunConfig, recorded_preset

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]


def test_the_table_has_the_presets_for_any_text_first(nextword: Run, capsys: Captured) -> None:
    assert nextword("presets") == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == ["auto", "quick", "tutorial"]
    assert captured.err == f"\n{len(preset_names()) - 3} more repeat papers: nextword presets --all\n"


def test_the_whole_table_has_a_row_for_each_preset(nextword: Run, capsys: Captured) -> None:
    assert nextword("presets", "--all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["preset", "parameters", "for", "what", "it", "is"]
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == preset_names()
    assert next(line for line in lines if line.startswith("tutorial")).split()[1:3] == ["14.0", "M"]
    assert next(line for line in lines if line.startswith("auto")).split()[1:3] == ["by", "time"]


def test_json_has_the_facts_of_each_preset(nextword: Run, capsys: Captured) -> None:
    assert nextword("presets", "--json") == 0
    found = {facts["name"]: facts for facts in json.loads(capsys.readouterr().out)}
    assert list(found) == preset_names()
    assert found["tutorial"]["num_parameters"] == 14_014_000
    assert found["auto"]["num_parameters"] is None
    assert found["quick"]["suits"] == "a first look"
    assert found["quick"]["description"].startswith("A good small model")


@pytest.mark.parametrize("name", preset_names())
def test_the_settings_of_a_preset_are_a_config_that_changes_nothing(
    name: str, nextword: Run, capsys: Captured, tmp_path: Path
) -> None:
    assert nextword("presets", name) == 0
    printed = capsys.readouterr().out
    table = tomllib.loads(printed)
    assert recorded_preset(table) == name
    assert RunConfig.of(name, table) == RunConfig.of(name)
    assert printed.startswith("# ")
    assert nextword("presets", name, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["settings"]) == (name, {group: table[group] for group in table if group != "origin"})


def test_an_unknown_preset_is_a_mistake(nextword: Run, capsys: Captured) -> None:
    assert nextword("presets", "quik") == 2
    assert capsys.readouterr().err == "error: `quik` is not a preset\nhint: did you mean `quick`?\n"


def test_the_help_opens_with_examples(nextword: Run, capsys: Captured) -> None:
    assert nextword("presets", "--help") == 0
    help_text = capsys.readouterr().out
    assert "  nextword presets\n  nextword presets tutorial\n  nextword presets tutorial > my.toml\n" in help_text
