import ipaddress

import pytest

from nextword.errors import SettingError
from nextword.training import processes
from nextword.training.process_group import ProcessGroup


def test_a_name_that_only_this_machine_reaches_is_refused() -> None:
    with pytest.raises(SettingError, match=r"`127\.0\.1\.1`, must be an address .* but is 127\.0\.1\.1; .*/etc/hosts"):
        processes.require_reachable_name("127.0.1.1", ProcessGroup(2, 1, "10.77.0.1:1234"))


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("10.77.0.2", "10.77.0.1:1234"),
        ("127.0.1.1", "127.0.0.1:1234"),  # all on one machine
        ("127.0.1.1", None),  # JAX asks Slurm
        ("10.77.0.2", "[::1]:1234"),
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
