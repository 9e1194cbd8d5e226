from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import SettingError, StorageError
from nextword.model.presets import preset_names
from nextword.training.config import RunConfig
from nextword.training.tuning.search_space import default_space
from nextword.training.tuning.study_settings import StudySettings, SweepOptions, read_study
from support.small_studies import SETTINGS


@pytest.mark.parametrize("preset", preset_names())
def test_a_study_is_read_back_from_its_file(preset: str, tmp_path: Path) -> None:
    base = RunConfig.of(preset, origin={"command": "nextword tune"})
    options = SweepOptions(pruner="hyperband", minutes_per_trial=2.5, sampler_seed=3)
    settings = StudySettings(options, "austen", base, default_space(base))
    path = tmp_path / "study.toml"
    path.write_text(settings.to_toml(text_sha256="ab"), encoding="utf-8")
    assert read_study(path) == (settings, "ab")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "ptb"}, "`study.text` must stay 'story.txt', the value of the study, but is 'ptb'"),
        ({"options": SweepOptions(trials=3, rounds=5)}, "`study.rounds` must stay 4, the value of the study, but is 5"),
        ({"search": {}}, "`search.training.learning_rate.high` must stay 0.1, the value of the study, but is None"),
        ({"base": RunConfig.of("quick")}, "`base.batching.batch_size` must stay 4, the value of the study, but is 32"),
    ],
)
def test_other_settings_are_refused_with_the_difference(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match="the value of the study") as refused:
        SETTINGS.require_same(replace(SETTINGS, **change))
    assert message in str(refused.value)


def test_the_number_of_trials_and_the_command_may_differ() -> None:
    base = replace(SETTINGS.base, origin={**SETTINGS.base.origin, "command": "another"})
    SETTINGS.require_same(replace(SETTINGS, options=SETTINGS.options.replace(trials=99), base=base))


def test_epochs_cannot_be_searched_with_minutes_per_trial() -> None:
    search = {"training": {"epochs": {"low": 1, "high": 3}}}
    assert replace(SETTINGS, search=search).space.dimensions[0].name == "training.epochs"
    options = SETTINGS.options.replace(minutes_per_trial=2)
    with pytest.raises(SettingError, match="`minutes_per_trial` must not be used if the search space varies"):
        _ = replace(SETTINGS, search=search, options=options).space


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (RunConfig.of("quick", {"training": {"strategy": "population"}}), "population"),
        (replace(SETTINGS.base, members=(SETTINGS.base,)), "members"),
    ],
)
def test_one_process_trains_a_trial(base: RunConfig, name: str) -> None:
    with pytest.raises(SettingError, match=f"since one process trains a trial, but has {name}; remove them"):
        _ = replace(SETTINGS, base=base).space


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must be a study"),
        ("[study", "must be a study"),
        ("[study]\nformat = 1\n", "must have format 2, but has 1; give another directory"),
        ("study = 3", "must be a study"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "study.toml").write_text(content, encoding="utf-8")
    with pytest.raises(StorageError, match=message):
        read_study(tmp_path / "study.toml")
