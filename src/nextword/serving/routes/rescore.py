"""`/v1/rescore`: which of a recognizer's hypotheses was said?"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from nextword.inference.rescoring.nbest import Hypothesis, NbestList
from nextword.inference.rescoring.rescorer import ScoredList, score_lists
from nextword.inference.rescoring.weights import DEFAULT_WEIGHTS, RescoringWeights
from nextword.serving.http.body import FIRST_FAULT, ModelRequest, RequestBody, StrictRoute
from nextword.serving.http.openapi import ERRORS, NOT_FOUND, example
from nextword.serving.routes.work import Answer, Work, require_at_most, require_tokens
from nextword.serving.served_model import ServedModel
from nextword.serving.settings import ServingSettings

router = APIRouter(route_class=StrictRoute, tags=["scores"], responses=ERRORS | NOT_FOUND)

_MAX = 1e9
"""Largest score; a weight has the same bound, so a total is always finite."""

_Number = Annotated[float, Field(ge=-_MAX, le=_MAX)]
_Line = Annotated[str, Field(pattern=r"^[^\n\r\x00]*$")]


class GivenHypothesis(RequestBody):
    """A hypothesis of a recognizer."""

    text: _Line = Field(description="Its words, in one line.")
    scores: Annotated[list[_Number], Field(max_length=64), FIRST_FAULT] = Field(
        default_factory=list, description="Its first-pass scores; higher is better."
    )


class GivenList(RequestBody):
    """The hypotheses of an utterance, the recognizer's choice first."""

    utterance: _Line = Field(default="", description="Id of the utterance, which the answer repeats.")
    hypotheses: Annotated[list[GivenHypothesis], Field(min_length=1), FIRST_FAULT] = Field(
        description="The hypotheses."
    )

    @model_validator(mode="after")
    def _check_scores(self) -> "GivenList":
        if len({len(hypothesis.scores) for hypothesis in self.hypotheses}) > 1:
            raise ValueError("all hypotheses must have the same number of scores; add what is missing")
        return self


class GivenWeights(RequestBody):
    """The weights of the scores."""

    model_weight: _Number = Field(
        default=DEFAULT_WEIGHTS.model_weight, description="Weight of the model's log-probability."
    )
    length_weight: _Number = Field(default=0.0, description="Amount added for each word of a hypothesis.")
    first_pass_weights: Annotated[list[_Number], Field(max_length=64), FIRST_FAULT] = Field(
        default_factory=list, description="Weight of each first-pass score, in their order. Left out: 1 each."
    )


class RescoreRequest(ModelRequest):
    """N-best lists to be rescored."""

    model_config = example(
        lists=[
            {
                "utterance": "u1",
                "hypotheses": [
                    {"text": "she was very much table", "scores": [-41.0]},
                    {"text": "she was very much obliged", "scores": [-42.5]},
                ],
            }
        ],
        weights={"model_weight": 0.5},
    )

    lists: Annotated[list[GivenList], Field(min_length=1), FIRST_FAULT] = Field(description="A list per utterance.")
    weights: GivenWeights = Field(
        default=GivenWeights(), description="The weights. They differ between recognizers: tune them."
    )

    @model_validator(mode="after")
    def _check_lists(self) -> "RescoreRequest":
        counts = {len(nbest.hypotheses[0].scores) for nbest in self.lists}
        if len(counts) > 1:
            raise ValueError("all lists must have the same number of scores; add what is missing")
        num_weights = len(self.weights.first_pass_weights)
        if num_weights and num_weights not in counts:
            raise ValueError(
                f"`first_pass_weights` must have one weight for each of {counts.pop()} scores, not {num_weights}"
            )
        return self


class RescoredHypothesis(BaseModel):
    """A hypothesis with its total."""

    text: str = Field(description="Its words.", examples=["she was very much obliged"])
    scores: list[float] = Field(description="Its first-pass scores.", examples=[[-42.5]])
    log_prob: float = Field(description="Natural logarithm of its probability as a line.", examples=[-20.1])
    total: float = Field(description="The weighted sum.", examples=[-52.6])
    rank: int = Field(description="Its rank, 1 for the best.", examples=[1])


class RescoredList(BaseModel):
    """The hypotheses of an utterance, the best first."""

    utterance: str = Field(description="Id of the utterance.", examples=["u1"])
    hypotheses: list[RescoredHypothesis] = Field(description="The best first; ties keep their order.")


class RescoreAnswer(Answer):
    """Rescored lists, in the order of the request."""

    lists: list[RescoredList] = Field(description="A list per utterance.")


@router.post("/v1/rescore", summary="Rescore n-best lists")
async def rescore(body: RescoreRequest, work: Work) -> RescoreAnswer:
    """Reorder the hypotheses of a recognizer by the weighted sum of their scores, as `nextword rescore` does.

    The sum has the model's log-probability, the number of words, and the first-pass scores.
    """
    settings = work.settings
    require_at_most(settings, "max_lines", "lists", sum(len(nbest.hypotheses) for nbest in body.lists))
    return await work.run(lambda served: _answer(served, body, settings), model=body.model)


def _answer(served: ServedModel, body: RescoreRequest, settings: ServingSettings) -> RescoreAnswer:
    texts = (hypothesis.text for nbest in body.lists for hypothesis in nbest.hypotheses)
    require_tokens(settings, served.model.tokenizer, "lists", texts, "max_scored_tokens")
    names = [f"score{number}" for number in range(1, len(body.lists[0].hypotheses[0].scores) + 1)]
    weights = RescoringWeights.from_table(body.weights.model_dump()).for_scores(names)
    lists = [
        NbestList(nbest.utterance, [Hypothesis(one.text, tuple(one.scores), {}) for one in nbest.hypotheses])
        for nbest in body.lists
    ]
    return RescoreAnswer.of(served, lists=[_rescored(scored, weights) for scored in score_lists(served.model, lists)])


def _rescored(scored: ScoredList, weights: RescoringWeights) -> RescoredList:
    hypotheses = [
        RescoredHypothesis(
            text=scored.nbest.hypotheses[index].text,
            scores=list(scored.nbest.hypotheses[index].first_pass),
            log_prob=float(scored.log_probs[index]),
            total=total,
            rank=rank,
        )
        for rank, (index, total) in enumerate(weights.ranking(scored.features()), start=1)
    ]
    return RescoredList(utterance=scored.nbest.utterance, hypotheses=hypotheses)
