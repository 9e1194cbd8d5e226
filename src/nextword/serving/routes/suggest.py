"""`/v1/suggest`: the next word, or the rest of the word being typed."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from nextword.inference.suggestion.session import complete
from nextword.inference.suggestion.suggestion import suggest
from nextword.serving.http.schema import ERRORS, NOT_FOUND, ModelRequest, StrictRoute, example
from nextword.serving.routes.work import Answer, WordProbability, Work, require_at_most, require_tokens
from nextword.serving.served_model import ServedModel
from nextword.serving.settings import ServingSettings

router = APIRouter(route_class=StrictRoute, tags=["suggestions"], responses=ERRORS)


class SuggestRequest(ModelRequest):
    """A text to be continued by a word."""

    model_config = example(text="I am very much", k=3)

    text: str = Field(description="The text so far.")
    k: Annotated[int, Field(ge=1, le=10_000)] = Field(default=5, description="Number of suggestions.")
    complete: bool = Field(
        default=False,
        description="Complete the last word of the text; after a space, suggest the next. If not, the last word counts "
        "as complete.",
    )


class SuggestAnswer(Answer):
    """Suggestions, the most probable first."""

    suggestions: list[WordProbability] = Field(description="The words, the most probable first.")


@router.post("/v1/suggest", summary="Suggest words", responses=NOT_FOUND)
async def suggest_next_words(body: SuggestRequest, work: Work) -> SuggestAnswer:
    """Suggest the next word or the rest of the word being typed, as `nextword suggest` does.

    Send the whole text after each key; only what is new is read. With `complete`, words outside the vocabulary are
    suggested after the text has them once.
    """
    require_at_most(work.settings, "max_suggestions", "k", body.k)
    return await work.run(lambda served: _answer(served, body, work.settings), model=body.model)


def _answer(served: ServedModel, body: SuggestRequest, settings: ServingSettings) -> SuggestAnswer:
    require_tokens(settings, served.model.tokenizer, "text", [body.text])
    suggested = (complete if body.complete else suggest)(served.model, body.text, body.k)
    words = [WordProbability(text=word.text, probability=word.probability) for word in suggested]
    return SuggestAnswer.of(served, suggestions=words)
