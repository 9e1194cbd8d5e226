"""A run whose model cannot be exported, or was exported before."""

import sys
from pathlib import Path

import pytest

from nextword.bundle.run_directory import RunDirectory
from nextword.errors import (
    BundleError,
    ExportError,
    MissingExtraError,
    NextwordError,
    SettingError,
    StorageError,
)
from nextword.export import export as export_module
from nextword.export.options import export_run


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    (tmp_path / "model").mkdir()
    return RunDirectory(tmp_path)


@pytest.mark.parametrize("error", [BundleError, ExportError, MissingExtraError, SettingError, StorageError])
def test_a_model_that_cannot_be_exported_is_left_as_it_is(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch, error: type[NextwordError]
) -> None:
    def refused(*_arguments: object) -> None:
        raise error("the cell has no graph")

    monkeypatch.setattr(export_module, "export_bundle", refused)
    said: list[str] = []
    export_run(directory, said.append)
    assert said == ["the model is not exported, so it needs seconds to start: the cell has no graph"]


def test_without_onnx_nothing_is_exported(directory: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nextword.export.export", None)
    said: list[str] = []
    export_run(directory, said.append)
    assert said[0].startswith("the model is not exported")


def test_an_exported_model_is_not_exported_again(directory: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "export_bundle", lambda *_arguments: pytest.fail("it was exported before"))
    (directory.model / "model.onnx").touch()
    export_run(directory, print)
    export_run(RunDirectory(directory.root / "other"), print)  # a run that has no model
