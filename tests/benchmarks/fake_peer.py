"""A peer that trains nothing: it answers at once with the seconds of its settings, or fails by a fault.

Settings: `name`, `journal` (a file to which each turn adds a line), `seconds` (of a step, first turn, second turn, ...)
and `fault`, which happens at the start or in the second turn.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

FAULTS: dict[str, Callable[[], object]] = {
    "crash": lambda: int("out of ideas"),
    "hang": lambda: time.sleep(600),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "nonsense": lambda: print("hello", flush=True),
    "another-form": lambda: print('{"time": 3}', flush=True),
    "a-list": lambda: print("[1]", flush=True),
}


def main() -> None:
    settings = json.loads(sys.argv[1])
    name, fault, seconds, journal = (settings[key] for key in ("name", "fault", "seconds", "journal"))

    def note(line: str) -> None:
        with Path(journal).open("a", encoding="utf-8") as lines:
            print(line, file=lines)

    note(f"{name} starts as {os.getpid()}")
    if fault.endswith(" at start"):
        FAULTS[fault.removesuffix(" at start")]()
    print(json.dumps({"ready": {"parameters": 7}}), flush=True)
    for turn, line in enumerate(sys.stdin):
        steps = json.loads(line)["steps"]
        note(f"{name} runs {steps}")
        if turn == 1 and fault:
            FAULTS[fault]()
        every = [seconds[turn % len(seconds)]] * steps
        print(json.dumps({"seconds": {"step": every}, "peak_memory_bytes": 1000 * (turn + 1)}), flush=True)


if __name__ == "__main__":
    main()
