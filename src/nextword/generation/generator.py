"""Text that goes on from a prompt, token by token."""

from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile

from nextword.engine.engine import Engine
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.generation.ending import EndRule, until_stop
from nextword.generation.lockstep import lockstep
from nextword.generation.pieces import after_prompt, may_join, text_pieces, whole_characters
from nextword.generation.request import Request
from nextword.generation.sampled_text import SampledText, random_of
from nextword.generation.sampling import DEFAULT_SAMPLING, SamplingOptions
from nextword.generation.words import ForbiddenWords
from nextword.settings import require_at_least
from nextword.text.tokenizer import Tokenizer


def generate(
    engine: Engine,
    prompt_ids: Sequence[int],
    *,
    num_tokens: int,
    options: SamplingOptions = DEFAULT_SAMPLING,
    forbidden: Collection[int] = (),
    stop_at_end: bool = False,
) -> Iterator[int]:
    """Yield tokens that follow a prompt, each as soon as it is drawn.

    The same engine, prompt, options and seed give the same tokens. The first `n` of more tokens are those of `n`.

    Args:
        engine: The model at work.
        prompt_ids: What has been said; empty for the beginning of a text.
        num_tokens: How many tokens to yield at most.
        options: How they are drawn.
        forbidden: Tokens that are never drawn.
        stop_at_end: Whether to stop where `<eos>` is drawn, which is then not given.

    Raises:
        SettingError: `num_tokens` is below 1.
    """
    require_at_least("num_tokens", num_tokens, 1)
    rule = EndRule(num_tokens, engine.end_id if stop_at_end else None)
    text = SampledText(prompt_ids, options, rule, ForbiddenWords(forbidden), random_of(options))
    return _as_drawn(engine, prompt_ids, text, rule)


def stream_text(model: TextModel, prompt: str, request: Request) -> Iterator[str]:
    """Yield the text that follows a prompt as it is drawn, by whole characters, never a part of a stop string.

    `<unk>` is not in it unless the sampling options allow it.

    Raises:
        SettingError: The text can only be known when it is complete: the best of several, or of a beam.
        TextError: The prompt is refused by the tokenizer.
    """
    if request.is_compared:
        raise SettingError("the best of several texts is known when all are complete; call `generate_texts` for it")
    engine, tokenizer = model.engine, model.tokenizer
    prompt_ids = tokenizer.encode_prompt(prompt)
    rule = EndRule(request.num_tokens, engine.end_id if request.stop_at_end else None)
    forbidden = forbidden_words(tokenizer, request)
    text = SampledText(prompt_ids, request.draws, rule, forbidden, random_of(request.draws))
    pieces = text_pieces(tokenizer, prompt_ids, _as_drawn(engine, prompt_ids, text, rule))
    shown = until_stop(pieces, request.stop) if request.stop else pieces
    whole = whole_characters(shown) if may_join(tokenizer.vocabulary) else shown
    return after_prompt(tokenizer, prompt, whole)


def forbidden_words(tokenizer: Tokenizer, request: Request) -> ForbiddenWords:
    """Return what a request forbids, `<unk>` too unless it is allowed."""
    unknown = () if request.sampling.allow_unknown else (tokenizer.vocabulary.unknown_id,)
    return ForbiddenWords.of(tokenizer, request.forbid, ids=unknown)


def _as_drawn(engine: Engine, prompt_ids: Sequence[int], text: SampledText, rule: EndRule) -> Iterator[int]:
    """Yield the tokens of a text as they are drawn, without an `<eos>` that ends it."""
    steps = lockstep(engine, [prompt_ids], [text])
    drawn = (text.ids[-1] for _ in steps if text.ids)
    return takewhile(lambda token_id: token_id != rule.end_id, drawn)
