"""The work of a peer of the inference benchmark, and its model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.inference.settings import ModelSize

Precision = Literal["float32", "int8"]


@dataclass(frozen=True, kw_only=True)
class InferenceWork:
    """A model, and how it runs.

    Attributes:
        size: How large it is.
        folder: Where `peers/inference_models.py` has put the models and the sentences.
        precision: Precision of its weights.
        num_threads: Threads that share the work of one call.
        onednn: Whether PyTorch may use oneDNN, which is its default.
        buffer_bytes: Bytes to read from memory between the steps, to measure the bandwidth; 0 for none.
    """

    size: ModelSize
    folder: Path
    precision: Precision
    num_threads: int = 1
    onednn: bool = True
    buffer_bytes: int = 0

    def to_table(self) -> dict[str, Any]:
        """Return the work as a table for JSON, as the peers read it."""
        return {
            "model": self.size.to_table(),
            "parameters": self.size.architecture.num_parameters,
            "folder": str(self.folder),
            "bundle": str(self.folder / self.precision),
            "precision": self.precision,
            "threads": self.num_threads,
            "onednn": self.onednn,
            "buffer_bytes": self.buffer_bytes,
        }
