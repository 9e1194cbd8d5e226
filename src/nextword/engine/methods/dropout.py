"""Monte-Carlo dropout: the mean of predictions under many dropout masks."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Literal

from nextword.engine.engine import Engine
from nextword.engine.methods.method import AppliedMethod, Method, Splits
from nextword.engine.opening import require_jax_engine
from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class DropoutOptions(Settings):
    """The settings of the mean over dropout masks.

    Raises:
        SettingError: A value is out of range.

    Example:
        >>> DropoutOptions(dropout_num_samples=5).to_table()
        {'dropout_num_samples': 5, 'dropout_mean': 'arithmetic', 'dropout_seed': 0}
    """

    group: ClassVar[str] = "dropout"
    task: ClassVar[str] = "method"

    dropout_num_samples: int = setting(
        20, help="mc_dropout: number of dropout masks to average over.", at_least=1, at_most=10_000
    )
    dropout_mean: Literal["arithmetic", "geometric"] = setting(
        "arithmetic", help="mc_dropout: average the probabilities, or their logarithms."
    )
    dropout_seed: int = setting(0, help="mc_dropout: seed for the masks.", at_least=0, at_most=2**31 - 1)


class DropoutMethod(Method[DropoutOptions]):
    """The mean of predictions with dropout enabled; nothing is tuned."""

    name = "mc_dropout"
    options_type: ClassVar[type[Settings]] = DropoutOptions
    is_innermost = True

    def apply(
        self, engine: Engine, options: DropoutOptions, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[DropoutOptions]:
        """Wrap `engine` in a `DropoutEngine`."""
        del splits, to_tune
        inner = require_jax_engine(engine, self.name)
        from nextword.engine.keras.dropout_engine import DropoutEngine

        return AppliedMethod(DropoutEngine(inner, options), options)
