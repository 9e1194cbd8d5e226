"""A peer that trains nothing: it answers at once with the seconds that it was told to, or fails as it was told to.

Environment variables: NAME, JOURNAL (a file to which each turn adds a line), SECONDS (of a step, first turn, second
turn, ...), WHAT (was repeated), FAULT.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


def fail(fault: str) -> None:
    if fault == "crash":
        raise RuntimeError("out of ideas")
    if fault == "hang":
        time.sleep(600)
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "nonsense":
        print("hello", flush=True)
    if fault == "another-form":
        say({"time": 3})
    if fault == "a-list":
        print("[1]", flush=True)
    if fault == "silent":
        os.close(1)
        time.sleep(600)


def main() -> None:
    name, fault = os.environ["NAME"], os.environ.get("FAULT", "")
    journal = Path(os.environ["JOURNAL"])
    seconds = [float(text) for text in os.environ.get("SECONDS", "1").split(",")]
    with journal.open("a") as lines:
        print(f"{name} starts as {os.getpid()}", file=lines)
    fail(fault.removesuffix(" at start") if fault.endswith(" at start") else "")
    versions = {"python": "3", "settings": json.dumps(json.loads(sys.argv[1]))}
    say({"ready": {"parameters": 7, "threads": 2, "dtype": "float32", "device": "cpu", "versions": versions}})
    for turn, line in enumerate(sys.stdin):
        steps = json.loads(line)["steps"]
        with journal.open("a") as lines:
            print(f"{name} runs {steps}", file=lines)
        if turn == 1:
            fail(fault)
        every = [seconds[turn % len(seconds)]] * steps
        what = os.environ.get("WHAT", "step").split(",")
        say({"seconds": dict.fromkeys(what, every), "peak_memory_bytes": 1000 * (turn + 1)})


if __name__ == "__main__":
    main()
