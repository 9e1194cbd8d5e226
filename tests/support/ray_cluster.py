"""A Ray cluster of two nodes on loopback."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.ports import free_port

_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0"}
_TRIES = 3  # Ray gives a node 30 seconds to start, which a busy machine may exceed


@contextmanager
def two_nodes() -> Iterator[str]:
    """Start two nodes with one core each; yield the address of the cluster, and end both with the block."""
    with ExitStack() as nodes:
        # Sockets need a short path.
        folder = nodes.enter_context(tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
        port = free_port()
        address = f"127.0.0.1:{port}"
        head = ("--head", "--port", str(port), "--temp-dir", folder, "--include-dashboard", "false")
        for number, arguments in enumerate([head, ("--address", address)]):
            _start(arguments, Path(folder, f"node-{number}.txt"), nodes)
        yield address


def _start(arguments: Sequence[str], output: Path, nodes: ExitStack) -> None:
    """Start a node, and wait until it says that it has."""
    size = ("--num-cpus", "1", "--object-store-memory", str(80 * 2**20), "--node-ip-address", "127.0.0.1")
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *size]
    for _ in range(_TRIES):
        with output.open("wb") as file:
            node = subprocess.Popen(
                [*command, *arguments], env={**os.environ, **_ENVIRONMENT}, stdout=file, stderr=subprocess.STDOUT
            )
        while node.poll() is None:
            if b"Ray runtime started" in output.read_bytes():
                nodes.callback(_end, node)
                return
            time.sleep(0.1)
    raise AssertionError(output.read_text(encoding="utf-8", errors="replace"))


def _end(node: subprocess.Popen[bytes]) -> None:
    node.terminate()  # it ends what it has started
    try:
        node.wait(30)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()
