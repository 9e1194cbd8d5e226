"""Monte-Carlo dropout: the mean of predictions under many dropout masks."""

from collections.abc import Collection
from typing import ClassVar

from nextword.engine.engine import Engine
from nextword.engine.methods.dropout_options import DropoutOptions
from nextword.engine.methods.method import AppliedMethod, Method, Splits
from nextword.engine.opening import require_jax_engine
from nextword.settings import Settings


class Dropout(Method[DropoutOptions]):
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
