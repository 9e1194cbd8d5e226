"""Whole texts scored from their beginning."""

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine, TokenScores


def score_texts(engine: Engine, ids: TokenIds, lengths: NDArray[np.int32]) -> TokenScores:
    """Score whole texts `(B, T)`, of which `lengths` `(B,)` tokens count, the first of them predicted from `<eos>`.

    What is beyond a length has log-probability 0 and rank 0.
    """
    first = np.full((ids.shape[0], 1), engine.end_id, np.int32)
    inputs = np.concatenate((first, ids[:, :-1]), axis=1)
    scores, _ = engine.score_window(inputs, ids, engine.start(ids.shape[0]))
    counted = np.arange(ids.shape[1]) < lengths[:, None]
    return TokenScores(np.where(counted, scores.log_probs, np.float32(0)), np.where(counted, scores.ranks, 0))
