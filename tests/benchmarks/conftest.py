from pathlib import Path

import pytest

from harness.interpreters import interpreter_with
from harness.process import PeerError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A text of 40 words in which each is followed by the next."""
    for split, lines in (("train", 60), ("valid", 8), ("test", 7)):
        text = "".join(" " + " ".join(f"w{(line + i) % 40}" for i in range(10)) + " \n" for line in range(lines))
        (tmp_path / f"ptb.{split}.txt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def torch() -> list[str]:
    """The command of a Python with PyTorch; without one the test is skipped."""
    try:
        return list(interpreter_with("torch"))
    except PeerError as error:
        pytest.skip(str(error))
