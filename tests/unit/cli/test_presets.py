import tomllib
from pathlib import Path

import pytest

from nextword.model.presets import preset_names
from nextword.training.config import RunConfig, recorded_preset
from support.commands import Captured, Command, Json, nextword


def test_the_table_has_the_presets_for_any_text_first(capsys: Captured) -> None:
    assert nextword("presets") == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == ["auto", "quick", "tutorial"]
    assert captured.err == f"\n{len(preset_names()) - 3} more repeat papers: nextword presets --all\n"


def test_the_whole_table_has_a_row_for_each_preset(printed: Command) -> None:
    lines = printed("presets", "--all").splitlines()
    assert lines[0].split() == ["preset", "parameters", "for", "what", "it", "is"]
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == preset_names()
    assert next(line for line in lines if line.startswith("tutorial")).split()[1:3] == ["14.0", "M"]
    assert next(line for line in lines if line.startswith("auto")).split()[1:3] == ["by", "time"]


def test_json_has_the_facts_of_each_preset(json_of: Json) -> None:
    found = {facts["name"]: facts for facts in json_of("presets")}
    assert list(found) == preset_names()
    assert found["tutorial"]["num_parameters"] == 14_014_000
    assert found["auto"]["num_parameters"] is None
    assert found["quick"]["suits"] == "a first look"
    assert found["quick"]["description"].startswith("A good small model")


@pytest.mark.parametrize("name", preset_names())
def test_the_settings_of_a_preset_are_a_config_that_changes_nothing(
    name: str, tmp_path: Path, printed: Command, json_of: Json
) -> None:
    shown = printed("presets", name)
    table = tomllib.loads(shown)
    assert recorded_preset(table) == name
    assert RunConfig.of(name, table) == RunConfig.of(name)
    assert shown.startswith("# ")
    found = json_of("presets", name)
    assert (found["name"], found["settings"]) == (name, {group: table[group] for group in table if group != "origin"})
