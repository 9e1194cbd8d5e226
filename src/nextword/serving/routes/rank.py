"""`/v1/rank`: which word fits into the gap?"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from nextword.inference.scoring.gaps import GAP, proposals, rank
from nextword.inference.scoring.lines import ScoringOptions
from nextword.serving.http.body import FIRST_FAULT, ModelRequest, StrictRoute
from nextword.serving.http.openapi import ERRORS, NOT_FOUND, example
from nextword.serving.routes.work import Answer, Work, require_at_most, require_tokens
from nextword.serving.served_model import ServedModel
from nextword.serving.settings import ServingSettings

router = APIRouter(route_class=StrictRoute, tags=["scores"], responses=ERRORS | NOT_FOUND)

_PROPOSALS = 200
_SHOWN = 10


class RankRequest(ModelRequest):
    """A text with a gap, and what may fill it."""

    model_config = example(text="She was very much ___ to him.", candidates=["obliged", "table", "attached"])

    text: str = Field(description="One line with the mark of the gap once in it. The words after the gap count too.")
    candidates: Annotated[list[str], Field(min_length=1), FIRST_FAULT] | None = Field(
        default=None, description="Words or phrases for the gap; duplicates count once. Left out: the model proposes."
    )
    gap: Annotated[str, Field(min_length=1, max_length=64)] = Field(default=GAP, description="The mark of the gap.")
    k: Annotated[int, Field(ge=1, le=2**16)] | None = Field(
        default=None, description="How many to return. Left out: all candidates, or ten proposals."
    )
    proposals: Annotated[int, Field(ge=1, le=2**16)] | None = Field(
        default=None, description="How many words the model proposes without `candidates`. Left out: 200."
    )
    bos: bool = Field(default=True, description="Whether the line begins a text. If not, the word before is unknown.")
    eos: bool = Field(default=True, description="Whether the end of the line counts as a token, `<eos>`.")
    spell: bool = Field(
        default=True, description="Whether an unknown word is charged for its spelling too; if not, all cost the same."
    )

    @model_validator(mode="after")
    def _check_proposals(self) -> "RankRequest":
        if self.candidates is not None and self.proposals is not None:
            raise ValueError("`proposals` does not go with `candidates`; leave it out")
        return self


class Candidate(BaseModel):
    """A candidate for the gap."""

    candidate: str = Field(description="The candidate.", examples=["obliged"])
    text: str = Field(description="The text with it in the gap.", examples=["She was very much obliged to him."])
    probability: float = Field(description="Its probability among all candidates.", examples=[0.6588])
    log_prob: float | None = Field(description="Natural logarithm of the text's probability.", examples=[-19.8])
    num_tokens: int = Field(description="Number of tokens of the text.", examples=[9])
    num_out_of_vocabulary: int = Field(description="How many of them the vocabulary lacks.", examples=[0])


class RankAnswer(Answer):
    """The candidates, the most probable first."""

    text: str = Field(description="The text with the gap.", examples=["She was very much ___ to him."])
    candidates: list[Candidate] = Field(description="The candidates, the most probable first; ties keep their order.")


@router.post("/v1/rank", summary="Fill a gap")
async def rank_candidates(body: RankRequest, work: Work) -> RankAnswer:
    """Rank words or phrases for the gap in a text by the probability of the whole text, as `nextword rank` does."""
    settings = work.settings
    require_at_most(settings, "max_lines", "candidates", len(body.candidates or ()))
    require_at_most(settings, "max_lines", "proposals", body.proposals or 1)
    return await work.run(lambda served: _answer(served, body, settings), model=body.model)


def _answer(served: ServedModel, body: RankRequest, settings: ServingSettings) -> RankAnswer:
    model, named, count = served.model, body.candidates, body.k
    length = require_tokens(settings, model.tokenizer, "text", [body.text])
    if named is None:
        most = max(1, settings.max_scored_tokens // (length + 2))
        number = body.proposals or min(_PROPOSALS, settings.max_lines, most)
        named = proposals(model, body.text, gap=body.gap, count=number)
        count = count or _SHOWN
    field = "candidates" if body.candidates else "proposals"
    added = require_tokens(settings, model.tokenizer, field, named, "max_scored_tokens")
    num_scored = length * len(named) + added
    require_at_most(settings, "max_scored_tokens", field, num_scored, "tokens, each with the text around it")
    options = ScoringOptions(bos=body.bos, eos=body.eos, spell=body.spell)
    ranked = rank(model, body.text, named, gap=body.gap, options=options)[:count]
    return RankAnswer.of(served, text=body.text, candidates=[Candidate(**candidate.to_table()) for candidate in ranked])
