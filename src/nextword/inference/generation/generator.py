"""Generation of one text, token by token."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from nextword.engine.engine import Engine
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.generation.beam import BeamSearch, SearchTask
from nextword.inference.generation.generated_text import (
    Continuation,
    EndRule,
    GeneratedText,
    after_prompt,
    may_join,
    stop_position,
    text_pieces,
    until_stop,
    whole_characters,
)
from nextword.inference.generation.lockstep import lockstep
from nextword.inference.generation.request import Request
from nextword.inference.generation.sampled_text import SampledText, random_generator
from nextword.inference.generation.sampling import DEFAULT_SAMPLING, SamplingOptions
from nextword.inference.generation.words import ForbiddenWords, RequiredWords
from nextword.settings import require_at_least, require_several, require_text
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


Writers = list[SampledText] | list[BeamSearch]


def generate_texts(model: TextModel, prompts: Sequence[str], request: Request | None = None) -> list[GeneratedText]:
    """Return a text for each prompt, in order, generated in one batch.

    A text depends only on its prompt and the request, which includes the seed. The same prompt twice with a seed gives
    the same text twice. The last bits of an engine's results may depend on the batch size, which may select another
    token if two have almost equal probabilities.
    """
    require_several("prompts", prompts)
    for prompt in prompts:
        require_text("prompt", prompt)
    generation = _Generation(model, request or Request())
    prompt_ids = [model.tokenizer.encode_prompt(prompt) for prompt in prompts]
    writers = [generation.writers(ids) for ids in prompt_ids]
    pairs = [(ids, writer) for ids, group in zip(prompt_ids, writers, strict=True) for writer in group]
    for _ in lockstep(model.engine, [ids for ids, _ in pairs], [writer for _, writer in pairs]):
        pass
    return [generation.text(*parts) for parts in zip(prompts, prompt_ids, writers, strict=True)]


class _Generation:
    def __init__(self, model: TextModel, request: Request) -> None:
        tokenizer = self._tokenizer = model.tokenizer
        self._request = request
        end_id = model.engine.end_id if request.stop_at_end else None
        self._rule = EndRule(request.max_tokens, end_id, request.stop, tokenizer)
        self._forbidden = forbidden_words(tokenizer, request)
        self._required = RequiredWords.of(tokenizer, request.require)
        if self._required.num_tokens > request.max_tokens:
            raise SettingError(
                f"`max_tokens` must be at least {self._required.num_tokens}, as many as the required words have, but "
                f"is {request.max_tokens}"
            )
        self._end_id = model.engine.end_id

    def writers(self, prompt_ids: Sequence[int]) -> Writers:
        request, draws = self._request, self._request.draws
        if not request.uses_beam:
            return [
                SampledText(prompt_ids, draws, self._rule, self._forbidden, random_generator(draws, number))
                for number in range(request.search.best_of)
            ]
        size = request.search.group_size(self._required.num_tokens)
        read, exponent = (self._end_id, *prompt_ids), request.search.length_exponent
        task = SearchTask(read, self._rule, self._forbidden, self._required, size, exponent)
        return [BeamSearch(task, num_groups=request.search.beam_groups, diversity=request.search.diversity)]

    def text(self, prompt: str, prompt_ids: Sequence[int], writers: Writers) -> GeneratedText:
        exponent = self._request.search.length_exponent
        texts = [text for writer in writers for text in writer.hypotheses()]
        found = sorted(texts, key=lambda text: -text.score(exponent))
        if not found:
            raise SettingError(f"a text must be possible after {prompt!r}, but all are forbidden; forbid fewer words")
        best, *others = (self._generated(prompt, prompt_ids, text) for text in found)
        return replace(best, others=tuple(others))

    def _generated(self, prompt: str, prompt_ids: Sequence[int], found: Continuation) -> GeneratedText:
        shown = found.ids[:-1] if found.ending == "end" else found.ids
        text = "".join(text_pieces(self._tokenizer, prompt_ids, shown))
        text = text[: stop_position(text, self._request.stop)]
        return GeneratedText(
            prompt=prompt,
            text="".join(after_prompt(self._tokenizer, prompt, [text])),
            ids=found.ids,
            log_prob=found.log_prob,
            score=found.score(self._request.search.length_exponent),
            ending=found.ending or "length",
            missing=self._required.missing(found.met),
        )
