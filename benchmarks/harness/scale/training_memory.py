"""Whether training on a large text takes as much memory, and is as fast, at the end as in the beginning."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from harness.scale.memory import PeakMemory
from harness.scale.text_reading import HARNESS, MEGABYTE
from harness.speed.process import Process


@dataclass(frozen=True)
class TrainingFigures:
    """A training run on one text: its second quarter beside its last.

    Attributes:
        num_bytes: Size of the text.
        num_words: Words that it trained on, each word of the text at most once.
        rounds: Number of its rounds.
        words_per_s: Median words per second of the rounds in the second quarter, and in the last.
        rss_mb: Median resident memory in the second quarter of the training, and in the last, in megabytes.
        valid_perplexity: At the end.
    """

    num_bytes: int
    num_words: int
    rounds: int
    words_per_s: tuple[float, float]
    rss_mb: tuple[float, float]
    valid_perplexity: float

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)


def measure_training(path: Path, *, num_words: int, timeout: float) -> TrainingFigures:
    """Train on a text in a process of its own.

    Raises:
        PeerError: The process failed.
    """
    with TemporaryDirectory(dir=path.parent, prefix="scale-run-") as folder:
        command = [sys.executable, "-m", "harness.scale.training_program", str(path), folder, str(num_words)]
        paths = ":".join([str(HARNESS), *filter(None, sys.path)])
        with Process(command, {"PYTHONPATH": paths}) as program:
            program.tell({})
            with PeakMemory(program.answer(timeout)["process"]) as memory:
                program.tell({})
                rounds = program.answer(timeout)["rounds"]
    speeds = [each["words_per_second"] for each in rounds]
    seconds = rounds[-1]["seconds"]
    seen = [resident for at, resident in memory.looks if at >= memory.looks[-1][0] - seconds]
    return TrainingFigures(
        num_bytes=path.stat().st_size,
        num_words=num_words,
        rounds=len(rounds),
        words_per_s=_quarters(speeds),
        rss_mb=_quarters([resident / MEGABYTE for resident in seen]),
        valid_perplexity=round(rounds[-1]["valid_perplexity"], 2),
    )


def _quarters(values: list[float]) -> tuple[float, float]:
    """Return the median of the second quarter and that of the last."""
    quarter = max(1, len(values) // 4)
    return round(median(values[quarter : 2 * quarter] or values), 1), round(median(values[-quarter:]), 1)
