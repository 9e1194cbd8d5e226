"""The scores of a text or of lines, token by token, as an answer of the service."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from nextword.disk.strict_json import finite
from nextword.engine.distribution_engine import even_pieces
from nextword.engine.text_model import TextModel
from nextword.inference.scoring.lines import LN_10, LineScore, ScoringOptions, score_lines, shown_tokens
from nextword.inference.suggestion.lexicon import lexicon_of, top_k
from nextword.serving.routes.token_spans import Segment, TokenSpan, segment_spans


class WordProbability(BaseModel):
    """A word and its probability."""

    text: str = Field(description="The word, punctuation mark or character.", examples=["obliged"])
    probability: float = Field(description="Its probability, 0 to 1.", examples=[0.2347], ge=0, le=1.000001)


class ScoredToken(BaseModel):
    """A token with its log-probability."""

    position: int = Field(description="Place in the line, from 1.", examples=[1])
    text: str = Field(description="The token, without spaces around it; `<eos>` for the end.", examples=["obliged"])
    start: int = Field(description="Its first character (code point) in the text.", examples=[19])
    end: int = Field(description="The character after its last one.", examples=[26])
    log_prob: float | None = Field(
        description="Natural logarithm of its probability after all tokens before it; null if that is 0. It includes "
        "the spelling of an unknown word, unless `spell` is off.",
        examples=[-1.45],
    )
    log10_prob: float | None = Field(description="The same to base 10.", examples=[-0.63])
    rank: int | None = Field(
        description="Rank among all tokens, 1 for the most probable; null for an unknown word.", examples=[1]
    )
    out_of_vocabulary: bool = Field(description="Whether the vocabulary lacks it.", examples=[False])
    alternatives: list[WordProbability] = Field(description="The most probable words in its place.")


class Figures(BaseModel):
    """The figures of a line, or the totals over lines."""

    log_prob: float | None = Field(
        description="Natural logarithm of the probability; null if that is 0.", examples=[-20.116]
    )
    log10_prob: float | None = Field(description="The same to base 10, as in KenLM.", examples=[-8.737])
    num_tokens: int = Field(description="Number of tokens that count.", examples=[7])
    num_out_of_vocabulary: int = Field(description="How many of them the vocabulary lacks.", examples=[0])
    perplexity: float | None = Field(
        description="Perplexity of each token; null if no token counts, or infinite.", examples=[17.704]
    )


class ScoredLine(Figures):
    """A line with its scores."""

    line: int = Field(description="Number of the line, from 1.", examples=[1])
    text: str = Field(description="The line.", examples=["She was very much obliged."])
    tokens: list[ScoredToken] | None = Field(default=None, description="Its tokens, if they were asked for.")


class _Written(NamedTuple):
    """A scored line with the places of its tokens."""

    score: LineScore
    spans: Sequence[TokenSpan]


def score_segments(
    model: TextModel, segments: Sequence[Segment], options: ScoringOptions, *, alternatives: int, tokens: bool
) -> list[tuple[LineScore, list[ScoredToken]]]:
    """Return the score of each line or paragraph, with its tokens if they are asked for.

    Args:
        model: The model.
        segments: The lines or paragraphs; `places` are the offsets that the answer gives.
        options: How they are scored. With `carry` they are one text.
        alternatives: How many of the most probable words to give for each place.
        tokens: Whether to give the tokens.

    Raises:
        EvaluationError: A log-probability is NaN.
        TextError: The tokenizer refuses a line.
    """
    scores = list(score_lines(model, (segment.text for segment in segments), options))
    if not tokens:
        return [(score, []) for score in scores]
    spans = [segment_spans(model.tokenizer, segment) for segment in segments]
    written = [_Written(score, span[: score.num_tokens]) for score, span in zip(scores, spans, strict=True)]
    words = _alternatives(model, spans, options, alternatives) if alternatives else [[]] * len(scores)
    return [(line.score, _tokens(model, line, top)) for line, top in zip(written, words, strict=True)]


def _tokens(model: TextModel, line: _Written, top: Sequence[list[WordProbability]]) -> list[ScoredToken]:
    score = line.score
    shown = shown_tokens(model.tokenizer, score)
    figures = zip(score.log_probs.tolist(), score.ranks.tolist(), score.out_of_vocabulary.tolist(), strict=True)
    return [
        ScoredToken(
            position=place + 1,
            text=shown[place],
            start=line.spans[place].start,
            end=line.spans[place].end,
            log_prob=finite(log_prob),
            log10_prob=finite(log_prob / LN_10),
            rank=rank or None,
            out_of_vocabulary=missing,
            alternatives=top[place] if top else [],
        )
        for place, (log_prob, rank, missing) in enumerate(figures)
    ]


def _alternatives(
    model: TextModel, spans: Sequence[Sequence[TokenSpan]], options: ScoringOptions, count: int
) -> list[list[list[WordProbability]]]:
    """Return the most probable words at each place of each line; tokens that differ only in spaces are one word."""
    first = model.engine.end_id if options.bos else model.tokenizer.vocabulary.unknown_id
    lines = [np.array([span.token_id for span in line], np.int32) for line in spans]
    if not options.carry:
        return [_top_words(model, line, first, count) for line in lines]
    found = _top_words(model, np.concatenate([*lines, np.zeros(0, np.int32)]), first, count)
    ends = np.cumsum([0, *map(len, lines)]).tolist()
    return [found[start:stop] for start, stop in pairwise(ends)]


def _top_words(model: TextModel, ids: NDArray[np.int32], first: int, count: int) -> list[list[WordProbability]]:
    """Return the most probable words in the place of each token `(N,)`, read as one text after the token `first`."""
    lexicon, display = lexicon_of(model.tokenizer.vocabulary), model.tokenizer.display
    inputs = np.concatenate((np.array([first], np.int32), ids[:-1]))[: len(ids)]
    state = model.engine.start(1)
    found: list[list[WordProbability]] = []
    for piece in even_pieces(len(ids), model.engine.vocabulary_size) if len(ids) else []:
        prediction, state = model.engine.predict_window(inputs[None, piece], state)
        for log_probs in prediction.log_probs[0]:
            probabilities = lexicon.word_probabilities(np.exp(log_probs.astype(np.float64)))
            best = top_k(probabilities, count).tolist()
            words = [(display(int(lexicon.first_tokens[word])), float(probabilities[word])) for word in best]
            found.append([WordProbability(text=text, probability=value) for text, value in words])
    return found
