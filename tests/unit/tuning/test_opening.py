import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nextword.errors import CheckpointError, SettingError, StorageError, TextError
from nextword.training.context import RunContext
from nextword.tuning.opening import open_study
from nextword.tuning.study_settings import StudyDirectory, StudySettings, SweepOptions
from nextword.tuning.study_text import StudyText


@pytest.fixture
def wanted(settings: StudySettings, folder_without_test: Path, tmp_path: Path) -> StudySettings:
    shutil.copytree(folder_without_test, tmp_path / "text")
    return replace(settings, text=str(tmp_path / "text"))


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    return StudyDirectory(tmp_path / "study")


def test_a_study_is_begun_joined_and_gone_on_with(directory: StudyDirectory, wanted: StudySettings) -> None:
    begun, text = open_study(directory, wanted, RunContext())
    assert begun.settings == wanted
    content = directory.study_file.read_bytes()
    joined, same_text = open_study(directory, wanted, RunContext(), trials=9)
    assert joined.settings.options.trials == 9
    assert same_text.sha256 == text.sha256
    again, _ = open_study(directory, None, RunContext())
    assert again.settings == wanted
    assert directory.study_file.read_bytes() == content


def test_who_comes_second_finds_the_study_of_the_first(
    directory: StudyDirectory, wanted: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes begin at the same moment: both see no study, and one is the first to write."""
    other = replace(wanted, options=wanted.options.replace(rounds=5))
    load = StudyText.load

    def overtaken(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(StudyText, "load", load)
        open_study(directory, other, RunContext())
        return load(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(StudyText, "load", overtaken)
    with pytest.raises(SettingError, match=r"`study\.rounds` was 5 and is now 4"):
        open_study(directory, wanted, RunContext())
    assert open_study(directory, None, RunContext())[0].settings == other


def test_there_must_be_a_study_to_go_on_with(directory: StudyDirectory) -> None:
    with pytest.raises(CheckpointError, match=r"must be the directory of a study, but has no study\.toml; begin one"):
        open_study(directory, None, RunContext())
    assert not directory.root.exists()


def test_a_text_that_has_changed_is_refused(directory: StudyDirectory, wanted: StudySettings) -> None:
    open_study(directory, wanted, RunContext())
    valid = Path(wanted.text, "valid.txt")
    valid.write_bytes(valid.read_bytes() + b"a cat\n")
    with pytest.raises(CheckpointError, match="has changed since; put it back"):
        open_study(directory, None, RunContext())


@pytest.mark.parametrize(
    "change",
    [
        {"search": {"training": {"rate": {"low": 1, "high": 2}}}},
        {"text": "nowhere"},
        {"options": SweepOptions(storage="nonsense")},
    ],
)
def test_what_is_refused_leaves_no_study(
    directory: StudyDirectory, wanted: StudySettings, change: dict[str, object]
) -> None:
    with pytest.raises((SettingError, StorageError, TextError)):
        open_study(directory, replace(wanted, **change), RunContext())  # type: ignore[arg-type]
    assert not directory.root.exists()


def test_machines_go_on_with_one_study_in_a_database(wanted: StudySettings, tmp_path: Path) -> None:
    shared = replace(wanted, options=wanted.options.replace(storage=f"sqlite:///{tmp_path}/study.db"))
    here, _ = open_study(StudyDirectory(tmp_path / "here"), shared, RunContext())
    again, _ = open_study(StudyDirectory(tmp_path / "here"), None, RunContext())
    there, _ = open_study(StudyDirectory(tmp_path / "there"), shared, RunContext())
    assert here.settings == again.settings == there.settings == shared
    other = replace(shared, options=shared.options.replace(rounds=5))
    with pytest.raises(SettingError, match="begun with another text or other settings"):
        open_study(StudyDirectory(tmp_path / "elsewhere"), other, RunContext())
