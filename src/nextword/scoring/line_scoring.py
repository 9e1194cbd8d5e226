"""Lines scored as they come: read ahead a little, batched by length, given back in their order."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nextword.engine.engine import Engine, State, TokenScores
from nextword.scoring.line_score import LineScore
from nextword.scoring.options import DEFAULT_OPTIONS, ScoringOptions
from nextword.scoring.sentence_scores import require_numbers, score_sentences
from nextword.text.encoded_lines import EncodedLine, encoded_windows
from nextword.text.tokenizer import Tokenizer

_CARRIED_STEPS = 512
"""Tokens that are read at once where all lines are one text."""


def score_lines(
    engine: Engine, tokenizer: Tokenizer, lines: Iterable[str], options: ScoringOptions = DEFAULT_OPTIONS
) -> Iterator[LineScore]:
    r"""Yield the score of each line, in the order of the lines.

    Each line is a text of its own, as if nothing had been said before. With `carry` all lines are one text, read as
    `nextword evaluate` reads a split. For a model of paragraphs a line is a paragraph.

    Without `bos` a line is a fragment from amid a text: since a network has no state without a past, an unknown word,
    `<unk>`, is read where the word before it would stand. Without `eos` the line's end is not counted, and an empty
    line has no tokens.

    At most `read_ahead` lines, or a million characters and the line that crosses them, are held; a line longer than a
    batch is scored in pieces, with the state carried.

    Args:
        engine: The model at work.
        tokenizer: The model's.
        lines: The lines, read once, no more than one window before what is yielded.
        options: Beginning and end of a line, and how far to read ahead.

    Raises:
        TextError: (while iterating) A line is refused; its number is in the message.
        EvaluationError: (while iterating) A log-probability is not a number.
    """
    first_input = engine.end_id if options.bos else tokenizer.vocabulary.unknown_id
    carried = _Carried(engine, first_input) if options.carry else None
    for window in encoded_windows(tokenizer, lines, most_lines=options.read_ahead):
        if carried is not None:
            scored = carried.score(window)
        else:
            counted = [line.ids if options.eos else line.ids[:-1] for line in window]
            scored = score_sentences(engine, counted, first_input=first_input)
        for line, scores in zip(window, scored, strict=True):
            yield _line_score(line, scores, eos=options.eos)


class _Carried:
    """Scores lines as one text, from window to window."""

    def __init__(self, engine: Engine, first_input: int) -> None:
        self._engine = engine
        self._previous = first_input
        self._state: State = engine.start(1)

    def score(self, window: Sequence[EncodedLine]) -> list[TokenScores]:
        """Return the scores of each line, all of them read."""
        ids = np.concatenate([line.ids for line in window])
        inputs = np.concatenate(([self._previous], ids[:-1]), dtype=np.int32)
        pieces = []
        for first in range(0, len(ids), _CARRIED_STEPS):
            piece = slice(first, first + _CARRIED_STEPS)
            scores, self._state = self._engine.score_window(inputs[None, piece], ids[None, piece], self._state)
            pieces.append(scores)
        self._previous = int(ids[-1])
        log_probs, ranks = (np.concatenate(parts, axis=1)[0] for parts in zip(*pieces, strict=True))
        ends = np.cumsum([len(line.ids) for line in window])[:-1]
        parts = zip(np.split(log_probs, ends), np.split(ranks, ends), strict=True)
        return [require_numbers(TokenScores(*part)) for part in parts]


def _line_score(line: EncodedLine, scores: TokenScores, *, eos: bool) -> LineScore:
    counted = slice(None) if eos else slice(len(line.ids) - 1)
    return LineScore(
        line.number,
        line.text,
        line.ids[counted],
        scores.log_probs[counted],
        scores.ranks[counted],
        line.out_of_vocabulary[counted],
    )
