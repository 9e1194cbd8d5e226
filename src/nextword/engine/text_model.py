"""A model that takes text: an engine with its tokenizer.

What works on ids takes an `Engine`; what works on text takes a `TextModel`. Another way to run it gives another
engine, and `TextModel.with_engine` makes a model of it again.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, Self, get_args, override

from nextword.bundle.bundle import Bundle
from nextword.bundle.mixture import Mixture, MixtureSettings
from nextword.bundle.onnx_file import Precision
from nextword.engine.engine import Engine
from nextword.engine.mixture.mixture_engine import MixtureEngine, parts_of
from nextword.engine.prefix_cache import PrefixCache
from nextword.errors import SettingError
from nextword.settings import unknown_name
from nextword.text.tokens.tokenizer import Tokenizer

UsedMethod = Literal["mixture", "static"]

USED_METHODS: tuple[UsedMethod, ...] = get_args(UsedMethod)
"""How a model is used: the network mixed with what its bundle holds, if anything, or the network alone."""


@dataclass(frozen=True, eq=False)
class TextModel:
    """A language model at work: text goes in, and log-probabilities come out.

    Attributes:
        engine: Gives log-probabilities for ids.
        tokenizer: Gives ids for text.
        prefixes: States after the beginnings of texts, if they are kept.

    Example:
        >>> import nextword
        >>> model = nextword.load("austen")          # a `TrainedModel` is a `TextModel`
        >>> nextword.TextModel(model.engine, model.tokenizer)
        TextModel(MixtureEngine, 9,878 words)
    """

    engine: Engine
    tokenizer: Tokenizer
    prefixes: PrefixCache | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        return f"TextModel({type(self.engine).__name__}, {self.tokenizer.summary})"

    @property
    def use(self) -> str:
        """How it is used, for the protocol of a measurement; empty if there is only one way."""
        return ""

    def with_engine(self, engine: Engine) -> "TextModel":
        """Return the model with another engine, such as one around its own; the ids mean the same to both."""
        return TextModel(engine, self.tokenizer)


@dataclass(frozen=True, eq=False)
class LoadedModel(TextModel):
    """A text model with the bundle that it was loaded from.

    Attributes:
        bundle: The model as it is stored.
        runtime: The library that runs it.
        precision: The precision of its weights.

    Example:
        >>> import nextword
        >>> model = nextword.load("austen")          # a `TrainedModel` is a `LoadedModel` too
        >>> model.name, model.run_by
        ('austen', 'onnxruntime in int8')
    """

    tokenizer: Tokenizer = field(init=False)
    bundle: Bundle
    runtime: Literal["Keras", "onnxruntime"] = "Keras"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokenizer", self.bundle.tokenizer)

    def __repr__(self) -> str:
        precision = "" if self.precision == "float32" else f" {self.precision}"
        return f"{type(self).__name__}({self.name!r}, {self.bundle.summary}, {self.runtime}{precision})"

    @property
    def name(self) -> str:
        """The model's name."""
        return self.bundle.name

    @property
    def network(self) -> Engine:
        """The engine of the network alone; `engine` is that one, or mixes it with what the bundle holds."""
        return self.engine.network if isinstance(self.engine, MixtureEngine) else self.engine

    @property
    def method(self) -> UsedMethod:
        """How it is used; "static" also if its bundle has nothing to mix with the network."""
        return "mixture" if isinstance(self.engine, MixtureEngine) else "static"

    @property
    @override
    def use(self) -> str:
        """How it is used, for the protocol of a measurement; empty if its bundle has no mixture."""
        if self.bundle.mixture is None:
            return ""
        return self.bundle.mixture.settings.protocol if self.method == "mixture" else "static: the network alone"

    def using(self, method: UsedMethod) -> Self:
        """Return the model used in one of the ways of `USED_METHODS`.

        Raises:
            SettingError: The method is unknown.

        Example:
            >>> import nextword
            >>> nextword.load("austen").using("static").method
            'static'
        """
        if method not in USED_METHODS:
            raise SettingError(unknown_name("method", method, USED_METHODS))
        if method == self.method:
            return self
        mixture = self.bundle.mixture if method == "mixture" else None
        parts = [] if mixture is None else parts_of(mixture)
        return replace(self, engine=MixtureEngine(self.network, parts) if parts else self.network)

    def with_weights(self, *, ngram_weight: float | None = None, cache_weight: float | None = None) -> Self:
        """Return the model with other weights of what is mixed with its network; 0 leaves a part out.

        Raises:
            BundleError: The bundle has no n-grams to mix in.
            SettingError: A weight is below 0, or not below 1.

        Example:
            >>> import nextword
            >>> nextword.load("austen").with_weights(ngram_weight=0.0).use
            'as used: cache of 1,000 tokens'
        """
        given = {"ngram_weight": ngram_weight, "cache_weight": cache_weight}
        mixture = self.bundle.mixture or Mixture(MixtureSettings())
        settings = mixture.settings.replace(**{name: value for name, value in given.items() if value is not None})
        bundle = replace(self.bundle, mixture=replace(mixture, settings=settings))
        return replace(self, engine=self.network, bundle=bundle).using("mixture")

    @property
    def run_by(self) -> str:
        """The library for reports, with the precision if that changes figures, such as "onnxruntime in int8"."""
        return self.runtime if self.precision == "float32" else f"{self.runtime} in {self.precision}"
