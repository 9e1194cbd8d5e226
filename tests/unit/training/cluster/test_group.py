import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nextword.errors import SettingError, TrainingInterrupted
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.cluster.cluster import cluster_of
from nextword.training.cluster.group import Group, ProcessGroup, SharedCheckpointStore, group_for
from nextword.training.config import RunConfig
from nextword.training.solo import Solo
from support.checkpoint_stores import best_of, newest_of
from support.group_in_memory import InMemory, in_threads

KERAS = {"KERAS_DISTRIBUTION_NUM_PROCESSES": "2", "KERAS_DISTRIBUTION_PROCESS_ID": "1"}


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KERAS, "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "KERAS_DISTRIBUTION_JOB_ADDRESSES"):
        monkeypatch.delenv(name, raising=False)


def test_a_group_is_read_back_from_its_variables() -> None:
    group = ProcessGroup(4, 3, "10.0.0.1:1234")
    assert ProcessGroup.from_environment(group.to_environment()) == group


@pytest.mark.parametrize(
    ("size", "number"),
    [
        ("KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID"),
        ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
        ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    ],
)
def test_each_launcher_is_understood(size: str, number: str) -> None:
    group = ProcessGroup.from_environment({size: "3", number: "2"})
    assert group == ProcessGroup(3, 2)


def test_the_first_of_several_addresses_is_that_of_process_0() -> None:
    group = ProcessGroup.from_environment({**KERAS, "KERAS_DISTRIBUTION_JOB_ADDRESSES": "a:1,b:2"})
    assert group is not None
    assert group.address == "a:1"


def test_one_process_is_no_group() -> None:
    assert ProcessGroup.from_environment({}) is None
    assert ProcessGroup.from_environment({"SLURM_PROCID": "0"}) is None  # a batch script, outside `srun`
    assert group_for(None) is None


@pytest.mark.parametrize(
    "variables",
    [
        {"KERAS_DISTRIBUTION_NUM_PROCESSES": "2"},
        {**KERAS, "KERAS_DISTRIBUTION_PROCESS_ID": "first"},
        {**KERAS, "KERAS_DISTRIBUTION_PROCESS_ID": "2"},
    ],
)
def test_wrong_variables_are_refused(variables: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=r"must"):
        ProcessGroup.from_environment(variables)


def test_a_strategy_needs_processes() -> None:
    with pytest.raises(SettingError, match="nextword launch -n 2"):
        group_for("population")


def test_processes_need_a_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KERAS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match="--strategy population"):
        group_for(None)
    assert group_for("population") == ProcessGroup(2, 1)


@pytest.mark.parametrize(
    ("variables", "level"),
    [
        ({}, "None"),
        (KERAS, "4"),
        ({**KERAS, "TF_CPP_MIN_LOG_LEVEL": "1"}, "4"),
        ({**KERAS, "TF_CPP_MIN_LOG_LEVEL": "0"}, "0"),
    ],
)
def test_the_messages_of_jax_are_off_in_a_group_unless_they_are_asked_for(
    variables: dict[str, str], level: str
) -> None:
    program = "import nextword, os; print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"
    others = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**others, **variables}, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{level}\n", done.stderr


def group_of(number: int, meeting: InMemory) -> Group:
    return Group(ProcessGroup(3, number), meeting)


def test_all_agree_on_the_values_of_process_0() -> None:
    def agree(number: int, meeting: InMemory) -> tuple[object, list[float]]:
        group = group_of(number, meeting)
        arrays = group.agree_on_arrays({"weights": np.full(2, number, np.float32)})
        return group.agree({"number": number}), arrays["weights"].tolist()

    assert in_threads(3, agree) == [({"number": 0}, [0.0, 0.0])] * 3


def test_a_process_with_another_text_is_named_in_all() -> None:
    def compare(number: int, meeting: InMemory) -> None:
        with pytest.raises(SettingError, match=r"the text must be the same in all processes, but differs in \[2\]"):
            group_of(number, meeting).require_same("the text", "other" if number == 2 else "same")

    in_threads(3, compare)


def test_a_signal_to_one_process_stops_all_at_the_end_of_the_round() -> None:
    def stop(number: int, meeting: InMemory) -> int:
        interruption = group_of(number, meeting).interruption()
        interruption.raise_between_rounds()
        if number == 1:
            interruption.signal_number = signal.SIGTERM
        interruption.raise_if_requested()
        with pytest.raises(TrainingInterrupted) as caught:
            interruption.raise_between_rounds()
        return caught.value.exit_code

    assert in_threads(3, stop) == [143] * 3


def test_process_0_reads_and_writes_the_checkpoints_of_all(tmp_path: Path) -> None:
    def save_and_read(number: int, meeting: InMemory) -> list[object]:
        store = SharedCheckpointStore(tmp_path / str(number), group_of(number, meeting), print)
        assert store.newest() is None
        store.save(7, {"weights": np.full(2, number, np.float32)}, {"round": 1}, best=True)
        newest, best = newest_of(store), best_of(store)
        return [newest.step, newest.state, best.arrays["weights"].tolist()]

    assert in_threads(3, save_and_read) == [[7, {"round": 1}, [0.0, 0.0]]] * 3
    assert CheckpointStore(tmp_path / "0").newest() is not None
    assert not (tmp_path / "1").exists()


def test_an_error_of_one_process_ends_the_others() -> None:
    def fail(number: int, meeting: InMemory) -> None:
        with group_of(number, meeting):
            if number == 1:
                raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        in_threads(3, fail)


def test_one_process_decides_alone() -> None:
    processes = cluster_of(RunConfig.of("quick"))
    assert type(processes) is Solo
    value, ids = object(), np.arange(3, dtype=np.int32)
    assert processes.agree(value) is value
    assert processes.part(ids) is ids


@pytest.mark.parametrize("strategy", ["data-parallel", "local-steps"])
def test_a_model_of_the_user_has_no_strategy(monkeypatch: pytest.MonkeyPatch, strategy: str) -> None:
    for name, value in KERAS.items():
        monkeypatch.setenv(name, value)
    config = RunConfig.of("quick", {"training": {"strategy": strategy}})
    assert type(cluster_of(config)).__name__ == {"data-parallel": "DataParallel"}.get(strategy, "LocalSteps")
    with pytest.raises(SettingError, match="must build the model itself, but `model` is given"):
        cluster_of(config, has_model=True)
