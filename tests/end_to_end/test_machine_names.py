"""Two hosts, of which one has its name at a loopback address, as Debian writes it into /etc/hosts."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.scale.hosts import Hosts
from harness.speed.peer import PeerUnableError
from nextword.training.process_group import ProcessGroup

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None,
        reason="network namespaces need root and iproute2",
    ),
]


@pytest.mark.parametrize("wrong", [0, 1])
def test_all_processes_end_with_the_name_of_the_machine(tmp_path: Path, wrong: int) -> None:
    text = tmp_path / "story.txt"
    text.write_text("the cat sat on the mat .\n" * 300, encoding="utf-8")
    try:
        hosts = Hosts(2).__enter__()
    except PeerUnableError as error:  # a container without the right to do so
        pytest.skip(str(error))
    try:
        hosts.name_itself(wrong, "127.0.1.1")
        core = min(os.sched_getaffinity(0))
        command = [sys.executable, "-m", "nextword", "train", str(text), "--strategy", "data-parallel"]
        started = [
            subprocess.Popen(
                [*hosts.place(number, core), *command, "--run", str(tmp_path / "run")],
                env={
                    **os.environ,
                    "NEXTWORD_CACHE": str(tmp_path / "cache"),
                    **ProcessGroup(2, number, f"{hosts.address(0)}:24567").to_environment(),
                },
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in (0, 1)
        ]
        errors = [process.communicate(timeout=200)[1] for process in started]
    finally:
        hosts.__exit__(None, None, None)
    assert [process.returncode for process in started] == [2, 2]
    name = socket.gethostname()
    expected = f"`{name}` of process {wrong} is 127.0.1.1; correct the line of the name in /etc/hosts there"
    assert all(expected in error for error in errors), errors
