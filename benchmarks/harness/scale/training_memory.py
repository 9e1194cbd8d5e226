"""Whether training on a large text takes as much memory, and is as fast, at the end as in the beginning."""

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from harness.scale.memory import Look, PeakMemory
from harness.scale.text_reading import HARNESS, MEGABYTE
from harness.speed.process import Process

SETTINGS: dict[str, Any] = {
    "embedding_size": 64,
    "hidden_sizes": (64,),
    "batch_size": 64,
    "num_steps": 35,
    "round_steps": 200,
    "start": "random",
}
"""A small network: the text is what is measured."""


@dataclass(frozen=True)
class Steadiness:
    """The beginning of a long task beside its end: medians of its second quarter, and of its last.

    Attributes:
        words_per_s: Words per second.
        words_per_cpu_s: Words per second of the processor, summed over its cores; the validation of a round counts.
        own_mb: Resident memory in megabytes (10**6 bytes), without the pages of the text that are mapped.
    """

    words_per_s: tuple[float, float]
    words_per_cpu_s: tuple[float, float]
    own_mb: tuple[float, float]

    @classmethod
    def of(cls, parts: Sequence[dict[str, float]], looks: Sequence[Look]) -> "Steadiness":
        """Return that of the parts of a task, each with its `words_per_second` and the `time` at which it ended."""
        quarter = max(1, len(parts) // 4)
        early, late = parts[: 2 * quarter][-quarter:], parts[-quarter:]
        return cls(
            words_per_s=(_median(early, "words_per_second"), _median(late, "words_per_second")),
            words_per_cpu_s=(_median(early, "words_per_cpu_second"), _median(late, "words_per_cpu_second")),
            own_mb=(_memory(early, looks), _memory(late, looks)),
        )


def _median(parts: Sequence[dict[str, float]], name: str) -> float:
    return round(median(part[name] for part in parts), 1)


def _memory(parts: Sequence[dict[str, float]], looks: Sequence[Look]) -> float:
    """Return the median memory in megabytes from the end of the first part to the end of the last."""
    first, last = parts[0]["time"], parts[-1]["time"]
    seen = [look.resident.own for look in looks if first <= look.time <= last]
    nearest = min(looks, key=lambda look: abs(look.time - last)).resident.own
    return round(median(seen or [nearest]) / MEGABYTE, 1)


@dataclass(frozen=True)
class TrainingFigures:
    """A training run on one text.

    Attributes:
        text: Its name.
        num_tokens: Tokens of the training split.
        vocabulary_size: Tokens of the vocabulary.
        reading_seconds: Time from the text to the ids of the three splits; short if the cache has them.
        reading_peak_mb: Most resident memory of all processes meanwhile.
        windows: All windows of an epoch cut once, with no network.
        num_words: Words that the network trained on.
        training: The training.
        valid_loss: Loss on the validation split at the end, in nats a token.
        entropy: The least loss of any model with this vocabulary; `None` if it is not known.
    """

    text: str
    num_tokens: int
    vocabulary_size: int
    reading_seconds: float
    reading_peak_mb: float
    windows: Steadiness
    num_words: int
    training: Steadiness
    valid_loss: float
    entropy: float | None

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)


def measure_training(
    text: str | Path,
    cache: Path,
    settings: dict[str, Any],
    *,
    num_words: int,
    timeout: float,
    entropy: Callable[[int], float] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> TrainingFigures:
    """Read a text, cut its windows once, and train on its beginning, in a process of its own.

    Args:
        text: A text as `Corpus.load` takes it.
        cache: The cache folder.
        settings: Settings of text and training; they override `SETTINGS`.
        num_words: Words to train on.
        timeout: Seconds to wait for each of the three.
        entropy: Returns the entropy of a token for a size of the vocabulary.
        say: Receives what is being done.

    Raises:
        PeerError: The process failed.
    """
    with TemporaryDirectory(prefix="scale-run-") as run:
        arguments = [str(text), str(cache), f"{run}/run", str(num_words), json.dumps(SETTINGS | settings)]
        command = [sys.executable, "-m", "harness.scale.training_program", *arguments]
        paths = ":".join([str(HARNESS), *filter(None, sys.path)])
        with Process(command, {"PYTHONPATH": paths}) as program:

            def answer_to(task: str) -> dict[str, Any]:
                say(task)
                program.tell({})
                return program.answer(timeout)

            with PeakMemory(answer_to("starting")["process"]) as memory:
                read = answer_to("reading the text")
                peak = memory.peak_bytes
                parts = answer_to("cutting all windows")["parts"]
                trained = answer_to(f"training on {num_words:,} words")
    return TrainingFigures(
        text=Path(text).stem,
        num_tokens=read["num_tokens"],
        vocabulary_size=read["vocabulary_size"],
        reading_seconds=round(read["seconds"], 1),
        reading_peak_mb=round(peak / MEGABYTE, 1),
        windows=Steadiness.of(parts, memory.looks),
        num_words=num_words,
        training=Steadiness.of(trained["parts"], memory.looks),
        valid_loss=round(math.log(trained["valid_perplexity"]), 4),
        entropy=round(entropy(read["vocabulary_size"]), 4) if entropy else None,
    )
