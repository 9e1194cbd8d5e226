"""Files of strangers with random changes are read or refused by an error of nextword, and nothing else happens."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import NextwordError
from nextword.inference.suggestion.user_words import UserWords
from nextword.serving.http.schema import bad_field
from nextword.system import sealed_directory, strict_json
from nextword.training.checkpoint_store import CheckpointStore
from support.byte_changes import changed
from support.checkpoint_stores import filled_store
from support.trust_cases import TrustCases, trust_amount

COUNT = trust_amount(300, 100_000)
CHECKPOINTS = trust_amount(60, 5_000)

WORDS = b'{"format": "nextword user words 1", "words": [{"word": "Tolu", "count": 2}], "forgotten": ["damn"]}\n'
BODIES = (
    b'{"text": "I am very mu", "k": 2, "complete": true, "session": "new", "learn": ["Tolu"]}',
    b'{"messages": [{"parts": [{"text": "so", "scores": [-4.5e1]}]}], "options": {"weight": 0.5}}',
)


def _read_body(path: Path) -> None:
    data = path.read_bytes()
    try:
        strict_json.parse(data, max_bytes=len(data), max_depth=32)
    except ValueError as error:
        bad_field(data)
        str(error).encode()
        raise NextwordError(str(error)) from error


READERS: dict[str, tuple[Callable[[Path], Any], tuple[bytes, ...]]] = {
    "user words": (UserWords.load, (WORDS,)),
    "JSON bodies": (_read_body, BODIES),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_changed_file_is_read_or_refused(kind: str, tmp_path: Path, trust_cases: TrustCases) -> None:
    read, corpus = READERS[kind]
    path, rng, happened = tmp_path / "file", random.Random(34), Counter[str]()
    for data in corpus:
        path.write_bytes(data)
        read(path)
    for _ in range(COUNT):
        data = changed(rng.choice(corpus), rng)
        while rng.random() < 0.4:
            data = changed(data, rng)
        path.write_bytes(data)
        happened[_outcome(read, path)] += 1
    assert set(happened) <= {"read", "refused"}, happened
    assert happened["refused"] > COUNT / 10
    trust_cases.add(COUNT, COUNT)


def _outcome(read: Callable[[Path], Any], path: Path) -> str:
    try:
        read(path)
    except NextwordError as error:
        return "refused" if len(str(error)) < 5000 else f"a message of {len(str(error))} characters"
    except Exception as error:
        return f"{error!r:.300} of {path.read_bytes()[:300]!r}"
    return "read"


def test_a_changed_checkpoint_is_read_or_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trust_cases: TrustCases
) -> None:
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)  # no power failure is tested here
    filled_store(tmp_path)
    newest = tmp_path / "step-0000000003"
    files, rng, steps = sealed_directory.read(newest), random.Random(34), Counter[Any]()
    for _ in range(CHECKPOINTS):
        name = rng.choice(sorted(files))
        sealed_directory.write(newest, files | {name: changed(files[name], rng)}, replace=True)
        checkpoint = CheckpointStore(tmp_path).newest()
        steps[checkpoint and checkpoint.step] += 1
    assert set(steps) == {2, 3}, steps  # never none, and nothing is raised
    trust_cases.add(CHECKPOINTS, CHECKPOINTS)
