"""Two test sessions in one checkout do not spoil each other's compiled programs."""

import os
from pathlib import Path

import pytest

from support.compiled_programs import CompiledPrograms


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[CompiledPrograms]:
    """What three sessions have, with an environment that is restored."""
    for name in (
        "COMPILATION_CACHE_DIR",
        "PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
        "PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES",
    ):
        monkeypatch.setenv(f"JAX_{name}", "none")
    (tmp_path / "compiled").mkdir()
    return [CompiledPrograms(tmp_path / "compiled") for _ in range(3)]


def test_a_second_session_goes_without(programs: list[CompiledPrograms]) -> None:
    first, second, third = programs
    first.begin()
    (first.folder / "whole").write_bytes(b"whole")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = "none"
    second.begin()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "none"
    assert (first.folder / "whole").exists()
    (first.folder / "half").write_bytes(b"ha")
    second.finish()
    first._lock.release()  # as the system does when the first is killed
    third.begin()
    assert not list(third.folder.iterdir())
    third.finish()


def test_the_next_session_finds_what_the_last_one_finished(programs: list[CompiledPrograms]) -> None:
    first, second, _ = programs
    first.begin()
    (first.folder / "whole").write_bytes(b"whole")
    first.finish()
    second.begin()
    assert (second.folder / "whole").exists()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(second.folder)
    second.finish()
