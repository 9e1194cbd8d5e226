import os
import subprocess
import sys

import pytest

from nextword.errors import SettingError
from nextword.training.cluster.group import ProcessGroup, group_for

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
    assert not group.is_first


def test_the_first_of_several_addresses_is_that_of_process_0() -> None:
    group = ProcessGroup.from_environment({**KERAS, "KERAS_DISTRIBUTION_JOB_ADDRESSES": "a:1,b:2"})
    assert group is not None
    assert group.address == "a:1"


def test_one_process_is_no_group() -> None:
    assert ProcessGroup.from_environment({}) is None
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
