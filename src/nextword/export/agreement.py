"""Two engines compared, before one of them is taken for the other."""

from typing import NamedTuple

import numpy as np

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine
from nextword.errors import ExportError

TOLERANCE = 1e-4
"""By how much two engines on one model may differ in a log-probability."""

_SHAPE = (3, 24)
_MOST_TOKENS = 256


class Agreement(NamedTuple):
    """How far two engines are from each other.

    Attributes:
        largest_difference: Of all log-probabilities that were compared.
        num_log_probs: How many those were.
    """

    largest_difference: float
    num_log_probs: int


def require_agreement(exported: Engine, original: Engine, text: TokenIds, tolerance: float = TOLERANCE) -> Agreement:
    """Compare the log-probabilities of all tokens along random ids and along a text, in windows and step by step.

    Args:
        exported: The engine to be checked.
        original: What it must be like.
        text: Ids of a text `(N,)`, of which the first 256 are read.
        tolerance: The largest difference that is let pass.

    Raises:
        ExportError: They differ by more.
    """
    random_ids = np.random.default_rng(0).integers(original.vocabulary_size, size=_SHAPE, dtype=np.int32)
    parts = [np.ravel(_differences(exported, original, ids)) for ids in (random_ids, text[None, :_MOST_TOKENS])]
    differences = np.concatenate(parts)
    found = Agreement(float(differences.max()), differences.size)
    if not found.largest_difference <= tolerance:  # neither does a NaN pass
        raise ExportError(
            f"`model.onnx` must give the log-probabilities of the model to {tolerance:g}, but is up to "
            f"{found.largest_difference:.2g} away; it was not kept, and the model is as it was"
        )
    return found


def _differences(
    exported: Engine, original: Engine, ids: TokenIds
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return by how much the log-probabilities differ, all but the last token in one window, and the last in a step."""
    of_both = []
    for engine in (exported, original):
        window, state = engine.predict_window(ids[:, :-1], engine.start(len(ids)))
        last, _ = engine.step(ids[:, -1], state)
        of_both.append(np.concatenate((window.log_probs, last[:, None]), axis=1))
    return np.abs(of_both[0] - of_both[1])
