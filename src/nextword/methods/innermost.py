"""What the methods need that go around the model itself."""

from typing import TYPE_CHECKING

from nextword.engine.engine import Engine
from nextword.errors import MissingExtraError, SettingError

if TYPE_CHECKING:
    from nextword.engine.keras_engine import KerasEngine


def require_keras_engine(engine: Engine, method: str) -> "KerasEngine":
    """Return the engine as one over a Keras model.

    Raises:
        MissingExtraError: Keras is missing.
        SettingError: It is another engine.
    """
    try:
        from nextword.engine.keras_engine import KerasEngine
    except ImportError as error:
        raise MissingExtraError(
            f"`{method}` needs Keras and JAX, but `{error.name}` is missing; install `nextword[train]`"
        ) from error
    if not isinstance(engine, KerasEngine):
        raise SettingError(
            f"`{method}` must go around the Keras model itself, but was given the engine {type(engine).__name__}; "
            "name it first, and one such method alone; an exported model is run by Keras with `--engine keras`"
        )
    return engine
