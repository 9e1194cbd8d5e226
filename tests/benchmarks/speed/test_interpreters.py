import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.speed import interpreters
from harness.speed.interpreters import own_interpreter, pytorch_interpreter
from harness.speed.peer import PeerError


def make_python(path: Path, *, has_torch: bool) -> str:
    """A stand-in for a Python that answers the one question that it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {0 if has_torch else 1}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def _nothing_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    pytorch_interpreter.cache_clear()
    monkeypatch.delenv("NEXTWORD_PYTORCH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(interpreters, "_ENVIRONMENT", tmp_path / "environment" / "python")
    monkeypatch.setattr(sys, "executable", make_python(tmp_path / "own" / "python", has_torch=False))
    yield
    pytorch_interpreter.cache_clear()


def test_our_own_python_is_the_running_one() -> None:
    assert own_interpreter() == (sys.executable,)


def test_every_place_is_looked_at_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [
        make_python(tmp_path / "bin" / "python3", has_torch=True),
        make_python(tmp_path / "bin" / "python3.11", has_torch=True),
        make_python(tmp_path / "own" / "python", has_torch=True),
        make_python(tmp_path / "environment" / "python", has_torch=True),
        make_python(tmp_path / "variable", has_torch=True),
    ]
    found = []
    monkeypatch.setenv("NEXTWORD_PYTORCH", places[-1])
    for place in reversed(places):
        pytorch_interpreter.cache_clear()
        found.append(pytorch_interpreter()[0])
        make_python(Path(place), has_torch=False)
        monkeypatch.delenv("NEXTWORD_PYTORCH", raising=False)
    assert found == places[::-1]


def test_the_one_that_is_named_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_PYTORCH", make_python(tmp_path / "variable", has_torch=True))
    named = make_python(tmp_path / "named", has_torch=True)
    assert pytorch_interpreter(named)[0] == named


@pytest.mark.parametrize("name", ["no-such-python", "named"])
def test_the_one_that_is_named_has_no_replacement(tmp_path: Path, name: str) -> None:
    make_python(tmp_path / "bin" / "python3", has_torch=True)
    make_python(tmp_path / "named", has_torch=False)
    with pytest.raises(PeerError, match=f"no interpreter with torch: .*{name} was named, but cannot import it"):
        pytorch_interpreter(str(tmp_path / name))


def test_where_none_has_it_the_places_and_the_repair_are_named(tmp_path: Path) -> None:
    without = make_python(tmp_path / "bin" / "python3", has_torch=False)
    with pytest.raises(
        PeerError, match="name one by `--pytorch` or NEXTWORD_PYTORCH, or make one by `make peers`"
    ) as e:
        pytorch_interpreter()
    assert without in str(e.value)
