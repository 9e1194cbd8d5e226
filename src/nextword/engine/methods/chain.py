"""Applies methods to models, one after the other, and tunes each on top of the previous ones."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nextword.bundle.mixture import MixtureSettings
from nextword.engine.engine import Engine
from nextword.engine.methods.cache import Cache
from nextword.engine.methods.dropout import DropoutMethod
from nextword.engine.methods.dynamic import Dynamic
from nextword.engine.methods.ensemble import EnsembleEngine, EnsembleOptions
from nextword.engine.methods.method import Method, Splits
from nextword.engine.methods.ngram import Ngram
from nextword.engine.methods.temperature import Temperature
from nextword.engine.mixture.tuning import mixture_weights
from nextword.engine.opening import require_float32_weights, start_engine
from nextword.engine.stream import token_log_probs
from nextword.engine.text_model import USED_METHODS, LoadedModel, TextModel, UsedMethod
from nextword.errors import SettingError
from nextword.settings import Settings, unknown_name

Tables = Mapping[str, Mapping[str, Any]]

STATIC: UsedMethod = "static"
"""The name for the network alone."""

MIXTURE: UsedMethod = "mixture"
"""The name for the network mixed with what its bundle holds."""

METHODS: dict[str, Method[Any]] = {
    method.name: method for method in (Temperature(), Cache(), Ngram(), Dynamic(), DropoutMethod())
}

OPTIONS_TYPES: tuple[type[Settings], ...] = (*(method.options_type for method in METHODS.values()), EnsembleOptions)
"""The settings of all methods."""


@dataclass(frozen=True)
class AppliedMethods:
    """A model with methods applied."""

    model: TextModel  # the model, or the first member of the ensemble, with the outermost engine
    settings: tuple[tuple[str, tuple[Settings, ...]], ...] = ()  # each name with settings: one, or one a member
    tuned: tuple[str, ...] = ()  # names of the settings that were tuned on the validation split

    @property
    def description(self) -> str:
        """The methods and their settings, for a protocol; empty for a network alone."""
        if (mixture := self._mixture) is not None:
            return mixture.protocol
        parts = [
            f"{name} ({'; '.join(', '.join(_values(options)) for options in kinds)})" for name, kinds in self.settings
        ]
        tuned = f"; {', '.join(self.tuned)} tuned on the validation split" if self.tuned else ""
        return ", then ".join(parts) + tuned

    @property
    def learns(self) -> bool:
        """Whether a method learns from the text that it reads; then the score of a line depends on earlier lines."""
        mixture = self._mixture
        learning = [name for name, _ in self.settings if name in METHODS and METHODS[name].learns]
        return bool(learning) or (mixture is not None and mixture.cache_weight > 0)

    @property
    def _mixture(self) -> MixtureSettings | None:
        """The settings of the mixture, if the model is used with it."""
        known = [kinds[0] for _, kinds in self.settings]
        return next((options for options in known if isinstance(options, MixtureSettings)), None)

    def to_table(self) -> dict[str, Any]:
        """Return the settings of each method as JSON values; a list if each member of an ensemble has its own."""
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
    """Apply methods to a model, or to the ensemble of several models.

    Methods and ensembles take the networks alone, never a mixture; one model without methods stays as it is used. An
    innermost method is applied to each member, and any other method to the ensemble. With `tune`, the settings of each
    method are tuned on the validation split, one method after the other, beginning with the innermost.

    Args:
        models: One model, or the members of an ensemble.
        methods: The methods, the innermost first.
        tables: Settings by group; these are not tuned.
        splits: The splits that methods may read.
        tune: Whether to tune all other settings.

    Raises:
        BundleError: A method needs the weights of a model, and the model is slim.
        SettingError: A setting is out of range, or models and methods do not fit together.

    Example:
        >>> import nextword
        >>> from nextword.engine.methods.method import Splits
        >>> nothing = Splits(train=lambda: np.zeros(0, np.int32), valid=lambda: np.zeros(0, np.int32))
        >>> apply_methods([nextword.load("austen")], [Cache()], {"cache": {"cache_size": 50}}, nothing).description
        'cache (cache_size 50, ...)'
    """
    if len(models) == 1 and not methods:
        return _unchanged(models[0])
    _require_one_tokenizer(models)
    chain = _Chain(tables, splits, tune)
    engines: list[Engine] = [model.network for model in models]
    for method in (method for method in methods if method.is_innermost):
        engines = chain.apply(method, [_engine_for(method, model) for model in models])
    if len(engines) > 1:
        engines = [chain.ensemble(engines)]
    for method in (method for method in methods if not method.is_innermost):
        engines = chain.apply(method, engines)
    return AppliedMethods(models[0].with_engine(engines[0]), tuple(chain.settings), tuple(chain.tuned))


def _unchanged(model: LoadedModel) -> AppliedMethods:
    """Return a model with the settings of its mixture, if it uses one."""
    mixture = model.bundle.mixture if model.method == MIXTURE else None
    return AppliedMethods(model.with_engine(model.engine), ((MIXTURE, (mixture.settings,)),) if mixture else ())


@dataclass
class _Chain:
    """Applies methods one after the other, and records their settings."""

    tables: Tables
    splits: Splits
    tune: bool
    settings: list[tuple[str, tuple[Settings, ...]]] = field(default_factory=list)
    tuned: list[str] = field(default_factory=list)

    def apply(self, method: Method[Any], engines: Sequence[Engine]) -> list[Engine]:
        """Apply a method to each engine; each engine is tuned separately."""
        given = self.tables.get(method.options_type.group, {})
        to_tune = [name for name in method.tunable if self.tune and name not in given]
        options = method.options_type.from_table(given)
        applied = [method.apply(engine, options, self.splits, to_tune) for engine in engines]
        self.settings.append((method.name, tuple(each.options for each in applied)))
        self.tuned += to_tune
        return [each.engine for each in applied]

    def ensemble(self, engines: Sequence[Engine]) -> Engine:
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


def _engine_for(method: Method[Any], model: LoadedModel) -> Engine:
    """Return the engine that an innermost method changes: the same model in Keras if onnxruntime runs it in float32."""
    require_float32_weights(model, method.name)
    is_same = model.runtime == "onnxruntime" and model.precision == "float32"
    return start_engine(model.bundle, "keras", method="static").engine if is_same else model.network


def _require_one_tokenizer(models: Sequence[LoadedModel]) -> None:
    """Raise unless all models have the same tokenizer; otherwise their probabilities cannot be averaged."""
    for other in models[1:]:
        if other.tokenizer.fingerprint != models[0].tokenizer.fingerprint:
            raise SettingError(
                f"the models of an ensemble must have the same tokenizer, but those of `{models[0].name}` and "
                f"`{other.name}` differ; train them on the same text with the same text settings"
            )


def _values(options: Settings) -> list[str]:
    table = options.to_table()
    return [
        f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in table.items()
    ]


def require_used(tables: Mapping[str, Mapping[str, Any]], methods: Collection[Method[Any]], *, ensemble: bool) -> None:
    """Raise `SettingError` if a setting belongs to none of the selected methods."""
    used = {method.options_type.group for method in methods} | ({EnsembleOptions.group} if ensemble else set())
    for group, table in tables.items():
        if group not in used:
            kinds = [f"the method `{method.name}`" for method in METHODS.values() if method.options_type.group == group]
            raise SettingError(
                f"{', '.join(f'`{name}`' for name in table)} needs {(kinds or ['an ensemble'])[0]}, which is not "
                "selected; select it, or leave the setting out"
            )


def methods_of(names: Sequence[str]) -> list[Method[Any]]:
    """Return the methods with these names, the innermost first; none for `static` and `mixture`.

    Raises:
        SettingError: A name is unknown, or the methods cannot be combined.
    """
    for name in names:
        if name not in METHODS and name not in USED_METHODS:
            raise SettingError(unknown_name("method", name, [STATIC, MIXTURE, *METHODS]))
        if names.count(name) > 1:
            raise SettingError(f"a method must be given once, but `{name}` is given {names.count(name)} times")
    for name in USED_METHODS:
        if name in names and len(names) > 1:
            raise SettingError(
                f"`{name}` must be the only method, but is combined with others, which apply to the network alone; "
                "leave it out"
            )
    methods = [METHODS[name] for name in names if name in METHODS]
    for method in methods[1:]:
        if method.is_innermost:
            raise SettingError(
                f"`{method.name}` must be the first method, because it works on the model itself, but comes after "
                f"`{names[0]}`; change the order"
            )
    return methods
