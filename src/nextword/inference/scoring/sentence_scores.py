"""Log-probabilities of many independent sentences in batches."""

from collections.abc import Sequence

import numpy as np

from nextword.engine.engine import Engine, TokenScores, score_in_pieces
from nextword.engine.stream import require_numbers, sentence_batches
from nextword.text.batching.window import TokenIds


def score_sentences(engine: Engine, sentences: Sequence[TokenIds], *, first_input: int) -> list[TokenScores]:
    """Score the tokens of each sentence; the results are in the order of the sentences.

    Sentences of similar length are batched. Long ones are read in pieces, with the state carried.

    Args:
        engine: The engine.
        sentences: The ids of each sentence `(N,)`; a sentence may be empty.
        first_input: The input before the first token: `<eos>` at the beginning of a text.

    Raises:
        EvaluationError: A log-probability is NaN.
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
