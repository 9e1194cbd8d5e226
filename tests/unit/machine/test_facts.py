import sys
from pathlib import Path

import pytest

from nextword.machine import facts
from nextword.machine.facts import gather_facts
from nextword.machine.framework import Framework

MEMORY = 10**9


def test_the_facts_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=")
    found = gather_facts(MEMORY, tmp_path)
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.framework.usable
    assert found.versions["keras"] is not None
    assert found.environment["XLA_FLAGS"] == "--xla_dump_to="
    assert found.training_memory_bytes == MEMORY


def test_what_the_framework_sets_itself_is_not_taken_for_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def importing() -> Framework:
        monkeypatch.setenv("XLA_FLAGS", "--set-by-the-framework")
        return Framework(backend="jax")

    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setattr(facts, "read_framework", importing)
    assert "XLA_FLAGS" not in gather_facts(MEMORY, tmp_path).environment


@pytest.mark.parametrize(
    ("kept", "memory"), [(True, "kept for the next step"), (False, "returned to the system after every step")]
)
def test_what_is_set_up_is_told(kept: bool, memory: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    roots: list[Path] = []
    monkeypatch.setattr(facts, "keep_freed_memory", lambda: kept)
    monkeypatch.setattr(facts, "use_compilation_cache", lambda root: roots.append(root) if kept else Path("folder"))
    compiled = "not kept for the next process" if kept else "kept in folder"
    assert gather_facts(MEMORY, tmp_path).setups == {"freed memory": memory, "compiled code": compiled}
    assert roots == ([tmp_path] if kept else [])
    monkeypatch.setattr(facts, "read_framework", lambda: Framework(backend="jax", missing="keras"))
    assert gather_facts(MEMORY, tmp_path).setups == {}
