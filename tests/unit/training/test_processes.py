import ipaddress

import pytest

from nextword.errors import ProcessLostError, SettingError
from nextword.training import processes
from nextword.training.process_group import ProcessGroup
from nextword.training.processes import lost_processes_named as named

ELSEWHERE = "198.51.100.1:1234"
"""An address for documentation, which no machine has."""


def test_a_name_that_only_this_machine_reaches_is_refused() -> None:
    with pytest.raises(SettingError, match=r"`127\.0\.1\.1`, must be an address .* of 127\.0\.1\.1; .*/etc/hosts"):
        processes.require_reachable_name("127.0.1.1", ProcessGroup(2, 1, ELSEWHERE))


def test_a_machine_that_is_found_at_a_loopback_address_is_named() -> None:
    cause = "Gloo context initialization failed: timed out connecting: Connection refused, remote=[127.0.0.1]:23454$1"
    with pytest.raises(SettingError, match="the name of each machine, must be an address"), named():
        raise RuntimeError(cause)


@pytest.mark.parametrize("cause", ["Gloo AllReduce failed: Connection closed by peer [127.0.0.1]:1", "heartbeat"])
def test_a_lost_process_is_named(cause: str) -> None:
    with pytest.raises(ProcessLostError, match="another one is gone"), named():
        raise RuntimeError(cause)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="shapes differ"), named():
        raise ValueError("shapes differ")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("10.77.0.2", ELSEWHERE),
        ("127.0.1.1", "127.0.0.1:1234"),  # all on one machine
        ("127.0.1.1", None),  # JAX asks Slurm
        ("no-such-machine.invalid", ELSEWHERE),
    ],
)
def test_other_names_are_accepted(name: str, address: str | None) -> None:
    processes.require_reachable_name(name, ProcessGroup(2, 1, address))


def test_the_seconds_without_a_heartbeat_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_HEARTBEAT_SECONDS", "soon")
    with pytest.raises(SettingError, match="NEXTWORD_HEARTBEAT_SECONDS must be a whole number of seconds"):
        processes.join(ProcessGroup(2, 0, "127.0.0.1:1"))


def test_a_name_that_only_this_machine_reaches_is_accepted_if_the_group_is_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Debian names a machine 127.0.1.1, and Ray calls it by its address in the network.
    monkeypatch.setattr(processes, "_is_of_this_machine", lambda address: str(address) == "203.0.113.5")
    processes.require_reachable_name("127.0.1.1", ProcessGroup(2, 1, "203.0.113.5:1234"))


def test_addresses_of_this_machine_are_known() -> None:
    assert processes._is_of_this_machine(ipaddress.ip_address("127.0.0.1"))
    assert not processes._is_of_this_machine(ipaddress.ip_address("203.0.113.5"))
