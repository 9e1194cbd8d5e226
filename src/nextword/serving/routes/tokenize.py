"""`/tokenize`, `/detokenize` and `/tokenizer_info`: text to token ids and back."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from nextword.serving.http.schema import ERRORS, FIRST_FAULT, NOT_FOUND, ModelRequest, StrictRoute, example
from nextword.serving.routes.work import Answer, Work, require_at_most, require_tokens
from nextword.serving.served_model import ServedModel
from nextword.text.tokens.encoded_lines import token_spans
from nextword.text.tokens.vocabulary import END, UNKNOWN

router = APIRouter(route_class=StrictRoute, tags=["tokens"], responses=ERRORS | NOT_FOUND)

_MAX_ID = 2**31 - 1
_MAX_IDS = 2**20


class TokenizeRequest(ModelRequest):
    """A text to be cut into tokens."""

    model_config = example(prompt="She was very  much obliged.")

    prompt: str = Field(description="The text. `<eos>` alone is the token that ends a line or paragraph.")
    add_special_tokens: bool = Field(
        default=False, description="Begin with `<eos>`, which the model reads before the first token of every text."
    )


class TokenizeAnswer(Answer):
    """The tokens of a text."""

    tokens: list[int] = Field(description="Ids of the tokens.", examples=[[65, 11, 35, 68, 353, 15]])
    token_texts: list[str] = Field(
        description="Each token as the text has it, with the spaces that belong to it.",
        examples=[["She", "was", "very", "much", "obliged", "."]],
    )
    offsets: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = Field(
        description="Start and end of each token in characters (code points) of the text, without spaces around it.",
        examples=[[[0, 3], [4, 7], [8, 12], [14, 18], [19, 26], [26, 27]]],
    )
    count: int = Field(description="Number of tokens.", examples=[6])
    max_model_len: int = Field(description="Most tokens of a prompt.", examples=[4096])


class DetokenizeRequest(ModelRequest):
    """Token ids to be turned into text."""

    model_config = example(tokens=[65, 11, 35, 68, 353, 15])

    tokens: Annotated[list[Annotated[int, Field(ge=0, le=_MAX_ID)]], FIRST_FAULT] = Field(
        description="The ids.", max_length=_MAX_IDS
    )


class DetokenizeAnswer(Answer):
    """The text of token ids."""

    prompt: str = Field(description="The text.", examples=["She was very much obliged."])


class TokenizerInfo(BaseModel):
    """What a client must know of the tokenizer."""

    tokenizer_class: str = Field(description="Kind of the tokenizer.", examples=["word"])
    line_ends: str = Field(description="What `<eos>` ends: a line or a paragraph.", examples=["paragraph"])
    vocabulary_size: int = Field(description="Number of tokens in the vocabulary.", examples=[9878])
    bos_token: str = Field(description="Read before the first token of every text.", examples=[END])
    eos_token: str = Field(description="Ends a line or a paragraph.", examples=[END])
    eos_token_id: int = Field(description="Its id.", examples=[13])
    unk_token: str = Field(description="Stands for what the vocabulary lacks.", examples=[UNKNOWN])
    unk_token_id: int = Field(description="Its id.", examples=[25])
    pad_token: None = Field(default=None, description="There is none.")
    chat_template: None = Field(default=None, description="There is none; the model continues texts.")
    model_max_length: int = Field(description="Most tokens of a prompt.", examples=[4096])


@router.post("/tokenize", summary="Cut a text into tokens")
async def tokenize(body: TokenizeRequest, work: Work) -> TokenizeAnswer:
    """Return the token ids of a text, and where each token is in it."""

    def answer(served: ServedModel) -> TokenizeAnswer:
        tokenizer, settings = served.model.tokenizer, work.settings
        end_id = tokenizer.vocabulary.end_id
        spans: list[tuple[str, int, tuple[int, int]]] = []
        if body.prompt == END:  # so that `lm_eval` finds the id
            spans = [(END, end_id, (0, len(END)))]
        else:
            require_tokens(settings, tokenizer, "prompt", [body.prompt])
            spans = [(span.text, span.token_id, (span.start, span.end)) for span in token_spans(tokenizer, body.prompt)]
        if body.add_special_tokens:
            spans = [(END, end_id, (0, 0)), *spans]
        return TokenizeAnswer.of(
            served,
            tokens=[token_id for _, token_id, _ in spans],
            token_texts=[text for text, _, _ in spans],
            offsets=[list(offsets) for _, _, offsets in spans],
            count=len(spans),
            max_model_len=settings.max_prompt_tokens,
        )

    return await work.run(answer, model=body.model)


@router.post("/detokenize", summary="Turn token ids into text")
async def detokenize(body: DetokenizeRequest, work: Work) -> DetokenizeAnswer:
    """Return the text of token ids."""
    require_at_most(work.settings, "max_prompt_tokens", "tokens", len(body.tokens))
    return await work.run(
        lambda served: DetokenizeAnswer.of(served, prompt=served.model.tokenizer.decode(body.tokens)),
        model=body.model,
    )


@router.get("/tokenizer_info", summary="Describe the tokenizer")
async def tokenizer_info(work: Work) -> TokenizerInfo:
    """Return what a client must know of the tokenizer; `lm_eval` asks for it."""

    def answer(served: ServedModel) -> TokenizerInfo:
        tokenizer = served.model.tokenizer
        return TokenizerInfo(
            tokenizer_class=tokenizer.kind,
            line_ends=tokenizer.line_ends,
            vocabulary_size=tokenizer.vocabulary_size,
            bos_token=END,
            eos_token=END,
            eos_token_id=tokenizer.vocabulary.end_id,
            unk_token=UNKNOWN,
            unk_token_id=tokenizer.vocabulary.unknown_id,
            model_max_length=work.settings.max_prompt_tokens,
        )

    return await work.run(answer)
