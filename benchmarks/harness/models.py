"""The models of random weights that the benchmarks of inference and of the service run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.interpreters import own_interpreter
from harness.process import PROGRAMS, Process
from nextword.settings import Settings, setting

SEED = 1
"""Seed of the weights, the vocabulary, the sentences and the requests."""


@dataclass(frozen=True, kw_only=True)
class ModelSize(Settings):
    """How large the model is: LSTM layers of one width, and an embedding of it that is shared with the output."""

    group: ClassVar[str] = "model"

    vocabulary_size: int = setting(10_000, help="Number of words.", at_least=50, at_most=2**20)
    hidden_size: int = setting(512, help="Units of each layer, and width of the embedding.", at_least=1, at_most=2**14)
    num_layers: int = setting(2, help="Number of LSTM layers.", at_least=1, at_most=16)


def make_models(folder: Path, size: ModelSize, timeout: float, **options: Any) -> dict[str, Any]:
    """Write the files of `peers/random_models.py` in a process with a training framework, and return its answer."""
    task = {"model": size.to_table(), "folder": str(folder), "seed": SEED, **options}
    command = [*own_interpreter(), str(PROGRAMS / "random_models.py"), json.dumps(task)]
    with Process(command, {"KERAS_BACKEND": "jax"}) as process, process.ended_on_error():
        made: dict[str, Any] = process.answer(timeout)["made"]
        return made
