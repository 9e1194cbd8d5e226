"""What text is asked for."""

from collections.abc import Collection
from dataclasses import dataclass

from nextword.errors import SettingError
from nextword.generation.sampling import SamplingOptions
from nextword.generation.search_options import SearchOptions

DEFAULT_SAMPLING = SamplingOptions()
DEFAULT_SEARCH = SearchOptions()

_WITH_A_BEAM = ("seed", "allow_unknown")
"""The sampling options that say nothing about how tokens are drawn, or do no harm."""

_NOT_GREEDY = ("temperature", "top_k", "top_p", "min_p", "typical_p")
"""The sampling options that make no difference where the most probable token is always taken."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What text is asked for, whatever it goes on from.

    Attributes:
        num_tokens: Most tokens of a text.
        sampling: How tokens are drawn.
        search: Whether they are drawn at all, or searched for.
        stop_at_end: Whether a text ends where `<eos>` is written, which is then not shown.
        stop: Strings before which it ends.
        forbid: Words and phrases that it does not hold.
        require: Words and phrases that it holds; they are searched for with a beam.

    Raises:
        SettingError: A value is out of its range, or two do not go together.
    """

    num_tokens: int = 100
    sampling: SamplingOptions = DEFAULT_SAMPLING
    search: SearchOptions = DEFAULT_SEARCH
    stop_at_end: bool = False
    stop: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    require: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.num_tokens < 1:
            raise SettingError(f"`num_tokens` must be at least 1, but is {self.num_tokens}")
        for name in ("stop", "forbid", "require"):
            if isinstance(getattr(self, name), str):
                raise SettingError(f"`{name}` must be several texts, but is one string; write it as a tuple")
            if not all(text.strip() or (name == "stop" and text) for text in getattr(self, name)):
                raise SettingError(f"`{name}` must be text, but is empty; leave it out")
            self._require_unicode(name)
        if self.require and (self.search.method in ("sample", "greedy") or self.search.best_of > 1):
            raise SettingError(
                'required words are searched for with a beam, but texts are to be drawn; set `method = "beam"`, or '
                "require nothing"
            )
        if self.uses_beam:
            self._refuse_changed(
                [name for name in self.sampling.to_table() if name not in _WITH_A_BEAM], "a beam draws no tokens"
            )
        elif self.search.method == "greedy" and self.sampling.temperature != 0:
            self._refuse_changed(_NOT_GREEDY, "greedy text takes the most probable token each time")

    @property
    def uses_beam(self) -> bool:
        """Whether text is searched for with a beam."""
        return self.search.uses_beam or bool(self.require)

    @property
    def is_compared(self) -> bool:
        """Whether a text is the best of several, and so is known only when all of them are complete."""
        return self.uses_beam or self.search.best_of > 1

    @property
    def draws(self) -> SamplingOptions:
        """How tokens are drawn, the most probable where the method is greedy."""
        return self.sampling.replace(temperature=0.0) if self.search.method == "greedy" else self.sampling

    def _require_unicode(self, name: str) -> None:
        for text in getattr(self, name):
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise SettingError(
                    f"`{name}` must be valid Unicode, but {text!a} holds half of a surrogate pair; pass UTF-8"
                ) from error

    def _refuse_changed(self, names: Collection[str], why: str) -> None:
        """Refuse sampling options that are not at their defaults and would do nothing."""
        changed = [name for name in names if getattr(self.sampling, name) != getattr(DEFAULT_SAMPLING, name)]
        if changed:
            raise SettingError(
                f"{why}, but `{changed[0]}` is {getattr(self.sampling, changed[0])}; leave it out, or draw texts by "
                '`method = "sample"`'
            )
