"""`/v1/suggest`: the next word or the rest of the word being typed, alone or in a session that learns words."""

import hashlib
from typing import Annotated, Literal, NamedTuple, cast

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field, model_validator

from nextword.engine.mixture.kneser_ney import KneserNeyModel, NgramModelEngine
from nextword.engine.text_model import TextModel
from nextword.errors import NextwordError
from nextword.inference.suggestion.session import complete, with_space
from nextword.inference.suggestion.suggestion import Suggestion, suggest
from nextword.serving.http.body import FIRST_FAULT, ModelRequest, StrictRoute
from nextword.serving.http.openapi import ERRORS, NOT_FOUND, example
from nextword.serving.routes.sessions import Sessions, TypingSession
from nextword.serving.routes.work import Answer, ModelWork, WordProbability, Work, require_at_most, require_tokens
from nextword.serving.served_model import ServedModel

BigramSource = Literal["text", "model"]
"""Counts of the training text, or the network itself after only the last word."""

_ORDER = 2
_MAX_CHARACTERS = 256

_MAX_TOKENS = 5_000_000
"""Tokens of the training text that are counted, about a second each million."""


class Bigrams(NamedTuple):
    """A model of the bigrams of the training text, or else the network, which then sees only the last word."""

    model: TextModel
    source: BigramSource

    def suggest(self, text: str, k: int) -> list[Suggestion]:
        """Return the `k` most probable words after the last word of a text, most probable first."""
        return suggest(self.model, _ending(text) if self.source == "text" else _last_word(text), k)


def bigrams_of(served: ServedModel) -> Bigrams:
    """Return the bigrams of a model. It reads the training text, which takes seconds; see `ServedModel.once`."""
    model = served.model
    try:
        ids = served.text.load("train", model.tokenizer).ids[:_MAX_TOKENS]
    except (NextwordError, OSError):
        return Bigrams(model, "model")
    size, end_id = model.engine.vocabulary_size, model.engine.end_id
    counted = KneserNeyModel.fit(ids, _ORDER, vocabulary_size=size, end_id=end_id)
    return Bigrams(model.with_engine(NgramModelEngine(counted, end_id=end_id)), "text")


def _ending(text: str) -> str:
    """Return the end of a text from the beginning of a word; what is before it does not count for bigrams."""
    if len(text) <= _MAX_CHARACTERS:
        return text
    ending = text[-_MAX_CHARACTERS:]
    return ending[ending.find(" ") + 1 :]


def _last_word(text: str) -> str:
    """Return the last word; empty at the beginning of a line."""
    words = text.rstrip(" \t")
    return "" if not words or words[-1].isspace() else words.split()[-1][-_MAX_CHARACTERS:]


router = APIRouter(route_class=StrictRoute, tags=["suggestions"], responses=ERRORS)

NEW = "new"
"""The value of `session` that begins a session."""

_Word = Annotated[str, Field(min_length=1, max_length=64)]
_Words = Annotated[list[_Word], Field(max_length=1000), FIRST_FAULT]
SessionName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{3,64}$", examples=["dJ0uK1mNnqT2vXyZ3aBcDeFg"])]


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
    bigram: bool = Field(
        default=False, description="Suggest by a model that sees only the last word, for comparison; not in a session."
    )
    session: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{3,64}$")] | None = Field(
        default=None, description='Id of a session, which learns the words that are typed in it; "new" begins one.'
    )
    finish: bool = Field(
        default=False, description="End the text of the session after this request, and learn its words for good."
    )
    learn: _Words = Field(default_factory=list, description="Words that the session learns.")
    forget: _Words = Field(
        default_factory=list, description="Words that the session must not suggest any more, in the vocabulary or not."
    )

    @model_validator(mode="after")
    def _check_session(self) -> "SuggestRequest":
        if self.session is None and (self.finish or self.learn or self.forget):
            raise ValueError('`finish`, `learn` and `forget` need a `session`; begin one with "session": "new"')
        if self.bigram and (self.session is not None or self.complete):
            raise ValueError("`bigram` goes with neither `session` nor `complete`; leave them out")
        return self


class SuggestAnswer(Answer):
    """Suggestions, the most probable first."""

    suggestions: list[WordProbability] = Field(description="The words, the most probable first.")
    session: str | None = Field(default=None, description="Id of the session.", examples=["dJ0uK1mNnqT2vXyZ3aBcDeFg"])
    learned: list[str] | None = Field(
        default=None, description="Words that the session has learned, the last used one last.", examples=[["Tolu"]]
    )
    bigram_source: BigramSource | None = Field(
        default=None, description="What bigram suggestions come from: counts of the training text, or the model itself."
    )


class LearnedWord(BaseModel):
    """A word that a session has learned."""

    word: str = Field(description="The word.", examples=["Tolu"])
    count: int = Field(description="How often it was used.", examples=[2])


class SessionAnswer(BaseModel):
    """A session."""

    session: str = Field(description="Its id.", examples=["dJ0uK1mNnqT2vXyZ3aBcDeFg"])
    words: list[LearnedWord] = Field(description="Words that it has learned, the last used one last.")
    forgotten: list[str] = Field(description="Words that it never suggests.", examples=[["damn"]])
    seconds_left: float = Field(description="Seconds until it ends if it is not used.", examples=[900.0])


async def owner_of(request: Request) -> str:
    """Return who sends a request: a digest of its API key, the same for all requests without one."""
    key = request.headers.get("authorization", "").partition(" ")[2].strip()  # as `Access.require_key` reads it
    return hashlib.sha256(key.encode("utf-8")).hexdigest()


async def sessions_of(request: Request) -> Sessions:
    """Return the sessions of the service."""
    return cast("Sessions", request.app.state.sessions)


Owner = Annotated[str, Depends(owner_of)]
AllSessions = Annotated[Sessions, Depends(sessions_of)]


@router.post("/v1/suggest", summary="Suggest words", responses=NOT_FOUND)
async def suggest_next_words(body: SuggestRequest, work: Work, owner: Owner, sessions: AllSessions) -> SuggestAnswer:
    """Suggest the next word or the rest of the word being typed, as `nextword suggest` does.

    In a session, words that are not in the vocabulary are learned as they are typed. Requests to one session are
    answered one after the other. A session ends if it is not used for a while.
    """
    require_at_most(work.settings, "max_suggestions", "k", body.k)
    if body.session is not None:
        return await _answer_in_session(body, work, owner, sessions)
    if body.bigram:
        return await _answer_by_bigrams(body, work)
    return await work.run(lambda served: _alone(served, body, work), model=body.model)


async def _answer_by_bigrams(body: SuggestRequest, work: ModelWork) -> SuggestAnswer:
    model = work.model(body.model)
    bigrams = await work.once(model, bigrams_of)

    def answer(served: ServedModel) -> SuggestAnswer:
        require_tokens(work.settings, served.model.tokenizer, "text", [body.text])
        words = _words(bigrams.suggest(body.text, body.k))
        return SuggestAnswer.of(served, suggestions=words, bigram_source=bigrams.source)

    return await work.run(answer, model=model)


async def _answer_in_session(body: SuggestRequest, work: ModelWork, owner: str, sessions: Sessions) -> SuggestAnswer:
    is_new = body.session == NEW
    session = sessions.begin(owner) if is_new else sessions.find(body.session or "", owner)
    async with session.turn():
        answer = await work.run(lambda served: _in_session(served, body, session, work), model=body.model)
    if is_new:  # only now, since it may end the session of another client
        sessions.keep(session)
    return answer


@router.get("/v1/sessions/{session}", summary="List the words of a session", responses=NOT_FOUND)
async def read_session(session: SessionName, owner: Owner, sessions: AllSessions) -> SessionAnswer:
    """Return the words that a session has learned."""
    typing = sessions.find(session, owner)
    async with typing.turn():
        words = typing.learned()
    learned = [LearnedWord(word=word, count=words.count_of(word)) for word in words]
    left = sessions.seconds_left(typing)
    return SessionAnswer(session=typing.name, words=learned, forgotten=words.forgotten, seconds_left=left)


@router.delete("/v1/sessions/{session}", summary="End a session", status_code=204, responses=NOT_FOUND)
async def end_session(session: SessionName, owner: Owner, sessions: AllSessions) -> Response:
    """End a session and forget its words."""
    sessions.end(session, owner)
    return Response(status_code=204)


def _alone(served: ServedModel, body: SuggestRequest, work: ModelWork) -> SuggestAnswer:
    require_tokens(work.settings, served.model.tokenizer, "text", [body.text])
    if body.complete:
        return SuggestAnswer.of(served, suggestions=_words(complete(served.model, body.text, body.k)))
    return SuggestAnswer.of(served, suggestions=_words(suggest(served.model, body.text, body.k)))


def _in_session(served: ServedModel, body: SuggestRequest, typing: TypingSession, work: ModelWork) -> SuggestAnswer:
    tokenizer = served.model.tokenizer
    require_tokens(work.settings, tokenizer, "text", [body.text])
    session = typing.open(served)
    session.change_words(learn=body.learn, forget=body.forget)
    session.replace(body.text if body.complete else with_space(body.text, tokenizer))
    suggestions = session.suggestions(body.k)
    if body.finish:
        session.finish()
    learned = list(session.user_words)
    return SuggestAnswer.of(served, suggestions=_words(suggestions), session=typing.name, learned=learned)


def _words(suggestions: list[Suggestion]) -> list[WordProbability]:
    return [WordProbability(text=word.text, probability=word.probability) for word in suggestions]
