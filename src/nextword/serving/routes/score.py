"""`/v1/score`: the log-probability of a text or of lines, token by token."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from nextword.engine.distribution_engine import even_pieces
from nextword.engine.text_model import TextModel
from nextword.inference.highest import highest_positive
from nextword.inference.scoring.line_score import LN_10, LineScore, ScoreSummary, shown_tokens
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.suggestion.lexicon import lexicon_of
from nextword.serving.http.schema import ERRORS, FIRST_FAULT, NOT_FOUND, ModelRequest, StrictRoute, example
from nextword.serving.routes.work import Answer, WordProbability, Work, require_at_most, require_tokens
from nextword.serving.served_model import ServedModel
from nextword.serving.settings import ServingSettings
from nextword.system.strict_json import finite
from nextword.text.tokens.encoded_lines import Segment, TokenSpan, line_segment, segment_spans, text_segments
from nextword.text.tokens.tokenizer import Tokenizer

router = APIRouter(route_class=StrictRoute, tags=["scores"], responses=ERRORS | NOT_FOUND)


class ScoreRequest(ModelRequest):
    """A text or lines to be scored."""

    model_config = example(lines=["She was very much obliged.", "She was very much table."])

    text: str | None = Field(
        default=None, description="A text, read as one from its first word to its last; or give `lines`."
    )
    lines: Annotated[list[str], FIRST_FAULT] | None = Field(
        default=None, description="Lines, each a text of its own; a paragraph each for a model of paragraphs."
    )
    bos: bool = Field(default=True, description="Whether a text begins here. If not, the word before is unknown.")
    eos: bool = Field(default=True, description="Whether the end of a line counts as a token, `<eos>`.")
    carry: bool = Field(default=False, description="Whether all lines are one text, each after those before it.")
    spell: bool = Field(
        default=True, description="Whether an unknown word is charged for its spelling too; if not, all cost the same."
    )
    tokens: bool | None = Field(
        default=None, description="Whether to give each token. Left out: for a text, and if alternatives are asked for."
    )
    alternatives: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0, description="How many of the most probable words to give in place of each token."
    )

    @model_validator(mode="after")
    def _check_either(self) -> "ScoreRequest":
        if (self.text is None) == (self.lines is None):
            raise ValueError("give either `text` or `lines`")
        return self

    @property
    def with_tokens(self) -> bool:
        """Whether to give each token."""
        return (self.text is not None or self.alternatives > 0) if self.tokens is None else self.tokens

    @property
    def options(self) -> ScoringOptions:
        """How the lines are scored; a text is one text, whatever the number of its lines."""
        return ScoringOptions(bos=self.bos, eos=self.eos, spell=self.spell, carry=self.carry or self.text is not None)


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


class ScoreAnswer(Answer, Figures):
    """The scores of a text or of lines, with the totals of all."""

    num_lines: int = Field(description="Number of lines, or of paragraphs for a model of paragraphs.", examples=[1])
    perplexity_without_out_of_vocabulary: float | None = Field(
        description="Perplexity of the tokens in the vocabulary.", examples=[17.704]
    )
    tokens: list[ScoredToken] | None = Field(
        default=None, description="The tokens of `text`; places are those in the whole text."
    )
    lines: list[ScoredLine] | None = Field(
        default=None, description="The scores of `lines`; places are those in the line."
    )


@router.post("/v1/score", summary="Score a text or lines")
async def score(body: ScoreRequest, work: Work) -> ScoreAnswer:
    """Return the log-probability of a text or of lines, as `nextword score` does.

    A `text` may have several lines: it is read as one text, as `nextword evaluate` reads a split. Each of the `lines`
    is a text of its own, unless `carry` is set. Offsets count characters (code points).
    """
    settings = work.settings
    require_at_most(settings, "max_logprobs", "alternatives", body.alternatives)
    if body.lines is not None:
        require_at_most(settings, "max_lines", "lines", len(body.lines))
    return await work.run(lambda served: _answer(served, body, settings), model=body.model)


def _answer(served: ServedModel, body: ScoreRequest, settings: ServingSettings) -> ScoreAnswer:
    model = served.model
    segments = _segments(model.tokenizer, body, settings)
    texts = (segment.text for segment in segments)
    scores = list(score_lines(model, texts, body.options, ranks=body.with_tokens))
    totals = ScoreSummary()
    for score in scores:
        totals.add(score)
    answer = ScoreAnswer.of(served, **totals.to_table())
    tokens = _tokens_of_lines(model, body, segments, scores) if body.with_tokens else [None] * len(scores)
    if body.lines is not None:
        answer.lines = [ScoredLine(**line.to_table(), tokens=its) for line, its in zip(scores, tokens, strict=True)]
    elif body.with_tokens:
        answer.tokens = [token for line in tokens for token in line or ()]
    return answer


def _segments(tokenizer: Tokenizer, body: ScoreRequest, settings: ServingSettings) -> list[Segment]:
    # Each alternative of each token is part of the answer, so a request for them may have fewer tokens.
    bound = "max_prompt_tokens" if body.alternatives else "max_scored_tokens"
    if body.text is not None:
        require_tokens(settings, tokenizer, "text", [body.text], bound)
        return text_segments(tokenizer, body.text)
    lines = body.lines or []
    require_tokens(settings, tokenizer, "lines", lines, bound)
    return [line_segment(line) for line in lines]


def _tokens_of_lines(
    model: TextModel, body: ScoreRequest, segments: Sequence[Segment], scores: Sequence[LineScore]
) -> list[list[ScoredToken]]:
    """Return the tokens of each line or paragraph, with the most probable words in the place of each."""
    spans = [segment_spans(model.tokenizer, segment) for segment in segments]
    words = _alternatives(model, spans, body) if body.alternatives else [[]] * len(scores)
    return [_tokens(model, *line) for line in zip(scores, spans, words, strict=True)]


def _tokens(
    model: TextModel, score: LineScore, spans: Sequence[TokenSpan], alternatives: Sequence[list[WordProbability]]
) -> list[ScoredToken]:
    shown = shown_tokens(model.tokenizer, score)
    values = zip(score.log_probs.tolist(), score.ranks.tolist(), score.out_of_vocabulary.tolist(), strict=True)
    return [
        ScoredToken(
            position=index + 1,
            text=shown[index],
            start=spans[index].start,
            end=spans[index].end,
            log_prob=finite(log_prob),
            log10_prob=finite(log_prob / LN_10),
            rank=rank or None,
            out_of_vocabulary=is_missing,
            alternatives=alternatives[index] if alternatives else [],
        )
        for index, (log_prob, rank, is_missing) in enumerate(values)
    ]


def _alternatives(
    model: TextModel, spans: Sequence[Sequence[TokenSpan]], body: ScoreRequest
) -> list[list[list[WordProbability]]]:
    """Return the most probable words in the place of each token. Tokens that differ only in spaces are one word."""
    first = model.engine.end_id if body.bos else model.tokenizer.vocabulary.unknown_id
    lines = [np.array([span.token_id for span in line], np.int32) for line in spans]
    if not body.options.carry:
        return [_top_words(model, line, first, body.alternatives) for line in lines]
    words = _top_words(model, np.concatenate([*lines, np.zeros(0, np.int32)]), first, body.alternatives)
    ends = np.cumsum([0, *map(len, lines)]).tolist()
    return [words[start:stop] for start, stop in pairwise(ends)]


def _top_words(model: TextModel, ids: NDArray[np.int32], first: int, count: int) -> list[list[WordProbability]]:
    """Return the most probable words in the place of each token `(N,)`, read as one text after the token `first`."""
    lexicon, display = lexicon_of(model.tokenizer.vocabulary), model.tokenizer.display
    inputs = np.concatenate((np.array([first], np.int32), ids[:-1]))[: len(ids)]
    state = model.engine.start(1)
    tops: list[list[WordProbability]] = []
    for piece in even_pieces(len(ids), model.engine.vocabulary_size) if len(ids) else []:
        prediction, state = model.engine.predict_window(inputs[None, piece], state)
        for log_probs in prediction.log_probs[0]:
            probabilities = lexicon.word_probabilities(np.exp(log_probs.astype(np.float64)))
            best = highest_positive(probabilities, count).tolist()
            words = [(display(int(lexicon.first_tokens[word])), float(probabilities[word])) for word in best]
            tops.append([WordProbability(text=text, probability=value) for text, value in words])
    return tops
