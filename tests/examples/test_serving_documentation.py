"""The calls that the documentation of the service shows give the answers that it shows.

- A line `$ curl ...` of a console block runs against a server of the sample model. The JSON below it must be part of
  the answer: it may leave out fields, and the string `"..."` stands for any value, or for the rest of a list.
- A block of JavaScript runs in Node.
"""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from documentation.blocks import blocks_of
from documentation.console import entries_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "serving.md"
COMMAND_PAGE = ROOT / "docs" / "commands" / "serve.md"
SERVER = "127.0.0.1:8000"
ANYTHING = "..."


def _calls() -> list[tuple[list[str], str]]:
    """Return the arguments of each call of curl, and the output below it."""
    blocks = [block for block in blocks_of(PAGE) if block.language == "console" and not block.not_run]
    blocks += [block for block in blocks_of(COMMAND_PAGE) if "curl " in block.body]
    entries = [entry for block in blocks for entry in entries_of(block.body) if entry.command.startswith("curl ")]
    return [(shlex.split(entry.command), entry.shown) for entry in entries]


def _contains(answer: Any, shown: Any) -> bool:
    if shown == ANYTHING:
        return True
    if isinstance(shown, dict):
        return isinstance(answer, dict) and all(
            name in answer and _contains(answer[name], value) for name, value in shown.items()
        )
    if isinstance(shown, list):
        if shown and shown[-1] == ANYTHING:
            shown = shown[:-1]
            answer = answer[: len(shown)]
        return len(answer) == len(shown) and all(map(_contains, answer, shown))
    if isinstance(shown, float):
        return bool(answer == pytest.approx(shown, rel=2e-3, abs=5e-5))
    return bool(answer == shown)


@pytest.mark.parametrize(("arguments", "shown"), _calls(), ids=[shlex.join(call)[:60] for call, _ in _calls()])
def test_calls_answer_as_shown(arguments: list[str], shown: str, server: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    command = [part.replace(SERVER, server) for part in arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(done.stdout)
    assert shown, "the page must show the answer"
    assert _contains(answer, json.loads(shown)), done.stdout


def test_every_text_route_is_shown() -> None:
    text = PAGE.read_text(encoding="utf-8")
    routes = "/v1/completions /v1/score /v1/suggest /tokenize /detokenize /admin/reload"
    for route in routes.split():
        assert f"{SERVER}{route}" in text


def test_javascript_runs(server: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node")
    blocks = [block for block in blocks_of(PAGE) if block.language == "javascript"]
    assert blocks
    for block in blocks:
        script = tmp_path / "example.mjs"
        script.write_text(block.body.replace(SERVER, server), encoding="utf-8")
        done = subprocess.run([node, str(script)], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        for shown in re.findall(r"console\.log\(.*\); // (.*)", block.body):
            assert shown in done.stdout
