import pytest

from nextword.errors import ProcessLostError, SettingError
from nextword.training.cluster import joined as processes
from nextword.training.cluster.group import ProcessGroup
from nextword.training.cluster.joined import lost_processes_named as named


def test_a_machine_that_is_found_at_a_loopback_address_is_named() -> None:
    cause = "Gloo context initialization failed: timed out connecting: Connection refused, remote=[127.0.0.1]:23454$1"
    with pytest.raises(SettingError, match="the name of each machine must be an address"), named():
        raise RuntimeError(cause)


@pytest.mark.parametrize("cause", ["Gloo AllReduce failed: Connection closed by peer [127.0.0.1]:1", "heartbeat"])
def test_a_lost_process_is_named(cause: str) -> None:
    with pytest.raises(ProcessLostError, match="another one is gone"), named():
        raise RuntimeError(cause)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="shapes differ"), named():
        raise ValueError("shapes differ")


def test_the_seconds_without_a_heartbeat_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_HEARTBEAT_SECONDS", "soon")
    with pytest.raises(SettingError, match="NEXTWORD_HEARTBEAT_SECONDS must be a whole number of seconds"):
        processes.join(ProcessGroup(2, 0, "127.0.0.1:1"))
