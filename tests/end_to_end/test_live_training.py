"""`nextword train --live` in a terminal, and `nextword.train` in the kernel of a notebook, with real ones of both."""

import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import warnings
from pathlib import Path
from typing import Any, Self

import pytest

from nextword.training.report.history import read_log, read_points
from nextword.training.report.tensorboard_logger import read_scalars
from support import processes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SIZES = ("--hidden-sizes", "8", "--embedding-size", "8", "--batch-size", "4", "--num-steps", "8", "--round-steps", "40")
FLAGS = ("--preset", "quick", "--compute-dtype", "float32", *SIZES)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = random.Random(0)
    path = tmp_path_factory.mktemp("live") / "story.txt"
    lines = (" ".join(chosen.choices(["a", "cat", "saw", "the", "dog"], k=6)) for _ in range(1000))
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def axis(shortest: int, longest: int) -> str:
    """The pattern of a whole horizontal axis of `shortest` to `longest` columns."""
    return f"(?<!─)─{{{shortest},{longest}}}[^─]"


class Training:
    """A training run in a pseudo-terminal of 80 columns and 24 lines."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        self._terminal, inside = pty.openpty()
        self.resize(80, 24)
        environment = {
            name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nextword", "train", *map(str, arguments)],
            cwd=folder,
            env={**environment, "TERM": "xterm-256color"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        self.written = ""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, wanted: str) -> None:
        """Read until a part of what was written matches the pattern `wanted`, or fail if the end comes first."""
        while not re.search(wanted, self.written):
            if not self._read():
                pytest.fail(f"the end came before {wanted!r}, after {self.written[-500:]!r}")

    def end(self) -> int:
        """Read to the end; return the exit code."""
        while self._read():
            pass
        return self.process.wait(timeout=240)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """End the run if it still runs because the test has failed."""
        processes.end(self.process)
        os.close(self._terminal)

    def _read(self) -> bool:
        """Read what comes next; `False` at the end."""
        if not select.select([self._terminal], [], [], 240)[0]:
            pytest.fail(f"nothing was written in four minutes, after {self.written[-500:]!r}")
        try:
            part = os.read(self._terminal, 1 << 16)
        except OSError:  # the other end is closed
            return False
        self.written += part.decode(errors="replace")
        return bool(part)


def test_the_curve_grows_in_a_terminal_ctrl_c_leaves_it_whole_and_the_resumed_run_logs_each_step_once(
    text: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboardX", reason="needs the extra `tensorboard`")
    logs = ("--live", "--tensorboard", "logs")
    with Training(tmp_path, text, *FLAGS, "--epochs", "6", "--run", "mine", *logs) as first:
        first.read_until("●")
        first.read_until(axis(60, 79))
        first.resize(60, 24)
        first.read_until(axis(40, 59))
        first.read_until("    2    ")
        first.process.send_signal(signal.SIGINT)
        assert first.end() == 130
    assert (first.written.count("\x1b[?25l"), first.written.count("\x1b[?25h")) == (1, 1)
    assert "●" in first.written
    assert re.search("[\u2801-\u28ff]", first.written)
    assert "resume with: nextword train --resume" in first.written.rpartition("\x1b[?25h")[2]
    kept = read_log(tmp_path / "mine" / "log.jsonl")
    assert len(kept) >= 2
    assert (tmp_path / "mine" / "curves.svg").is_file()

    with Training(tmp_path, "--resume", "mine", *logs) as second:
        assert second.end() == 0
    records, points = read_log(tmp_path / "mine" / "log.jsonl"), read_points(tmp_path / "mine" / "points.jsonl")
    assert records[: len(kept)] == kept
    steps = [step for step, _ in read_scalars(tmp_path / "logs" / "mine")]
    assert steps == sorted({point.step for point in points} | {record.step for record in records})


def test_a_notebook_shows_a_curve_that_grows_in_one_output(text: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of Jupyter's own packages
        nbformat = pytest.importorskip("nbformat", reason="needs the extra `notebook`")
        nbclient = pytest.importorskip("nbclient", reason="needs nbclient")
        pytest.importorskip("ipykernel", reason="needs the extra `notebook`")
        sizes = {"hidden_sizes": (8,), "embedding_size": 8, "batch_size": 4, "num_steps": 8, "round_steps": 40}
        call = f"nextword.train({str(text)!r}, preset='quick', epochs=0.3, settings={sizes})"
        cells = [f"import nextword\nmodel = {call}", "model", "model.history", "model.suggest('a cat', k=2)"]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        updates: list[str] = []

        class Client(nbclient.NotebookClient):  # type: ignore[misc, name-defined, unused-ignore]
            def process_message(self, message: dict[str, Any], *arguments: object) -> object:
                if message["header"]["msg_type"] == "update_display_data":
                    updates.append(message["content"]["data"]["text/html"])
                return super().process_message(message, *arguments)

        Client(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [[output for output in cell.outputs if output.output_type != "stream"] for cell in notebook.cells]
    (curve,) = outputs[0]
    assert curve.data["text/html"].count("<polyline") == 2
    assert "trained" in curve.data["text/html"]
    assert len({update.count("<circle") for update in updates}) > 1
    assert all("<table" in output[0].data["text/html"] for output in outputs[1:])
