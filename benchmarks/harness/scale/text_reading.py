"""How fast a text becomes token ids, and how much memory that takes."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.scale.memory import PeakMemory, resident_bytes
from harness.scale.zipf_text import ZipfText
from harness.speed.process import Process
from nextword.text.encoding.worker_pool import PROCESSES

MEGABYTE = 1e6
HARNESS = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class TextFigures:
    """What reading one text took.

    Attributes:
        num_bytes: Size of the text.
        num_tokens: Number of its token ids.
        vocabulary_size: Number of tokens in the vocabulary.
        processes: Processes that cut it, besides the one that waits for them.
        seconds: Wall time from the text to the stored ids of its three splits, with vocabulary and sums.
        mb_per_s: Megabytes (10**6 bytes) of text per second.
        library_mb_per_s: The same for `tokenizers` alone in the same run: the ids of 16 MiB of lines in memory, with a
            vocabulary that is known, on as many threads as there are cores.
        baseline_mb: Resident memory before the text is opened, in megabytes.
        peak_mb: Most resident memory of all processes together, above the baseline.
    """

    num_bytes: int
    num_tokens: int
    vocabulary_size: int
    processes: int
    seconds: float
    mb_per_s: float
    library_mb_per_s: float
    baseline_mb: float
    peak_mb: float

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)


def write_text(path: Path, text: ZipfText, num_bytes: int) -> None:
    """Write a text of about this many bytes; the file appears when it is whole."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        for block in text.blocks(num_bytes):
            file.write(block)
    partial.rename(path)


def measure_text(
    path: Path, options: dict[str, Any], *, processes: int, timeout: float, say: Callable[[str], None]
) -> TextFigures:
    """Read a text in a process of its own, and return what it took.

    Args:
        path: The text.
        options: Settings of `TextOptions`.
        processes: Processes to read it with.
        timeout: Seconds to wait for it.
        say: Receives what is being done.

    Raises:
        PeerError: The process failed.
    """
    size = path.stat().st_size
    with TemporaryDirectory(dir=path.parent, prefix="scale-cache-") as cache:
        command = [sys.executable, "-m", "harness.scale.text_program", str(path), cache, json.dumps(options)]
        paths = ":".join([str(HARNESS), *filter(None, sys.path)])
        with Process(command, {"PYTHONPATH": paths, PROCESSES: str(processes)}) as program:
            program.tell({})
            number = program.answer(timeout)["process"]
            baseline = resident_bytes(number)
            say(f"reading {size / MEGABYTE:,.0f} MB with {processes} processes")
            with PeakMemory(number) as memory:
                program.tell({})
                found = program.answer(timeout)
            say(f"{size / MEGABYTE / found['seconds']:.1f} MB/s; now the library alone")
            program.tell({})
            library = program.answer(timeout)["bytes_per_s"]
    return TextFigures(
        num_bytes=size,
        num_tokens=found["num_tokens"],
        vocabulary_size=found["vocabulary_size"],
        processes=processes,
        seconds=round(found["seconds"], 2),
        mb_per_s=round(size / MEGABYTE / found["seconds"], 2),
        library_mb_per_s=round(library / MEGABYTE, 2),
        baseline_mb=round(baseline / MEGABYTE, 1),
        peak_mb=round((memory.peak_bytes - baseline) / MEGABYTE, 1),
    )
