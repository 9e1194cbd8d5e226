from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nextword.cli.options.command import command
from nextword.cli.options.run_options import RUN_SETTINGS, config_option, preset_option, run_config
from nextword.cli.options.setting_option import CommandOptions, Tables
from nextword.errors import SettingError
from nextword.training.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class _Options(CommandOptions):
    preset: str = preset_option("quick")
    config: Path | None = config_option()


def config_of(file: Path, *flags: str) -> RunConfig:
    found: list[RunConfig] = []

    @command(_Options, *RUN_SETTINGS, examples=[])
    def read(given: Tables, **_options: Any) -> None:
        found.append(run_config(given))

    read.main(["--config", str(file), *flags], standalone_mode=False)
    return found[0]


def test_a_table_of_a_member_overrides_the_file_and_flags_override_both(tmp_path: Path) -> None:
    file = tmp_path / "members.toml"
    file.write_text(
        "[training]\nlearning_rate = 0.5\nbeta_1 = 0.5\n[[member]]\n[[member]]\ntraining = { learning_rate = 0.25, "
        "beta_1 = 0.25 }\n[[member]]\n[member.model]\nhidden_sizes = [8]\nembedding_size = 8\n",
        encoding="utf-8",
    )
    config = config_of(file, "--strategy", "population", "--beta-1", "0.75")
    assert [each.training.learning_rate for each in config.members] == [0.5, 0.25, 0.5]
    assert {each.training.beta_1 for each in (config, *config.members)} == {0.75}
    assert config.members[2].model.hidden_sizes == (8,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[member]\n", r"`member` must be a list of tables"),
        ("[[member]]\ntraining = { learning_rat = 1 }\n", "did you mean `learning_rate`"),
        (
            "[[member]]\ntext = { minimum_count = 9 }\n[[member]]\n",
            r"must share \[text\], but a \[\[member\]\] changes",
        ),
        ("[[member]]\nmodels = { tied = true }\n", "`models` is not a table of settings"),
    ],
)
def test_a_mistake_in_the_table_of_a_member_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "members.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=message):
        config_of(tmp_path / "members.toml", "--strategy", "population")


def test_a_seed_in_the_table_of_a_member_is_kept_unless_a_flag_overrides_it(tmp_path: Path) -> None:
    file = tmp_path / "members.toml"
    file.write_text(
        "[training]\nseed = 3\n[[member]]\n[[member]]\ntraining = { seed = 3, learning_rate = 0.25 }\n",
        encoding="utf-8",
    )
    seeds = [each.training.seed for each in config_of(file, "--strategy", "population").members]
    assert seeds == [3, 3]
    seeds = [each.training.seed for each in config_of(file, "--strategy", "population", "--seed", "9").members]
    assert seeds == [9, 10]
