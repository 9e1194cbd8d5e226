"""The files in which a training run says how good its model is. Reading them needs no training framework."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nextword.bundle.model_card import SplitMetrics
from nextword.errors import CheckpointError

LOG_FILE = "log.jsonl"
"""One JSON object for each round of a run."""

METRICS_FILE = "metrics.json"
"""The metrics of a finished run."""

_MAX_METRICS_BYTES = 2**20


def read_rows[Row](path: Path, parse: Callable[[str], tuple[Row, ...]], *, max_bytes: int = -1) -> tuple[Row, ...]:
    """Return the rows of a file of a run; empty if there is no such file yet.

    Args:
        path: The file.
        parse: Returns the rows of its text.
        max_bytes: Most bytes to read (default: all).

    Raises:
        CheckpointError: The file cannot be read, or `parse` refuses it.
    """
    try:
        with path.open("rb") as file:
            return parse(file.read(max_bytes).decode("utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CheckpointError(
            f"`{path}` must be a file written by a training run, but cannot be read ({error}); "
            f"write it again with `nextword train --resume {path.parent}`"
        ) from error


def read_split_metrics(path: Path) -> tuple[SplitMetrics, ...]:
    """Return the metrics of each split in a `metrics.json`; empty if there is no such file yet.

    Raises:
        CheckpointError: The file cannot be read, or holds no metrics.
    """
    return read_rows(path, _split_metrics, max_bytes=_MAX_METRICS_BYTES)


def _split_metrics(text: str) -> tuple[SplitMetrics, ...]:
    return tuple(_metrics_of(row) for row in json.loads(text)["splits"])


def _metrics_of(row: dict[str, Any]) -> SplitMetrics:
    numbers = {name: float(row[name]) for name in ("perplexity", "bits_per_character", "accuracy")}
    return SplitMetrics(**{**row, **numbers})
