"""Text that goes on from a prompt, token by token."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, takewhile

import numpy as np

from nextword.engine.engine import Engine, read_text
from nextword.errors import SettingError
from nextword.generation.sampling import SamplingOptions, filtered, sample
from nextword.text.tokenizer import Tokenizer

DEFAULT_OPTIONS = SamplingOptions()


def generate(
    engine: Engine,
    prompt_ids: Sequence[int],
    *,
    num_tokens: int,
    options: SamplingOptions = DEFAULT_OPTIONS,
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
    if num_tokens < 1:
        raise SettingError(f"`num_tokens` must be at least 1, but is {num_tokens}")
    drawn = islice(_drawn(engine, prompt_ids, options, forbidden), num_tokens)
    return takewhile(lambda token_id: token_id != engine.end_id, drawn) if stop_at_end else drawn


def generate_text(
    engine: Engine,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    num_tokens: int,
    options: SamplingOptions = DEFAULT_OPTIONS,
    stop_at_end: bool = False,
) -> Iterator[str]:
    """Yield the text that follows a prompt, piece by piece; `<unk>` is not in it unless the options allow it.

    Raises:
        SettingError: `num_tokens` is below 1.
        TextError: The prompt is refused by the tokenizer.
    """
    prompt_ids = tokenizer.encode_prompt(prompt)
    forbidden = () if options.allow_unknown else (tokenizer.vocabulary.unknown_id,)
    ids = generate(
        engine, prompt_ids, num_tokens=num_tokens, options=options, forbidden=forbidden, stop_at_end=stop_at_end
    )
    return text_pieces(tokenizer, prompt_ids, ids)


def text_pieces(tokenizer: Tokenizer, prompt_ids: Sequence[int], ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of each token as it comes, a space between two words before the second of them.

    Joined to the text of the prompt, `tokenizer.decode(prompt_ids)`, the pieces are the text of all tokens together.
    """
    before = list(prompt_ids[-1:])
    for token_id in ids:
        # How a token is joined on depends on the one before it and on no other.
        yield tokenizer.decode([*before, token_id])[len(tokenizer.decode(before)) :]
        before = [token_id]


def _drawn(
    engine: Engine, prompt_ids: Sequence[int], options: SamplingOptions, forbidden: Collection[int]
) -> Iterator[int]:
    random = np.random.default_rng(options.seed)
    log_probs, state = read_text(engine, prompt_ids)
    while True:
        token_id = sample(filtered(log_probs[0], options, forbidden), random)
        yield token_id
        log_probs, state = engine.step(np.array([token_id], np.int32), state)
