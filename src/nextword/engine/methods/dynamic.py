"""Dynamic evaluation, with learning rate and decay tuned by hill climbing on the validation split."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from nextword.engine.engine import Engine
from nextword.engine.methods.method import AppliedMethod, Method, Splits
from nextword.engine.opening import require_jax_engine
from nextword.engine.stream import token_log_probs
from nextword.errors import EvaluationError
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds


@dataclass(frozen=True, kw_only=True)
class DynamicOptions(Settings):
    """The settings of dynamic evaluation.

    Learning rate and decay are per segment. For shorter segments, reduce both in proportion.

    Raises:
        SettingError: A value is out of range.

    Example:
        >>> DynamicOptions(dynamic_segment_length=10, dynamic_learning_rate=2.5e-5, dynamic_decay=0.01).dynamic_epsilon
        2e-05
    """

    group: ClassVar[str] = "dynamic"
    task: ClassVar[str] = "method"

    dynamic_segment_length: int = setting(
        20, help="dynamic: tokens between updates of the weights. 5 is better and slower.", at_least=1, at_most=4096
    )
    dynamic_learning_rate: float = setting(5e-5, help="dynamic: step size along the gradient.", at_least=0.0)
    dynamic_decay: float = setting(0.02, help="dynamic: pull toward the trained weights.", at_least=0.0)
    dynamic_epsilon: float = setting(2e-5, help="dynamic: damps steps of weights with small gradients.", at_least=1e-12)


_FACTORS = (2.0, math.sqrt(2))
_STATISTICS_TOKENS = 200_000  # number of training tokens for the gradient statistics; more tokens hardly change them
_MAX_TOKENS = 20_000  # number of tokens from the beginning of the validation split to tune on; reading them is slow


class Dynamic(Method[DynamicOptions]):
    """Dynamic evaluation: the weights learn from the text."""

    name = "dynamic"
    options_type: ClassVar[type[Settings]] = DynamicOptions
    tunable = ("dynamic_learning_rate", "dynamic_decay")
    is_innermost = True
    learns = True

    def apply(
        self, engine: Engine, options: DynamicOptions, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[DynamicOptions]:
        """Wrap `engine` in a `DynamicEngine`."""
        inner = require_jax_engine(engine, self.name)
        from nextword.engine.keras.dynamic_engine import DynamicEngine, root_mean_square_gradients

        statistics = root_mean_square_gradients(
            inner.model,
            splits.train(),
            end_id=inner.end_id,
            num_steps=options.dynamic_segment_length,
            max_tokens=_STATISTICS_TOKENS,
        )
        if to_tune:
            ids = splits.valid()[:_MAX_TOKENS]
            options = hill_climb(
                lambda tried: mean_log_prob(DynamicEngine(inner, statistics, tried), ids),
                options,
                [name for name in self.tunable if name in to_tune],
            )
        return AppliedMethod(DynamicEngine(inner, statistics, options), options)


def mean_log_prob(engine: Engine, ids: TokenIds) -> float:
    """Return the mean log-probability per token of a text `(N,)`, or minus infinity if the model diverged."""
    try:
        return float(token_log_probs(engine, ids).mean())
    except EvaluationError:
        return -math.inf


def hill_climb[Options: Settings](
    score: Callable[[Options], float], options: Options, names: Collection[str]
) -> Options:
    """Maximize `score` over the settings `names` by hill climbing, one setting after the other.

    Each setting is multiplied or divided by 2 as long as the score improves, and then by the square root of 2.
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
