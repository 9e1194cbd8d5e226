import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "{model}", "--summary", "{file}"),
        ("vectors", "{model}", "--output", "{file}"),
        ("rescore", "{model}", "{model}/list.tsv", "--model-weight", "1", "--output", "{file}"),
        ("rescore", "{model}", "{model}/list.tsv", "--tune", "--save-weights", "{file}"),
        ("suggest", "{model}", "--interactive", "--words", "{file}"),
    ],
)
def test_a_missing_folder_is_told_before_anything_is_read(
    tmp_path: Path,
    nextword: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    file = tmp_path / "nowhere" / "file.npy"
    assert nextword(*(argument.format(model=tmp_path / "no-model", file=file) for argument in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"'{file}' must be in a folder that is there, but '{file.parent}' is none" in captured.err


def test_what_no_file_may_take_the_place_of_is_told_before_anything_is_read(
    tmp_path: Path, nextword: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        assert nextword("score", tmp_path / "no-model", "--summary", path) == 2
        assert f"'{path}' must be a file or a new name, but is a pipe or a device" in capsys.readouterr().err
    assert pipe.is_fifo()
