import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nextword.system import facts
from nextword.system.facts import Facts, find_problems, gather_facts
from nextword.system.framework import Framework

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


GPU = ("NVIDIA L4",)


def changed(facts: Facts, **changes: Any) -> Facts:
    """The facts, some of them changed; those of `capacity` by their own names."""
    of_capacity = {name: value for name, value in changes.items() if hasattr(facts.capacity, name)}
    others = {name: value for name, value in changes.items() if name not in of_capacity}
    return replace(facts, capacity=replace(facts.capacity, **of_capacity), **others)


def test_a_sound_machine_has_no_problems(sound: Facts) -> None:
    assert find_problems(sound) == ()


@pytest.mark.parametrize(
    ("changes", "code", "what", "repair"),
    [
        (
            {"framework": Framework(backend="jax", missing="keras")},
            "no-training-extra",
            "`keras` is not installed",
            "install the extra `train`: pip install 'nextword[train]'",
        ),
        (
            {"framework": Framework(backend="torch", missing="torch")},
            "no-backend",
            "torch needs `torch`",
            "KERAS_BACKEND=jax",
        ),
        (
            {"framework": Framework(backend="jax", failure="no devices"), "environment": {"JAX_PLATFORMS": "cuda"}},
            "framework-fails",
            "JAX_PLATFORMS=cuda: no devices",
            "unset JAX_PLATFORMS",
        ),
        (
            {"framework": Framework(backend="bogus", failure="ValueError: unknown")},
            "framework-fails",
            "Keras on bogus does not work: ValueError: unknown",
            "unset KERAS_BACKEND",
        ),
        ({"framework": Framework(backend="numpy")}, "other-backend", "backend is numpy", "KERAS_BACKEND=jax"),
        ({"versions": {"jax": "0.10.2"}}, "old-jax", "JAX 0.10.2", "pip install --upgrade jax"),
        ({"gpus": GPU}, "unused-gpu", "NVIDIA L4", "pip install 'nextword[gpu]'"),
        ({"gpus": GPU, "environment": {"JAX_PLATFORMS": "cpu"}}, "unused-gpu", "NVIDIA L4", "unset JAX_PLATFORMS"),
        (
            {"gpus": GPU, "environment": {"CUDA_VISIBLE_DEVICES": ""}},
            "unused-gpu",
            "NVIDIA L4",
            "unset CUDA_VISIBLE_DEVICES",
        ),
        ({"core_quota": 2.5}, "core-quota", "use the time of 2.5 cores", "NPROC=2"),
        ({"core_quota": 0.5}, "core-quota", "use the time of 0.5 cores", "NPROC=1"),
        ({"core_quota": 2.0, "environment": {"NPROC": "4"}}, "core-quota", "would start 4 threads", "NPROC=2"),
        ({"cores": 1}, "one-core", "one core of 8", "without `taskset`"),
        ({"cores": 1, "machine_cores": 1}, "one-core", "only run on one core", "more cores"),
        ({"available_memory_bytes": 2**29}, "little-memory", "about 1.1 GB, but 0.5 GB", "smaller --batch-size"),
        ({"environment": {"NPROC": "2"}}, "few-threads", "6 of 8 cores idle", "unset NPROC"),
        (
            {"cores": 16, "machine_cores": 16, "core_quota": 4.0, "environment": {"NPROC": "2"}},
            "few-threads",
            "NPROC=2 leaves 2 of 4 cores idle",
            "unset NPROC",
        ),
        (
            {"environment": {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}},
            "threads-off",
            "multi_thread_eigen=false",
            "XLA_FLAGS",
        ),
        ({"environment": {"JAX_DISABLE_JIT": "True"}}, "debugging", "nothing is compiled", "unset JAX_DISABLE_JIT"),
    ],
)
def test_a_problem_is_named_with_its_repair(
    sound: Facts, changes: dict[str, Any], code: str, what: str, repair: str
) -> None:
    (problem,) = find_problems(changed(sound, **changes))
    assert problem.code == code
    assert what in problem.what
    assert repair in problem.repair


@pytest.mark.parametrize(
    "changes",
    [
        {"gpus": GPU, "framework": Framework(backend="jax", devices=("gpu: NVIDIA L4",))},
        {"core_quota": 8.0},
        {"core_quota": 2.0, "environment": {"NPROC": "2"}},
        {"environment": {"NPROC": "8", "XLA_FLAGS": "--xla_dump_to=/tmp", "JAX_DISABLE_JIT": "0"}},
        {"environment": {"OMP_NUM_THREADS": "1"}},  # JAX does not read it
        {"versions": {"jax": "0.13"}},
        {"available_memory_bytes": None, "memory_bytes": None},
        {"cores": 4},  # a choice, and no mistake
        {"core_quota": 0.5, "environment": {"NPROC": "1"}, "cores": 2},  # what the problem recommends
    ],
)
def test_what_is_in_order_is_no_problem(sound: Facts, changes: dict[str, Any]) -> None:
    assert find_problems(changed(sound, **changes)) == ()


def test_an_old_jax_is_no_problem_where_the_processor_has_no_bfloat16(sound: Facts) -> None:
    processor = replace(sound.processor, features={"AVX2": True, "AVX512_BF16": False})
    assert find_problems(changed(sound, processor=processor, versions={"jax": "0.10.2"})) == ()


def test_problems_come_together(sound: Facts) -> None:
    facts = changed(sound, core_quota=1.5, gpus=GPU, versions={"jax": "0.11"})
    assert [problem.code for problem in find_problems(facts)] == ["old-jax", "unused-gpu", "core-quota"]
