"""A process that cuts shards: `python -m nextword.text.encoding.worker`. It takes tasks and answers as lines of JSON.

It is a program of its own and not a child of `multiprocessing`, which would import the user's main program again in
each process. It imports NumPy and the text room, starts in a fraction of a second, and ends when its standard input
does: if the program that started it is killed, no process is left over.
"""

import dataclasses
import json
import os
import sys
import threading
from queue import SimpleQueue
from typing import IO, Any

from nextword.errors import TextError
from nextword.text.encoding.cut_shard import ShardTask


def main() -> None:
    """Answer tasks until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that a library prints becomes an answer
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin, lines), daemon=True).start()
    while True:
        print(json.dumps(_answer(json.loads(lines.get()))), file=answers, flush=True)


def encoded(task: ShardTask) -> str:
    """Return the line for a task."""
    return json.dumps(dataclasses.asdict(task)) + "\n"


def raise_failure(answer: dict[str, Any]) -> None:
    """Raise the error that an answer is about, if it is about one.

    Raises:
        TextError: The text was refused.
        OSError: The disk refused.
    """
    match answer.get("failed"):
        case "text":
            raise TextError(answer["message"])
        case "disk":
            raise OSError(answer["errno"], answer["message"])


def _listen(stream: IO[str], lines: "SimpleQueue[str]") -> None:
    for line in stream:
        lines.put(line)
    os._exit(0)  # at once, in the middle of a task


def _answer(task: dict[str, Any]) -> dict[str, Any]:
    try:
        ShardTask(**task).run()
    except TextError as error:
        return {"failed": "text", "message": str(error)}
    except OSError as error:
        return {"failed": "disk", "errno": error.errno, "message": error.strerror or str(error)}
    return {}


if __name__ == "__main__":
    main()
