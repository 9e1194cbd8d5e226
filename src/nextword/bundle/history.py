"""`history.jsonl`: what each round of the training measured, a JSON object of numbers a line."""

import json
import math
from collections.abc import Mapping, Sequence

from nextword.disk import strict_json
from nextword.errors import BundleError

History = tuple[Mapping[str, float], ...]

_MAX_ROUNDS, _MAX_ROW_BYTES = 10_000, 1024

MAX_HISTORY_BYTES = _MAX_ROUNDS * _MAX_ROW_BYTES


def encode_history(history: Sequence[Mapping[str, float]]) -> bytes:
    """Return the content of `history.jsonl`: the last 10,000 rounds, without those of infinite perplexity."""
    rows = (row for row in history[-_MAX_ROUNDS:] if all(map(math.isfinite, row.values())))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def decode_history(data: bytes) -> History:
    """Return the rounds in a `history.jsonl`.

    Raises:
        BundleError: The file holds anything but objects of numbers.
    """
    try:
        rows = tuple(strict_json.parse(line, max_bytes=_MAX_ROW_BYTES, max_depth=1) for line in data.splitlines())
    except ValueError as error:
        raise BundleError(f"`history.jsonl` {error}") from error
    if not all(isinstance(row, dict) and {type(value) for value in row.values()} <= {int, float} for row in rows):
        raise BundleError("`history.jsonl` must hold an object of numbers in each line, but does not")
    return rows
