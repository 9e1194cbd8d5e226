"""Dynamic evaluation, its learning rate and decay found by hill climbing on the validation split."""

import math
from collections.abc import Callable, Collection
from functools import cache
from typing import ClassVar

from nextword.batching.window import TokenIds
from nextword.engine.dynamic.options import DynamicOptions
from nextword.engine.engine import Engine
from nextword.engine.method import AppliedMethod, Method, Splits
from nextword.engine.opening import require_jax_engine
from nextword.engine.stream import token_log_probs
from nextword.errors import EvaluationError
from nextword.settings import Settings

_FACTORS = (2.0, math.sqrt(2))
_STATISTICS_TOKENS = 200_000
"""Tokens of the train split from which it is learned how much each gradient moves; all of it would say little more."""

_MOST_TOKENS = 20_000
"""Tokens of the validation split, from its first, that each setting is tried on: to read them is slow."""


class Dynamic(Method[DynamicOptions]):
    """Weights that follow the text."""

    name = "dynamic"
    options_type: ClassVar[type[Settings]] = DynamicOptions
    tunable = ("dynamic_learning_rate", "dynamic_decay")
    is_innermost = True
    learns = True

    def apply(
        self, engine: Engine, options: DynamicOptions, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[DynamicOptions]:
        """Put a `DynamicEngine` around `engine`."""
        inner = require_jax_engine(engine, self.name)
        from nextword.engine.dynamic.engine import DynamicEngine, root_mean_square_gradients

        statistics = root_mean_square_gradients(
            inner.model,
            splits.train(),
            end_id=inner.end_id,
            num_steps=options.dynamic_segment_length,
            max_tokens=_STATISTICS_TOKENS,
        )
        if to_tune:
            ids = splits.valid()[:_MOST_TOKENS]
            options = hill_climb(
                lambda tried: mean_log_prob(DynamicEngine(inner, statistics, tried), ids),
                options,
                [name for name in self.tunable if name in to_tune],
            )
        return AppliedMethod(DynamicEngine(inner, statistics, options), options)


def mean_log_prob(engine: Engine, ids: TokenIds) -> float:
    """Return the mean log-probability of a token of a text `(N,)`, minus infinity if a model broke down."""
    try:
        return float(token_log_probs(engine, ids).mean())
    except EvaluationError:
        return -math.inf


def hill_climb[Options: Settings](
    score: Callable[[Options], float], options: Options, names: Collection[str]
) -> Options:
    """Return the options with the settings `names` multiplied to where `score` is highest, one after the other.

    Each is multiplied or divided by 2 for as long as that is better, then each by the square root of 2.
    """
    scored = cache(score)
    for factor in _FACTORS:
        for name in names:
            for direction in (factor, 1 / factor):
                while scored(moved := _multiplied(options, name, direction)) > scored(options):
                    options = moved
    return options


def _multiplied[Options: Settings](options: Options, name: str, factor: float) -> Options:
    return options.replace(**{name: float(f"{getattr(options, name) * factor:.3g}")})
