"""Generation of one text, token by token."""

from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile

from nextword.engine.engine import Engine
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.generation.ending import EndRule, until_stop
from nextword.inference.generation.lockstep import lockstep
from nextword.inference.generation.pieces import after_prompt, may_join, text_pieces, whole_characters
from nextword.inference.generation.request import Request
from nextword.inference.generation.sampled_text import SampledText, random_generator
from nextword.inference.generation.sampling import DEFAULT_SAMPLING, SamplingOptions
from nextword.inference.generation.words import ForbiddenWords
from nextword.settings import require_at_least, require_text
from nextword.text.tokens.tokenizer import Tokenizer


def generate(
    engine: Engine,
    prompt_ids: Sequence[int],
    *,
    num_tokens: int,
    options: SamplingOptions = DEFAULT_SAMPLING,
    forbidden: Collection[int] = (),
    stop_at_end: bool = False,
) -> Iterator[int]:
    """Yield the tokens after a prompt, each as soon as it is sampled.

    The same engine, prompt, options and seed give the same tokens. The first `n` tokens do not depend on `num_tokens`.

    Args:
        engine: Engine of the model.
        prompt_ids: Tokens of the prompt; empty for the beginning of a text.
        num_tokens: Maximum number of tokens.
        options: Sampling options.
        forbidden: Tokens that are never sampled.
        stop_at_end: Whether to stop at `<eos>`, which is not yielded.

    Raises:
        SettingError: `num_tokens` is below 1.
    """
    require_at_least("num_tokens", num_tokens, 1)
    rule = EndRule(num_tokens, engine.end_id if stop_at_end else None)
    text = SampledText(prompt_ids, options, rule, ForbiddenWords(forbidden), random_generator(options))
    return _sampled_ids(engine, prompt_ids, text, rule)


def stream_text(model: TextModel, prompt: str, request: Request) -> Iterator[str]:
    """Yield the text after a prompt while it is sampled, in whole characters and without the stop string.

    The text does not contain `<unk>` unless the sampling options allow it.

    Raises:
        SettingError: The request compares complete texts: a beam, or the best of several.
        TextError: The tokenizer rejects the prompt.
    """
    require_text("prompt", prompt, "use `generate_many` for several prompts")
    if request.is_compared:
        raise SettingError(
            "a streamed text must be a single sample, but the request compares several texts; call `generate_texts`"
        )
    engine, tokenizer = model.engine, model.tokenizer
    prompt_ids = tokenizer.encode_prompt(prompt)
    rule = EndRule(request.max_tokens, engine.end_id if request.stop_at_end else None)
    forbidden = forbidden_words(tokenizer, request)
    text = SampledText(prompt_ids, request.draws, rule, forbidden, random_generator(request.draws))
    pieces = text_pieces(tokenizer, prompt_ids, _sampled_ids(engine, prompt_ids, text, rule))
    shown = until_stop(pieces, request.stop) if request.stop else pieces
    whole = whole_characters(shown) if may_join(tokenizer.vocabulary) else shown
    return after_prompt(tokenizer, prompt, whole)


def forbidden_words(tokenizer: Tokenizer, request: Request) -> ForbiddenWords:
    """Return the forbidden words of a request, including `<unk>` unless it is allowed."""
    unknown = () if request.sampling.allow_unknown else (tokenizer.vocabulary.unknown_id,)
    return ForbiddenWords.of(tokenizer, request.forbid, ids=unknown)


def _sampled_ids(engine: Engine, prompt_ids: Sequence[int], text: SampledText, rule: EndRule) -> Iterator[int]:
    """Yield the tokens of a text while they are sampled, without an `<eos>` at the end."""
    steps = lockstep(engine, [prompt_ids], [text])
    sampled = (text.ids[-1] for _ in steps if text.ids)
    return takewhile(lambda token_id: token_id != rule.end_id, sampled)
