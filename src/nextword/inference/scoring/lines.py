"""Scores lines as a stream: reads ahead, batches by length, and yields the scores in order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import starmap
from typing import ClassVar

import numpy as np

from nextword.engine.engine import Engine, TokenScores, score_in_pieces
from nextword.engine.stream import require_numbers, sentence_batches
from nextword.engine.text_model import TextModel
from nextword.inference.scoring.line_score import LineScore
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.encoded_lines import EncodedLine, encoded_windows


def score_sentences(
    engine: Engine, sentences: Sequence[TokenIds], *, first_input: int, ranks: bool = True
) -> list[TokenScores]:
    """Score the tokens of each sentence; the results are in the order of the sentences.

    Sentences of similar length are batched. Long ones are read in pieces, with the state carried.
    """
    nothing = TokenScores(np.zeros(0, np.float32), np.zeros(0, np.int32))
    found = [nothing] * len(sentences)
    batches, score = sentence_batches(engine), partial(engine.score_window, ranks=ranks)
    for batch in batches.batches([len(sentence) for sentence in sentences]):
        padded = batches.padded([sentences[index] for index in batch], first_input)
        pieces, start = batches.pieces(*padded.inputs.shape), engine.start(len(padded.inputs))
        scores, _ = score_in_pieces(score, padded.inputs, padded.targets, start, pieces)
        for row, index in enumerate(batch):
            length = len(sentences[index])
            found[index] = require_numbers(TokenScores(scores.log_probs[row, :length], scores.ranks[row, :length]))
    return found


_CARRIED_STEPS = 512
"""Tokens per call if all lines are one text."""


@dataclass(frozen=True, kw_only=True)
class ScoringOptions(Settings):
    """How lines are scored."""

    group: ClassVar[str] = "scoring"
    task: ClassVar[str] = "scoring"

    bos: bool = setting(True, help="Start each line after `<eos>`. If off, the context before the line is unknown.")
    eos: bool = setting(True, help="Count the line end as a token, `<eos>`.")
    carry: bool = setting(False, help="Read all lines as one text, each in the context of those before. Slower.")
    spell: bool = setting(True, help="Charge an unknown word for its spelling. If off, each costs as much as `<unk>`.")
    read_ahead: int = setting(4096, help="Read N lines ahead and score lines of similar length together.", at_least=1)


DEFAULT_OPTIONS = ScoringOptions()
"""Complete lines, each scored independently."""


def score_lines(
    model: TextModel, lines: Iterable[str], options: ScoringOptions = DEFAULT_OPTIONS, *, ranks: bool = True
) -> Iterator[LineScore]:
    r"""Yield the score of each line, in the order of the lines.

    Each line is scored independently. With `carry`, all lines are one text, read as `nextword evaluate` reads a split.
    For a model of paragraphs, a line is a paragraph.

    Without `bos`, a line is a fragment from the middle of a text: `<unk>` is read in place of the unknown previous
    word. Without `eos`, the end of the line is not counted, and an empty line has no tokens.

    At most `read_ahead` lines, or about a million characters, are in memory. A line longer than a batch is scored in
    pieces, with the state carried.

    Args:
        model: The model.
        lines: The lines, read once, at most one window ahead of the results.
        options: How lines are scored, and how far to read ahead.
        ranks: Whether to find the ranks; a model with a mixture is faster without them.

    Raises:
        TextError: (while iterating) The tokenizer refuses a line; the message has its number.
        EvaluationError: (while iterating) A log-probability is NaN.
    """
    engine, tokenizer = model.engine, model.tokenizer
    first_input = engine.end_id if options.bos else tokenizer.vocabulary.unknown_id
    windows = encoded_windows(tokenizer, lines, max_lines=options.read_ahead)
    scored = (
        _score_carried(engine, windows, first_input, ranks=ranks)
        if options.carry
        else _score_independently(engine, windows, first_input, eos=options.eos, ranks=ranks)
    )
    for line, scores in scored:
        counted = slice(len(line.ids) if options.eos else len(line.ids) - 1)
        missing, spelling = line.out_of_vocabulary[counted], line.spelling_log_probs[counted] * options.spell
        log_probs = (scores.log_probs[counted] + spelling).astype(np.float32)
        known_ranks = np.where(missing, 0, scores.ranks[counted])
        yield LineScore(line.number, line.text, line.ids[counted], log_probs, known_ranks, missing, spelling)


def _score_independently(
    engine: Engine, windows: Iterable[Sequence[EncodedLine]], first_input: int, *, eos: bool, ranks: bool
) -> Iterator[tuple[EncodedLine, TokenScores]]:
    for window in windows:
        counted = [line.ids if eos else line.ids[:-1] for line in window]
        yield from zip(window, score_sentences(engine, counted, first_input=first_input, ranks=ranks), strict=True)


def _score_carried(
    engine: Engine, windows: Iterable[Sequence[EncodedLine]], first_input: int, *, ranks: bool
) -> Iterator[tuple[EncodedLine, TokenScores]]:
    """Yield lines with their scores, including line ends, all read as one text."""
    state, score = engine.start(1), partial(engine.score_window, ranks=ranks)
    for window in windows:
        ids = np.concatenate([line.ids for line in window])
        inputs = np.concatenate(([first_input], ids[:-1]), dtype=np.int32)
        pieces = (slice(first, first + _CARRIED_STEPS) for first in range(0, len(ids), _CARRIED_STEPS))
        scores, state = score_in_pieces(score, inputs[None], ids[None], state, pieces)
        first_input = int(ids[-1])
        ends = np.cumsum([len(line.ids) for line in window])[:-1]
        parts = zip(*(np.split(array[0], ends) for array in require_numbers(scores)), strict=True)
        yield from zip(window, starmap(TokenScores, parts), strict=True)
