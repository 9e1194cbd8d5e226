"""Requests for generated text, and their texts, token by token."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import takewhile
from typing import Any, ClassVar, Literal, Self, TypedDict, Unpack

from nextword.engine.engine import Engine
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
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
from nextword.inference.generation.sampling import (
    DEFAULT_SAMPLING,
    UNCHANGED,
    WITHOUT_EFFECT_ON_GREEDY,
    SamplingOptions,
    random_generator,
)
from nextword.inference.generation.words import ForbiddenWords
from nextword.inference.generation.writers import BeamSearch, SampledText, lockstep
from nextword.settings import Settings, require_at_least, require_several, require_text, setting
from nextword.text.reading.lines import lone_surrogate
from nextword.text.tokens.tokenizer import Tokenizer

Decoding = Literal["auto", "sample", "greedy", "beam"]

_DEFAULT_BEAM_SIZE = 4


@dataclass(frozen=True, kw_only=True)
class SearchOptions(Settings):
    """Options of the decoding: sampling, greedy or beam search.

    Raises:
        SettingError: A value is out of range, or two values contradict each other.

    Example:
        >>> SearchOptions(beam_size=6).uses_beam
        True
    """

    group: ClassVar[str] = "search"
    task: ClassVar[str] = "search"

    decoding: Decoding = setting(
        "auto",
        help="Sample each token, take the most probable (greedy), or run a beam search. auto: beam if a "
        "beam option is given, else sample.",
    )
    beam_size: int | None = setting(
        None,
        help="Number of texts that the beam search keeps.",
        at_least=1,
        unset="4",
    )
    best_of: int = setting(1, help="Sample N texts, and keep the one with the highest score.", at_least=1)
    length_exponent: float = setting(
        0.6,
        help="A score is the log-probability divided by ((5 + tokens) / 6) to this power.",
        at_least=0.0,
        at_most=10.0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.best_of > 1 and (self.uses_beam or self.decoding == "greedy"):
            raise SettingError(f"`best_of` needs sampled texts, but is {self.best_of} with a search; remove it")
        if self.decoding in ("sample", "greedy") and self.beam_size is not None:
            raise SettingError(
                f"a beam needs `decoding` to be beam, but `decoding` is {self.decoding}; remove one of them"
            )

    @property
    def uses_beam(self) -> bool:
        """Whether to use beam search."""
        return self.decoding == "beam" or (self.decoding == "auto" and self.beam_size is not None)


class GenerationArguments(TypedDict, total=False):
    """The named arguments of `TrainedModel.generate`, which has what each of them does."""

    max_tokens: int
    temperature: float
    top_k: int | None
    top_p: float
    min_p: float
    repetition_penalty: float
    stop: Sequence[str]
    forbid: Sequence[str]
    stop_at_end: bool
    seed: int | None


_WITH_A_BEAM = ("seed", "allow_unknown")
"""The sampling options that are allowed with a beam."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request for generated text, without its prompt.

    Attributes:
        max_tokens: Most tokens of a text.
        sampling: Sampling options.
        search: Decoding options.
        stop_at_end: Whether a text ends at `<eos>`, which is not part of the text.
        stop: Stop strings, which are not part of the text.
        forbid: Words and phrases that the text must not contain.

    Raises:
        SettingError: A value is out of range, or two values contradict each other.

    Example:
        >>> import nextword
        >>> request = nextword.Request(max_tokens=12, forbid=("not",))
        >>> "not" in nextword.load("austen").generate_many(["She was"], request)[0].text
        False
    """

    max_tokens: int = 100
    sampling: SamplingOptions = DEFAULT_SAMPLING
    search: SearchOptions = SearchOptions()
    stop_at_end: bool = False
    stop: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_at_least("max_tokens", self.max_tokens, 1)
        for name in ("stop", "forbid"):
            if isinstance(getattr(self, name), str):
                raise SettingError(f"`{name}` must be a tuple of strings, but is one string; put it into a tuple")
            if not all(text.strip() or (name == "stop" and text) for text in getattr(self, name)):
                raise SettingError(f"`{name}` must not be empty, but has an empty string; remove it")
            for text in getattr(self, name):
                if lone_surrogate(text) is not None:
                    raise SettingError(
                        f"`{name}` must be valid Unicode, but {text!a} has half of a surrogate pair; pass UTF-8"
                    )
        if self.search.uses_beam:
            self._refuse_changed(
                [name for name in self.sampling.to_table() if name not in _WITH_A_BEAM], "beam search does not sample"
            )
        elif self.search.decoding == "greedy" and self.sampling.temperature != 0:
            self._refuse_changed(WITHOUT_EFFECT_ON_GREEDY, "greedy decoding does not sample")

    @classmethod
    def of(cls, **arguments: Unpack[GenerationArguments]) -> Self:
        """Return the request for a sampled text from the arguments of `TrainedModel.generate`.

        Raises:
            SettingError: A value is out of range, or `stop` or `forbid` is one string.
        """
        given: dict[str, Any] = dict(arguments)
        for name in ("stop", "forbid"):
            texts = given.get(name, ())
            if isinstance(texts, str):
                raise SettingError(f"`{name}` must be a list of texts, but is the string {texts!r}; write [{texts!r}]")
            given[name] = tuple(texts)
        sampling = {each.name: given.pop(each.name) for each in fields(SamplingOptions) if each.name in given}
        return cls(sampling=SamplingOptions(**sampling), **given)

    @property
    def is_compared(self) -> bool:
        """Whether the text is the best of several complete texts, so it cannot be streamed."""
        return self.search.uses_beam or self.search.best_of > 1

    @property
    def draws(self) -> SamplingOptions:
        """Sampling options, with temperature 0 for greedy decoding."""
        return self.sampling.replace(temperature=0.0) if self.search.decoding == "greedy" else self.sampling

    def _refuse_changed(self, names: Collection[str], why: str) -> None:
        for name in names:
            value = getattr(self.sampling, name)
            if value not in (getattr(DEFAULT_SAMPLING, name), getattr(UNCHANGED, name)):
                raise SettingError(f"{why}, but `{name}` is {value}; remove it, or set `decoding` to sample")


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

    def writers(self, prompt_ids: Sequence[int]) -> Writers:
        request, draws = self._request, self._request.draws
        if not request.search.uses_beam:
            return [
                SampledText(prompt_ids, draws, self._rule, self._forbidden, random_generator(draws, number))
                for number in range(request.search.best_of)
            ]
        size, exponent = request.search.beam_size or _DEFAULT_BEAM_SIZE, request.search.length_exponent
        return [BeamSearch(prompt_ids, self._rule, self._forbidden, size=size, exponent=exponent)]

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
        )
