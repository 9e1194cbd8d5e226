"""Addresses 192.0.2.* and 198.51.100.* are for documentation; no machine has them."""

import json
from dataclasses import asdict, replace
from typing import Any

import jax
import pytest
from jax._src.distributed import global_state

from nextword.errors import ProcessLostError, SettingError
from nextword.training.cluster import joined
from nextword.training.cluster.group import ProcessGroup
from nextword.training.cluster.joined import MachineName, join, losses_named, require_reachable

FIRST = MachineName(0, "node1", "192.0.2.1", "192.0.2.1")
SECOND = MachineName(1, "node2", "192.0.2.2", "192.0.2.2")


def test_a_machine_that_is_found_at_a_loopback_address_is_named() -> None:
    cause = "Gloo context initialization failed: timed out connecting: Connection refused, remote=[127.0.0.1]:23454$1"
    with pytest.raises(SettingError, match="the name of each machine must be an address"), losses_named():
        raise RuntimeError(cause)


@pytest.mark.parametrize("cause", ["Gloo AllReduce failed: Connection closed by peer [127.0.0.1]:1", "heartbeat"])
def test_a_lost_process_is_named(cause: str) -> None:
    with pytest.raises(ProcessLostError, match="another one is gone"), losses_named():
        raise RuntimeError(cause)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="shapes differ"), losses_named():
        raise ValueError("shapes differ")


def test_the_seconds_without_a_heartbeat_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_HEARTBEAT_SECONDS", "soon")
    with pytest.raises(SettingError, match="NEXTWORD_HEARTBEAT_SECONDS must be a whole number of seconds"):
        join(ProcessGroup(2, 0, "127.0.0.1:1"))


class LateSecond:
    """The service of JAX through which two processes meet, in process 0; the other one arrives after some seconds.

    The seconds are only compared with the longest wait that was asked for.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: dict[str, str] = {}

    def initialize(self, *_: Any, initialization_timeout: float, **_options: Any) -> None:
        self._let_second_come(initialization_timeout)

    def key_value_set(self, name: str, value: str) -> None:
        self._values[name] = value

    def wait_at_barrier(self, _: str, milliseconds: int) -> None:
        self._let_second_come(milliseconds / 1000)
        self._values["nextword/machines/1"] = json.dumps(asdict(SECOND))

    def key_value_dir_get(self, _: str) -> list[tuple[str, str]]:
        return list(self._values.items())

    def _let_second_come(self, patience: float) -> None:
        if self._seconds > patience:
            raise RuntimeError("DEADLINE_EXCEEDED")


def join_with_late_second(monkeypatch: pytest.MonkeyPatch, seconds: float) -> joined.Joined:
    service = LateSecond(seconds)
    monkeypatch.setattr(jax.distributed, "initialize", service.initialize)
    monkeypatch.setattr(global_state, "client", service)
    monkeypatch.setattr(global_state, "coordinator_address", "127.0.0.1:1234")
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")  # which needs no names, and is not started
    monkeypatch.setattr(joined, "_explain_aborts", lambda: None)
    return join.__wrapped__(ProcessGroup(2, 0, "127.0.0.1:1234"))


@pytest.mark.parametrize("seconds", [0, 10, 119])
def test_a_process_that_comes_late_still_joins(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    assert isinstance(join_with_late_second(monkeypatch, seconds), joined.Joined)


def test_a_process_that_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProcessLostError, match=r"must meet at 127\.0\.0\.1:1234 within 120 seconds, but did not"):
        join_with_late_second(monkeypatch, 121)


@pytest.mark.parametrize("address", ["127.0.1.1", "::1"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_name_that_only_one_of_several_machines_reaches_is_refused(number: int, address: str) -> None:
    machines = [FIRST, SECOND]
    machines[number] = replace(machines[number], address=address)
    message = f"`node{number + 1}` of process {number} is {address}; .* in /etc/hosts there: 192.0.2.{number + 1} node"
    with pytest.raises(SettingError, match=message):
        require_reachable(machines)


def test_all_wrong_names_are_counted() -> None:
    machines = [MachineName(number, f"node{number}", "127.0.1.1", f"192.0.2.{number}") for number in range(6)]
    with pytest.raises(SettingError, match=r"`node3` of process 3 is 127\.0\.1\.1 and 2 more; correct"):
        require_reachable(machines)


def test_a_machine_that_reaches_process_0_by_loopback_does_not_know_its_address() -> None:
    # Under Slurm, process 0 is looked up by its name as well.
    first = replace(FIRST, address="127.0.1.1", route="127.0.0.1")
    with pytest.raises(SettingError, match="there: the address of its network node1"):
        require_reachable([first, SECOND])


@pytest.mark.parametrize(
    "machines",
    [
        [FIRST, SECOND],
        [FIRST, replace(SECOND, address=None)],
        [replace(FIRST, address="127.0.1.1")],
        # One machine, which Ray calls by its address in the network.
        [replace(FIRST, address="127.0.1.1"), replace(SECOND, address="127.0.1.1", route=FIRST.route)],
        [replace(FIRST, address="127.0.1.1", route="127.0.0.1"), replace(SECOND, address="127.0.1.1", route=None)],
    ],
)
def test_other_names_are_accepted(machines: list[MachineName]) -> None:
    require_reachable(machines)


@pytest.mark.parametrize("first", ["127.0.0.1:1234", "[::1]:1234", "localhost:1234"])
def test_this_machine_looks_its_name_up(first: str) -> None:
    found = MachineName.here(1, first, "127.0.1.1")
    assert (found.process_id, found.address, found.is_loopback) == (1, "127.0.1.1", True)
    assert found.route in {"127.0.0.1", "::1", None}  # without IPv6 there is no route to ::1


def test_what_cannot_be_looked_up_is_left_out() -> None:
    found = MachineName.here(0, "no-such-machine.invalid:1234", "no-such-machine.invalid")
    assert (found.address, found.route, found.is_loopback) == (None, None, False)
