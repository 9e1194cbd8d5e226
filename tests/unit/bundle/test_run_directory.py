import json
import os
import threading
from dataclasses import asdict
from pathlib import Path

import pytest
from filelock import FileLock

from nextword.bundle.model_card import SplitMetrics
from nextword.bundle.origin import model_path
from nextword.bundle.run_directory import RunDirectory, is_in_use, read_split_metrics, run_lock
from nextword.errors import BundleError, CheckpointError, SettingError, StorageError
from nextword.training.config import RunConfig


def test_a_directory_is_a_run_once_it_has_its_settings(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    config = RunConfig.of("quick")
    directory.require_free()
    directory.config_file.write_text(config.to_toml(), encoding="utf-8")
    assert directory.is_run
    assert RunConfig.of_run(directory) == config


def test_a_directory_with_a_run_is_refused_with_how_to_resume(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    root = tmp_path / "mine"
    for folder in ("mine", "mine-2"):
        (tmp_path / folder).mkdir()
    (root / "config.toml").write_text("", encoding="utf-8")
    other = f"train in another directory, such as `--run {root}-3`"
    with pytest.raises(
        CheckpointError, match=f"is not finished; resume it with `nextword train --resume {root}`, or {other}"
    ):
        RunDirectory(root).require_free()
    (root / "model").mkdir()
    with pytest.raises(CheckpointError, match=f"holds a finished run; {other}"):
        RunDirectory(root).require_free()


@pytest.mark.parametrize("metrics", [None, "no JSON", "[]", '{"finished": true, "splits": [{"split": "valid"}]}'])
def test_a_run_without_readable_metrics_is_not_finished(tmp_path: Path, metrics: str | None) -> None:
    if metrics is not None:
        (tmp_path / "metrics.json").write_text(metrics, encoding="utf-8")
    assert not RunDirectory(tmp_path).is_finished


def test_a_place_that_cannot_be_written_is_refused_and_nothing_is_left_where_it_can(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"^cannot write to `.*/file/run`: not a directory; use `--run DIR`$"):
        RunDirectory(tmp_path / "file" / "run").require_writable()
    RunDirectory(tmp_path / "new" / "run").require_writable()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="permission denied; use `--run DIR`"):
        RunDirectory(tmp_path / "run").require_writable()


@pytest.mark.parametrize("name", [".", "absent"])
def test_a_directory_without_a_run_cannot_be_resumed(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="must be the directory of a training run, but has no config"):
        RunConfig.of_run(RunDirectory(tmp_path / name))


def test_damaged_settings_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"[training]\nepochs = \xff")
    with pytest.raises(SettingError, match=r"config\.toml must be valid TOML"):
        RunConfig.of_run(RunDirectory(tmp_path))


def test_the_model_of_a_path_is_that_of_its_run_or_the_path(tmp_path: Path) -> None:
    assert model_path(tmp_path) == tmp_path
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    with pytest.raises(BundleError, match=f"has no model yet; resume it with `nextword train --resume {tmp_path}`"):
        model_path(tmp_path)
    (tmp_path / "model").mkdir()
    assert model_path(tmp_path) == tmp_path / "model"


def test_a_directory_is_in_use_while_a_process_holds_its_lock(tmp_path: Path) -> None:
    assert not is_in_use(tmp_path)
    with run_lock(tmp_path):
        assert is_in_use(tmp_path)
    assert not is_in_use(tmp_path)
    assert not is_in_use(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_a_lock_that_is_held_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    asked = FileLock(tmp_path / ".lock", thread_local=False)
    asked.acquire()
    timer = threading.Timer(0.1, asked.release)
    timer.start()
    with run_lock(tmp_path):
        assert is_in_use(tmp_path)
    timer.join()


ROW = SplitMetrics(
    split="test",
    perplexity=9.0,
    bits_per_character=1.5,
    num_out_of_vocabulary=1,
    accuracy=0.5,
    num_tokens=8,
    protocol="every token once",
)


def test_written_metrics_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    assert read_split_metrics(path) == ()
    path.write_text(json.dumps({"splits": [asdict(ROW)]}), encoding="utf-8")
    assert read_split_metrics(path) == (ROW,)


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b"{}", b"\xff", json.dumps({"splits": [{**asdict(ROW), "perplexity": "low"}]}).encode()]
)
def test_damaged_metrics_are_an_error_with_a_repair(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    repair = rf"metrics\.json` must be a file written by a training run.*--resume {tmp_path}"
    with pytest.raises(CheckpointError, match=repair):
        read_split_metrics(path)


def test_the_folder_that_one_is_in_may_hold_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=f"or train in another directory, such as `--run {tmp_path}-2`"):
        RunDirectory(Path()).require_free()
