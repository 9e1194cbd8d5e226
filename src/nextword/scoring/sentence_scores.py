"""The log-probabilities of many sentences at once, each a text of its own."""

from collections.abc import Sequence

import numpy as np

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine, TokenScores, score_in_pieces
from nextword.engine.stream import require_numbers, sentence_batches


def score_sentences(engine: Engine, sentences: Sequence[TokenIds], *, first_input: int) -> list[TokenScores]:
    """Return how well each token of each sentence was predicted from those before it, in the order given.

    Sentences of like length are read side by side; long ones a piece at a time, with the state carried.

    Args:
        engine: The model at work.
        sentences: Their ids `(N,)` each; a sentence may be empty.
        first_input: What the first token of each is predicted from: `<eos>` if a text begins.

    Raises:
        EvaluationError: A log-probability is not a number.
    """
    nothing = TokenScores(np.zeros(0, np.float32), np.zeros(0, np.int32))
    found = [nothing] * len(sentences)
    batches = sentence_batches(engine)
    for batch in batches.batches([len(sentence) for sentence in sentences]):
        padded = batches.padded([sentences[index] for index in batch], first_input)
        pieces, start = batches.pieces(*padded.inputs.shape), engine.start(len(padded.inputs))
        (log_probs, ranks), _ = score_in_pieces(engine.score_window, padded.inputs, padded.targets, start, pieces)
        for row, index in enumerate(batch):
            length = len(sentences[index])
            found[index] = require_numbers(TokenScores(log_probs[row, :length], ranks[row, :length]))
    return found
