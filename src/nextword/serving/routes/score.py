"""`/v1/score`: the log-probability of a text or of lines, token by token."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, model_validator

from nextword.inference.scoring.lines import LineScore, ScoringOptions
from nextword.inference.scoring.score_summary import ScoreSummary
from nextword.serving.http.body import FIRST_FAULT, ModelRequest, StrictRoute
from nextword.serving.http.openapi import ERRORS, NOT_FOUND, example
from nextword.serving.routes.limits import require_at_most, require_tokens
from nextword.serving.routes.scored_text import Figures, ScoredLine, ScoredToken, score_segments
from nextword.serving.routes.token_spans import Segment, line_segment, text_segments
from nextword.serving.routes.work import Answer, Work, origin_of
from nextword.serving.served_model import ServedModel
from nextword.serving.settings import ServingSettings
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
    segments = _segments(served.model.tokenizer, body, settings)
    scored = score_segments(
        served.model, segments, body.options, alternatives=body.alternatives, tokens=body.with_tokens
    )
    totals = ScoreSummary()
    for line, _ in scored:
        totals.add(line)
    tokens, lines = None, None
    if body.lines is not None:
        lines = [_line(line, tokens if body.with_tokens else None) for line, tokens in scored]
    elif body.with_tokens:
        tokens = [token for _, tokens in scored for token in tokens]
    return ScoreAnswer(**origin_of(served), **totals.to_table(), tokens=tokens, lines=lines)


def _segments(tokenizer: Tokenizer, body: ScoreRequest, settings: ServingSettings) -> list[Segment]:
    # Each alternative of each token is part of the answer, so a request for them may have fewer tokens.
    bound = "max_prompt_tokens" if body.alternatives else "max_scored_tokens"
    param, texts = ("lines", body.lines) if body.text is None else ("text", [body.text])
    require_tokens(settings, tokenizer, param, texts or [], bound)
    return (
        text_segments(tokenizer, body.text) if body.text is not None else [line_segment(line) for line in texts or []]
    )


def _line(line: LineScore, tokens: list[ScoredToken] | None) -> ScoredLine:
    return ScoredLine(**line.to_table(), tokens=tokens)
