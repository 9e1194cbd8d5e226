import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.scale.hosts import Hosts
from harness.speed.peer import PeerUnableError

ANSWER = """
import socket, sys
with socket.create_server((sys.argv[1], 5555)) as server:
    print("ready", flush=True)
    while True:
        server.accept()[0].close()
"""
ASK = "import socket, sys; socket.create_connection((sys.argv[1], 5555), 1)"

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None,
    reason="network namespaces need root and iproute2",
)


def namespaces() -> set[str]:
    return {path.name for path in Path("/run/netns").glob(f"nextword-{os.getpid()}-*")}


@needs_root
def test_hosts_reach_each_other_until_a_link_is_cut() -> None:
    try:
        hosts = Hosts(2).__enter__()
    except PeerUnableError as error:  # a container without the right to do so
        pytest.skip(str(error))
    core = min(os.sched_getaffinity(0))
    try:
        hosts.limit(0.1)
        hosts.limit(None)
        command = [*hosts.place(0, core), sys.executable, "-c", ANSWER, hosts.address(0)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            asking = [*hosts.place(1, core), sys.executable, "-c", ASK, hosts.address(0)]
            assert subprocess.run(asking, check=False).returncode == 0
            hosts.cut(1)
            assert subprocess.run(asking, capture_output=True, check=False).returncode == 1
            hosts.repair(1)
            assert subprocess.run(asking, check=False).returncode == 0
            server.kill()
        name = [
            *hosts.place(1, core),
            sys.executable,
            "-c",
            "import socket; print(socket.gethostbyname(socket.gethostname()))",
        ]
        assert subprocess.run(name, capture_output=True, text=True, check=True).stdout == f"{hosts.address(1)}\n"
    finally:
        hosts.__exit__(None, None, None)
    assert namespaces() == set()
    assert not list(Path("/etc/netns").glob(f"nextword-{os.getpid()}-*"))


def test_what_a_machine_cannot_do_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PeerUnableError, match="iproute2"), Hosts(1):
        pass
