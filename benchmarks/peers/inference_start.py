"""`nextword suggest` from a cold start: from the start of a process to its end, with an answer.

The memory is that of the command. A process starts with the peak memory of its parent, so this program imports
nothing large.
"""

import subprocess
import sys
import time
from typing import Any

from peer_protocol import Run, children_peak_memory_bytes, described, serve

# The code of the script `nextword`, wherever it is installed.
_COMMAND = "import sys; from nextword.cli.main import main; sys.exit(main())"
_TEXT = "the text so far"


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Return the description, and what starts the command."""
    command = [sys.executable, "-c", _COMMAND, "suggest", settings["bundle"], _TEXT]

    def start() -> float:
        begin = time.perf_counter()
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begin
        if answer.returncode or not answer.stdout.strip():
            raise RuntimeError(f"`nextword suggest` gave no answer: {answer.stderr.strip().partition('\n')[0][:200]}")
        return seconds

    description = described(0, settings["precision"], {}, threads=settings["threads"])
    return description, lambda steps: {"start": [start() for _ in range(steps)]}


if __name__ == "__main__":
    serve(prepare, memory=children_peak_memory_bytes)
