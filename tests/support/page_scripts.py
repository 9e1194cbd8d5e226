"""The modules of the page that compute, run in Node: no browser, so thousands of calls take seconds."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nextword.display.page import __file__ as room

SITE = Path(room).parent / "site"
_RUNNER = Path(__file__).with_suffix(".mjs")


@dataclass(frozen=True)
class Scripts:
    """A process of Node that holds the modules of `site/js/model`."""

    process: subprocess.Popen[str]

    def run(self, function: str, argument: Any = None, **models: bytes) -> Any:
        """Return what `async (argument, models, js) => ...` returns; `js.engine` is the module `engine.js`."""
        encoded = {name: base64.b64encode(packed).decode("ascii") for name, packed in models.items()}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"body": function, "argument": argument, "models": encoded}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]


@contextmanager
def page_scripts() -> Iterator[Scripts]:
    """Start Node, or skip the test and say what is missing."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no Node, which `make check` needs too")
    command = [program, str(_RUNNER), str(SITE / "js")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield Scripts(process)
