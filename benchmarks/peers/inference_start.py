"""`nextword suggest` from a cold start: from the start of a process to its end, with an answer.

The memory is that of the command. A process starts with the peak memory of its parent, so this program imports
nothing large.
"""

import platform
import resource
import subprocess
import sys
import time
from typing import Any

from peer_protocol import Run, serve

# The code of the script `nextword`, wherever it is installed.
_COMMAND = "import sys; from nextword.cli.main import main; sys.exit(main())"
_TEXT = "the text so far"
_BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Say what is started."""
    command = [sys.executable, "-c", _COMMAND, "suggest", settings["bundle"], _TEXT]

    def start() -> float:
        began = time.perf_counter()
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        if answer.returncode or not answer.stdout.strip():
            raise RuntimeError(f"`nextword suggest` gave no answer: {answer.stderr.strip().partition('\n')[0][:200]}")
        return seconds

    description = {
        "parameters": 0,
        "threads": settings["threads"],
        "dtype": settings["precision"],
        "device": "cpu",
        "versions": {"python": platform.python_version()},
    }
    return description, lambda steps: {"start": [start() for _ in range(steps)]}


def memory() -> int:
    """Return the peak memory of the commands."""
    return _BYTES_PER_UNIT * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


if __name__ == "__main__":
    serve(prepare, memory=memory)
