import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nextword.errors import CheckpointError, SettingError, StorageError, TextError
from nextword.training.context import RunContext
from nextword.training.tuning.opening import open_study
from nextword.training.tuning.study_settings import StudyDirectory, StudySettings, SweepOptions
from nextword.training.tuning.study_text import StudyText


@pytest.fixture
def wanted(settings: StudySettings, folder_without_test: Path, tmp_path: Path) -> StudySettings:
    shutil.copytree(folder_without_test, tmp_path / "text")
    return replace(settings, text=str(tmp_path / "text"))


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    return StudyDirectory(tmp_path / "study")


def test_a_study_is_started_joined_and_resumed(directory: StudyDirectory, wanted: StudySettings) -> None:
    begun, text = open_study(directory, wanted, RunContext())
    assert begun.settings == wanted
    content = directory.study_file.read_bytes()
    joined, same_text = open_study(directory, wanted, RunContext(), trials=9)
    assert joined.settings.options.trials == 9
    assert same_text.sha256 == text.sha256
    again, _ = open_study(directory, None, RunContext())
    assert again.settings == wanted
    assert directory.study_file.read_bytes() == content


def test_the_second_process_joins_the_study_of_the_first(
    directory: StudyDirectory, wanted: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes start at the same time: both see no study, and one writes first."""
    other = replace(wanted, options=wanted.options.replace(rounds=5))
    load = StudyText.load

    def overtaken(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(StudyText, "load", load)
        open_study(directory, other, RunContext())
        return load(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(StudyText, "load", overtaken)
    with pytest.raises(SettingError, match=r"`study\.rounds` must stay 5, the value of the study, but is 4"):
        open_study(directory, wanted, RunContext())
    assert open_study(directory, None, RunContext())[0].settings == other


def test_resuming_needs_a_study(directory: StudyDirectory) -> None:
    with pytest.raises(CheckpointError, match=r"must be the directory of a study, but has no study\.toml; start one"):
        open_study(directory, None, RunContext())
    assert not directory.root.exists()


def test_a_text_that_has_changed_is_refused(directory: StudyDirectory, wanted: StudySettings) -> None:
    open_study(directory, wanted, RunContext())
    valid = Path(wanted.text, "valid.txt")
    valid.write_bytes(valid.read_bytes() + b"a cat\n")
    with pytest.raises(CheckpointError, match="has changed; restore it"):
        open_study(directory, None, RunContext())


@pytest.mark.parametrize(
    "change",
    [
        {"search": {"training": {"rate": {"low": 1, "high": 2}}}},
        {"text": "nowhere"},
        {"options": SweepOptions(storage="nonsense")},
    ],
)
def test_refused_settings_create_no_study(
    directory: StudyDirectory, wanted: StudySettings, change: dict[str, object]
) -> None:
    with pytest.raises((SettingError, StorageError, TextError)):
        open_study(directory, replace(wanted, **change), RunContext())  # type: ignore[arg-type]
    assert not directory.root.exists()


def test_machines_share_one_study_in_a_database(wanted: StudySettings, tmp_path: Path) -> None:
    shared = replace(wanted, options=wanted.options.replace(storage=f"sqlite:///{tmp_path}/study.db"))
    here, _ = open_study(StudyDirectory(tmp_path / "here"), shared, RunContext())
    again, _ = open_study(StudyDirectory(tmp_path / "here"), None, RunContext())
    there, _ = open_study(StudyDirectory(tmp_path / "there"), shared, RunContext())
    assert here.settings == again.settings == there.settings == shared
    other = replace(shared, options=shared.options.replace(rounds=5))
    with pytest.raises(SettingError, match="must have the same text and settings"):
        open_study(StudyDirectory(tmp_path / "elsewhere"), other, RunContext())
