"""Two hosts, of which one has its name at a loopback address, as Debian writes it into /etc/hosts."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.hosts import Hosts
from harness.process import PeerUnableError
from nextword.training.cluster.group import ProcessGroup
from support.processes import ended

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None,
        reason="network namespaces need root and iproute2",
    ),
]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with ExitStack() as opened:
        try:
            made = opened.enter_context(Hosts(2))
        except PeerUnableError as error:  # a container without the right to do so
            pytest.skip(str(error))
        yield made


@pytest.mark.parametrize("wrong", [0, 1])
def test_all_processes_end_with_the_name_of_the_machine(hosts: Hosts, tmp_path: Path, wrong: int) -> None:
    text = tmp_path / "story.txt"
    text.write_text("the cat sat on the mat .\n" * 300, encoding="utf-8")
    hosts.name_itself(wrong, "127.0.1.1")
    core = min(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "nextword", "train", str(text), "--strategy", "data-parallel"]
    with ExitStack() as running:
        started = [
            subprocess.Popen(
                [*hosts.prefix(number, core), *command, "--run", str(tmp_path / "run")],
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
        for process in started:
            running.enter_context(ended(process))
        errors = [process.communicate(timeout=200)[1] for process in started]
    assert [process.returncode for process in started] == [2, 2]
    name = socket.gethostname()
    expected = f"`{name}` of process {wrong} is 127.0.1.1\nhint: correct the line of the name in /etc/hosts there"
    assert all(expected in error for error in errors), errors
