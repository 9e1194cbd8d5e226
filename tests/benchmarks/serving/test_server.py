import os
import sys
from pathlib import Path

import pytest

from harness.serving.catalogue import fixed_plan
from harness.serving.server import Server, ServerPlan, free_port
from harness.speed.peer import PeerError

PATIENCE = 60


def plan_of(program: str) -> ServerPlan:
    return ServerPlan("test", lambda port: (sys.executable, "-c", program, str(port)), "m", {"GREETING": "good day"})


def test_a_server_answers_and_is_gone_afterwards() -> None:
    with Server(fixed_plan(), timeout=PATIENCE) as server:
        assert server.ready_seconds > 0
        assert server.get("/anything")[0] == 200
        if Path("/proc").exists():
            assert server.peak_memory_bytes() > 10**6
            assert server.processor_seconds() >= 0
    assert not server.is_running
    with pytest.raises(ProcessLookupError):
        os.kill(server.process_id, 0)


def test_a_server_that_ends_is_reported_with_its_last_words() -> None:
    with (
        pytest.raises(PeerError, match="ended with exit code 3: good day"),
        Server(plan_of("import os, sys; print(os.environ['GREETING']); sys.exit(3)"), timeout=PATIENCE),
    ):
        pass


def test_a_server_that_never_answers_is_ended() -> None:
    server = Server(plan_of("import time; time.sleep(600)"), timeout=0.3)
    with pytest.raises(PeerError, match=r"was not ready within 0\.3 seconds: it wrote nothing"), server:
        pass
    assert not server.is_running


def test_a_program_that_is_not_there_is_reported() -> None:
    plan = ServerPlan("test", lambda _port: ("/no/such/program",), "m")
    with pytest.raises(PeerError, match="could not be started: No such file"), Server(plan, timeout=1):
        pass


def test_ports_are_free() -> None:
    assert 1024 < free_port() < 65_536
