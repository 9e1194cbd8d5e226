"""Methods put around models, one after the other, each tuned around what is within."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nextword.engine.cache import Cache
from nextword.engine.dropout.method import Dropout
from nextword.engine.dynamic.method import Dynamic
from nextword.engine.engine import Engine
from nextword.engine.ensemble import EnsembleEngine, EnsembleOptions
from nextword.engine.method import Method, Splits, mixture_weights
from nextword.engine.ngram.method import Ngram
from nextword.engine.stream import token_log_probs
from nextword.engine.temperature import Temperature
from nextword.engine.text_model import LoadedModel, TextModel
from nextword.errors import SettingError
from nextword.settings import Settings, unknown_name

Tables = Mapping[str, Mapping[str, Any]]

STATIC = "static"
"""The name of no method at all: the model as it was trained."""

METHODS: dict[str, Method[Any]] = {
    method.name: method for method in (Temperature(), Cache(), Ngram(), Dynamic(), Dropout())
}

OPTIONS_TYPES: tuple[type[Settings], ...] = (*(method.options_type for method in METHODS.values()), EnsembleOptions)
"""The settings of all methods."""


@dataclass(frozen=True)
class AppliedMethods:
    """Methods at work.

    Attributes:
        model: The model, or the first member of the ensemble, with the outermost engine in place of its own.
        settings: The name of each method, with the ensemble among them, and its settings: one, or one for each member.
        tuned: Names of the settings that were found on the validation split.
    """

    model: TextModel
    settings: tuple[tuple[str, tuple[Settings, ...]], ...] = ()
    tuned: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """What was done, for a protocol; empty if nothing was."""
        parts = [
            f"{name} ({'; '.join(', '.join(_values(options)) for options in kinds)})" for name, kinds in self.settings
        ]
        tuned = f"; {', '.join(self.tuned)} tuned on the validation split" if self.tuned else ""
        return ", then ".join(parts) + tuned

    def to_table(self) -> dict[str, Any]:
        """Return the settings of each method for JSON; a list if each member of an ensemble has its own."""
        tables = {name: [options.to_table() for options in kinds] for name, kinds in self.settings}
        return {name: table[0] if len(table) == 1 else table for name, table in tables.items()}


def apply_methods(
    models: Sequence[LoadedModel],
    methods: Sequence[Method[Any]],
    tables: Tables,
    splits: Splits,
    *,
    tune: bool = False,
) -> AppliedMethods:
    """Put methods around a model, or around the ensemble of several.

    Those that go around the model itself go around each member; the others around their ensemble. If `tune`, each
    method's settings are found on the validation split, one method after the other from the innermost on.

    Args:
        models: One model, or the members of an ensemble.
        methods: The first of them the innermost.
        tables: The settings that were given, by group; they are not tuned.
        splits: What may be read.
        tune: Whether to find the settings that were not given.

    Raises:
        SettingError: A setting is refused, or models and methods do not go together.
    """
    _require_one_tokenizer(models)
    chain = _Chain(tables, splits, tune)
    engines: list[Engine] = [model.engine for model in models]
    for method in (method for method in methods if method.is_innermost):
        engines = chain.put_around(method, engines)
    if len(engines) > 1:
        engines = [chain.joined(engines)]
    for method in (method for method in methods if not method.is_innermost):
        engines = chain.put_around(method, engines)
    return AppliedMethods(models[0].with_engine(engines[0]), tuple(chain.settings), tuple(chain.tuned))


@dataclass
class _Chain:
    """Puts one thing around another, and notes what was done."""

    tables: Tables
    splits: Splits
    tune: bool
    settings: list[tuple[str, tuple[Settings, ...]]] = field(default_factory=list)
    tuned: list[str] = field(default_factory=list)

    def put_around(self, method: Method[Any], engines: Sequence[Engine]) -> list[Engine]:
        """Put a method around each engine, with settings of its own if they are tuned."""
        given = self.tables.get(method.options_type.group, {})
        to_tune = [name for name in method.tunable if self.tune and name not in given]
        options = method.options_type.from_table(given)
        applied = [method.apply(engine, options, self.splits, to_tune) for engine in engines]
        self.settings.append((method.name, tuple(each.options for each in applied)))
        self.tuned += to_tune
        return [each.engine for each in applied]

    def joined(self, engines: Sequence[Engine]) -> Engine:
        """Return the ensemble of engines."""
        given = self.tables.get(EnsembleOptions.group, {})
        options = EnsembleOptions.from_table({"ensemble_weights": (1.0,) * len(engines), **given})
        if self.tune and not given:
            ids = self.splits.valid()
            weights = mixture_weights(np.exp([token_log_probs(engine, ids) for engine in engines]))
            options = options.replace(ensemble_weights=tuple(round(float(weight), 4) for weight in weights))
            self.tuned.append("ensemble_weights")
        self.settings.append((EnsembleOptions.group, (options,)))
        return EnsembleEngine(engines, options)


def _require_one_tokenizer(models: Sequence[LoadedModel]) -> None:
    """Raise if models do not read a text alike, so that their probabilities cannot be averaged."""
    for other in models[1:]:
        if other.tokenizer.fingerprint != models[0].tokenizer.fingerprint:
            raise SettingError(
                f"the models of an ensemble must have one tokenizer, but those of `{models[0].name}` and "
                f"`{other.name}` differ; train them on the same text with the same text settings"
            )


def _values(options: Settings) -> list[str]:
    table = options.to_table()
    return [
        f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in table.items()
    ]


def require_used(tables: Mapping[str, Mapping[str, Any]], methods: Collection[Method[Any]], *, ensemble: bool) -> None:
    """Raise if a setting was given that belongs to no method that was asked for.

    Raises:
        SettingError: There is one.
    """
    used = {method.options_type.group for method in methods} | ({EnsembleOptions.group} if ensemble else set())
    for group, table in tables.items():
        if group not in used:
            kinds = [f"the method `{method.name}`" for method in METHODS.values() if method.options_type.group == group]
            raise SettingError(
                f"{', '.join(f'`{name}`' for name in table)} must go with {(kinds or ['an ensemble'])[0]}, which was "
                "not asked for; ask for it, or leave the setting out"
            )


def methods_of(names: Sequence[str]) -> list[Method[Any]]:
    """Return the methods of these names, the first of them the innermost; none for `static`.

    Raises:
        SettingError: A name is unknown, or the methods do not go together.

    Example:
        >>> [method.name for method in methods_of(["cache", "temperature"])]
        ['cache', 'temperature']
    """
    for name in names:
        if name not in METHODS and name != STATIC:
            raise SettingError(unknown_name("method", name, [STATIC, *METHODS]))
        if names.count(name) > 1:
            raise SettingError(f"a method must be named once, but `{name}` is named {names.count(name)} times")
    if STATIC in names:
        if len(names) > 1:
            raise SettingError(f"`{STATIC}` must stand alone, but is joined with others; leave it out")
        return []
    methods = [METHODS[name] for name in names]
    for method in methods[1:]:
        if method.is_innermost:
            raise SettingError(
                f"`{method.name}` must be the first of the methods that are joined, since it goes around the model "
                f"itself, but `{names[0]}` stands before it"
            )
    return methods
