"""The windows over which a training is validated."""

from nextword.batching.streams import Streams
from nextword.batching.window import TokenIds

_NUM_STEPS = 64
_BURN_IN = 128
_LARGEST_BATCH = 32


def validation_streams(ids: TokenIds, *, end_id: int) -> Streams:
    """Return windows that predict every token of a split exactly once, many rows at a time.

    Each row but the first reads some tokens before its own, uncounted, so that its state is warm; what is left of
    the difference to one single stream lies far below the noise of training. `nextword evaluate` has no such
    difference at all.
    """
    batch_size = max(1, min(_LARGEST_BATCH, len(ids) // (4 * _BURN_IN)))
    return Streams(ids, batch_size=batch_size, num_steps=_NUM_STEPS, first_input=end_id, burn_in=_BURN_IN)
