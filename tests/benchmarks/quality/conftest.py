import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.quality.catalogue import QualityPeer
from harness.quality.contest import Contest
from harness.speed.interpreters import own_interpreter
from nextword.text.corpus import Corpus

RESULT: dict[str, Any] = {
    "parameters": 1234,
    "tokens": 4000,
    "epochs": 2.5,
    "seconds": 2.0,
    "perplexities": {"stream": {"valid": 21.0, "test": 20.0}, "windows of 3": {"valid": 20.5, "test": 22.0}},
}


@pytest.fixture
def contest(tmp_path: Path) -> Contest:
    """A text of a few words, for half a minute."""
    for split, lines in (("train", 3), ("valid", 2), ("test", 1)):
        text = " the cat sat on the mat \n" * lines
        (tmp_path / f"ptb.{split}.txt").write_text(text, encoding="utf-8")
    return Contest(Corpus.load(tmp_path), str(tmp_path), 0.5, 3)


@pytest.fixture
def journal(tmp_path: Path) -> Callable[[], list[str]]:
    """Reads what the fake programs were given, in order."""
    path = tmp_path / "journal"
    return lambda: path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., QualityPeer]:
    """Makes peers that run `fake_quality_peer.py`, with a common journal."""

    def make(name: str, *, fault: str = "", **figures: Any) -> QualityPeer:
        told = {"NAME": name, "FAULT": fault, "JOURNAL": str(tmp_path / "journal")}
        result = json.dumps({**RESULT, **figures})
        program = Path(__file__).with_name("fake_quality_peer.py")
        return QualityPeer(name, program, own_interpreter, {**told, "RESULT": result})

    return make
