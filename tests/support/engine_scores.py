"""What an engine makes of texts, each from its beginning."""

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, TokenScores
from nextword.text.batching.window import TokenIds


def scores_of(engine: Engine, ids: TokenIds, lengths: NDArray[np.int32], *, ranks: bool = True) -> TokenScores:
    """Score texts `(B, T)` of `lengths` `(B,)` tokens, the first predicted from `<eos>`; 0 beyond the length."""
    first = np.full((ids.shape[0], 1), engine.end_id, np.int32)
    inputs = np.concatenate((first, ids[:, :-1]), axis=1)
    scores, _ = engine.score_window(inputs, ids, engine.start(ids.shape[0]), ranks=ranks)
    counted = np.arange(ids.shape[1]) < lengths[:, None]
    return TokenScores(np.where(counted, scores.log_probs, np.float32(0)), np.where(counted, scores.ranks, 0))
