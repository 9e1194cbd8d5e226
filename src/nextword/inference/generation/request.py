"""Requests for generated text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self, TypedDict, Unpack

from nextword.errors import SettingError
from nextword.inference.generation.sampling import (
    DEFAULT_SAMPLING,
    UNCHANGED,
    WITHOUT_EFFECT_ON_GREEDY,
    SamplingOptions,
)
from nextword.settings import Settings, require_at_least, setting
from nextword.text.reading.lines import lone_surrogate

Decoding = Literal["auto", "sample", "greedy", "beam"]

_DEFAULT_BEAM_SIZE = 4


@dataclass(frozen=True, kw_only=True)
class SearchOptions(Settings):
    """Options of the decoding: sampling, greedy or beam search.

    Raises:
        SettingError: A value is out of range, or two values contradict each other.

    Example:
        >>> SearchOptions(beam_size=6, beam_groups=3).uses_beam
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
        unset="4, or more if required words need it",
    )
    beam_groups: int = setting(1, help="Diverse beam search: N groups that avoid each other's words.", at_least=1)
    diversity: float = setting(0.5, help="Penalty for a token that earlier groups used.", at_least=0.0)
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
        if self.decoding in ("sample", "greedy") and (self.beam_size is not None or self.beam_groups > 1):
            raise SettingError(
                f"a beam needs `decoding` to be beam, but `decoding` is {self.decoding}; remove one of them"
            )
        if self.beam_size is not None and self.beam_size % self.beam_groups:
            raise SettingError(
                f"`beam_size` must be a multiple of `beam_groups`, {self.beam_groups}, but is {self.beam_size}"
            )

    @property
    def uses_beam(self) -> bool:
        """Whether to use beam search."""
        return self.decoding == "beam" or (
            self.decoding == "auto" and (self.beam_size is not None or self.beam_groups > 1)
        )

    def group_size(self, num_required: int = 0) -> int:
        """Return the number of texts in each group of the beam.

        Args:
            num_required: Number of required tokens; a group needs one text for each degree of progress.

        Raises:
            SettingError: The beam is too small for the required tokens.
        """
        needed = num_required + 1
        size = self.beam_size or self.beam_groups * max(_DEFAULT_BEAM_SIZE // self.beam_groups, needed)
        if num_required and size // self.beam_groups < needed:
            raise SettingError(
                f"`beam_size` must be at least {needed * self.beam_groups} for required words of {num_required} tokens "
                f"in {self.beam_groups} groups, but is {size}"
            )
        return size // self.beam_groups


def length_normalizer(num_tokens: int, exponent: float) -> float:
    r"""Return the divisor of log-probabilities of texts with different lengths: $((5 + n) / 6)^\alpha$.

    With exponent 0 it is 1, and the shorter of two texts almost always has the better score.

    Source:
        Wu et al. (2016), "Google's Neural Machine Translation System", equation 14.
    """
    return float(((5 + num_tokens) / 6) ** exponent)


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
        require: Words and phrases that the text must contain; this uses beam search.

    Raises:
        SettingError: A value is out of range, or two values contradict each other.

    Example:
        >>> import nextword
        >>> request = nextword.Request(max_tokens=12, require=("happy",))
        >>> "happy" in nextword.load("austen").generate_many(["She was"], request)[0].text
        True
    """

    max_tokens: int = 100
    sampling: SamplingOptions = DEFAULT_SAMPLING
    search: SearchOptions = SearchOptions()
    stop_at_end: bool = False
    stop: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    require: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_at_least("max_tokens", self.max_tokens, 1)
        for name in ("stop", "forbid", "require"):
            if isinstance(getattr(self, name), str):
                raise SettingError(f"`{name}` must be a tuple of strings, but is one string; put it into a tuple")
            if not all(text.strip() or (name == "stop" and text) for text in getattr(self, name)):
                raise SettingError(f"`{name}` must not be empty, but has an empty string; remove it")
            for text in getattr(self, name):
                if lone_surrogate(text) is not None:
                    raise SettingError(
                        f"`{name}` must be valid Unicode, but {text!a} has half of a surrogate pair; pass UTF-8"
                    )
        if self.require and (self.search.decoding in ("sample", "greedy") or self.search.best_of > 1):
            raise SettingError(
                "required words need a beam, but the texts are sampled; set `decoding` to beam, or require nothing"
            )
        if self.uses_beam:
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
    def uses_beam(self) -> bool:
        """Whether the request needs beam search."""
        return self.search.uses_beam or bool(self.require)

    @property
    def is_compared(self) -> bool:
        """Whether the text is the best of several complete texts, so it cannot be streamed."""
        return self.uses_beam or self.search.best_of > 1

    @property
    def draws(self) -> SamplingOptions:
        """Sampling options, with temperature 0 for greedy decoding."""
        return self.sampling.replace(temperature=0.0) if self.search.decoding == "greedy" else self.sampling

    def _refuse_changed(self, names: Collection[str], why: str) -> None:
        for name in names:
            value = getattr(self.sampling, name)
            if value not in (getattr(DEFAULT_SAMPLING, name), getattr(UNCHANGED, name)):
                raise SettingError(f"{why}, but `{name}` is {value}; remove it, or set `decoding` to sample")
