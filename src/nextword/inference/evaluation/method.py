"""The ways to evaluate a model: its network alone, as it is used, or with weights that follow the text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from nextword.engine.dynamic import DynamicOptions, dynamic_engine
from nextword.engine.ensemble import EnsembleEngine
from nextword.engine.text_model import LoadedModel, TextModel
from nextword.errors import SettingError
from nextword.settings import unknown_name
from nextword.text.batching.window import TokenIds

EvaluatedMethod = Literal["static", "mixture", "dynamic"]

METHODS: tuple[EvaluatedMethod, ...] = get_args(EvaluatedMethod)
"""The network alone; the network mixed with what its bundle holds; and dynamic evaluation of the network."""


@dataclass(frozen=True)
class EvaluatedModel:
    """A model that is evaluated in one way."""

    model: TextModel  # the model, or the first member of an ensemble, with the engine to evaluate
    method: str  # what an evaluation names it by
    use: str = ""  # how it is used, for a protocol; empty if there is only one way
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # JSON values by group
    learns: bool = False  # whether it learns from the text, so that the score of a line depends on earlier lines


def evaluated_model(
    models: Sequence[LoadedModel],
    method: EvaluatedMethod,
    train: Callable[[], TokenIds],
    options: DynamicOptions,
) -> EvaluatedModel:
    """Return a model, or the ensemble of several models, ready to be evaluated in one way.

    An ensemble averages networks, never mixtures.

    Args:
        models: One model, or the members of an ensemble.
        method: One of `METHODS`.
        train: Returns the ids of the training text; only dynamic evaluation reads it.
        options: The settings of dynamic evaluation.

    Raises:
        BundleError: Dynamic evaluation needs the weights of a model, and the model is slim.
        SettingError: The method is unknown, or models and method do not fit together.
    """
    if method not in METHODS:
        raise SettingError(unknown_name("method", method, METHODS))
    if method == "dynamic":
        return _dynamic(models, train, options)
    if len(models) > 1:
        return _ensemble(models, [model.network for model in models], "ensemble")
    model = models[0].using(method)
    mixture = model.bundle.mixture if model.method == "mixture" else None
    settings = {} if mixture is None else {"mixture": mixture.settings.to_table()}
    learns = mixture is not None and mixture.settings.cache_weight > 0
    return EvaluatedModel(model.with_engine(model.engine), model.method, model.use, settings, learns)


def _dynamic(models: Sequence[LoadedModel], train: Callable[[], TokenIds], options: DynamicOptions) -> EvaluatedModel:
    engines = [dynamic_engine(model, train, options) for model in models]
    table = options.to_table()
    use = f"dynamic ({', '.join(f'{name} {value}' for name, value in table.items())})"
    if len(models) > 1:
        both = _ensemble(models, engines, "ensemble,dynamic")
        return EvaluatedModel(both.model, both.method, f"{use}, then {both.use}", {"dynamic": table}, learns=True)
    return EvaluatedModel(models[0].with_engine(engines[0]), "dynamic", use, {"dynamic": table}, learns=True)


def _ensemble(models: Sequence[LoadedModel], engines: Sequence[Any], method: str) -> EvaluatedModel:
    for other in models[1:]:
        if other.tokenizer.fingerprint != models[0].tokenizer.fingerprint:
            raise SettingError(
                f"the models of an ensemble must have the same tokenizer, but those of `{models[0].name}` and "
                f"`{other.name}` differ; train them on the same text with the same text settings"
            )
    use = f"ensemble: the mean of {len(models)} networks"
    return EvaluatedModel(models[0].with_engine(EnsembleEngine(engines)), method, use)
