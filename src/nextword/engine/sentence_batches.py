"""How sentences are gathered for an engine."""

from nextword.batching.sentences import SentenceBatches
from nextword.engine.distribution_engine import even_pieces
from nextword.engine.engine import Engine

_MOST_TOKENS = 8192
"""Tokens that are read at once where the vocabulary is small."""


def sentence_batches(engine: Engine) -> SentenceBatches:
    """Return how sentences are gathered so that an engine is busy, and its distributions fit in memory."""
    most_tokens = even_pieces(_MOST_TOKENS, engine.vocabulary_size)[0].stop
    return SentenceBatches(most_tokens, few_shapes=engine.compiles_each_shape)
