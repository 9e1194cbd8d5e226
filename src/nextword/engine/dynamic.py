"""Dynamic evaluation: its settings, and the engine that runs it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nextword.engine.engine import Engine
from nextword.engine.opening import start_engine
from nextword.engine.text_model import LoadedModel
from nextword.errors import BundleError, MissingExtraError, SettingError
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds

if TYPE_CHECKING:
    from nextword.engine.keras_engine import KerasEngine

_STATISTICS_TOKENS = 200_000  # number of training tokens for the gradient statistics; more tokens hardly change them


@dataclass(frozen=True, kw_only=True)
class DynamicOptions(Settings):
    """The settings of dynamic evaluation.

    Learning rate and decay are per segment. For shorter segments, reduce both in proportion.

    Raises:
        SettingError: A value is out of range.

    Example:
        >>> DynamicOptions(dynamic_segment_length=10, dynamic_learning_rate=2.5e-5, dynamic_decay=0.01).dynamic_decay
        0.01
    """

    group: ClassVar[str] = "dynamic"
    task: ClassVar[str] = "method"

    dynamic_segment_length: int = setting(
        20, help="dynamic: tokens between updates of the weights. 5 is better and slower.", at_least=1, at_most=4096
    )
    dynamic_learning_rate: float = setting(5e-5, help="dynamic: step size along the gradient.", at_least=0.0)
    dynamic_decay: float = setting(0.02, help="dynamic: pull toward the trained weights.", at_least=0.0)


def dynamic_engine(model: LoadedModel, train: Callable[[], TokenIds], options: DynamicOptions) -> Engine:
    """Return an engine whose weights start as those of a model's network and learn from the text that they read.

    Args:
        model: The model; one that onnxruntime runs in float32 is started in Keras.
        train: Returns the ids of its training text, which say how far each weight may move.
        options: The settings.

    Raises:
        BundleError: The model is slim.
        MissingExtraError: Keras is missing.
        SettingError: The model does not run in Keras.
    """
    inner = _keras_engine(model)
    from nextword.engine.dynamic_engine import DynamicEngine, root_mean_square_gradients

    statistics = root_mean_square_gradients(
        inner.model,
        train(),
        end_id=inner.end_id,
        num_steps=options.dynamic_segment_length,
        max_tokens=_STATISTICS_TOKENS,
    )
    return DynamicEngine(inner, statistics, options)


def _keras_engine(model: LoadedModel) -> "KerasEngine":
    """Return the network of a model in Keras."""
    if model.bundle.is_slim:
        raise BundleError(
            f"`dynamic` needs the float32 weights of the model, but `{model.name}` is a slim model, which has none; "
            'use the model that it was exported from, with the engine keras (`--engine keras`, or `engine="keras"` '
            "in Python)"
        )
    try:
        from nextword.engine.keras_engine import KerasEngine
    except ImportError as error:
        raise MissingExtraError.of("`dynamic` needs Keras and JAX", error.name, "train") from error
    is_same = model.runtime == "onnxruntime" and model.precision == "float32"
    network = start_engine(model.bundle, "keras", method="static").engine if is_same else model.network
    if not isinstance(network, KerasEngine):
        raise SettingError(
            f"`dynamic` needs the Keras model itself, but has the engine {type(network).__name__}; choose the engine "
            'keras: `--engine keras`, or `engine="keras"` in Python'
        )
    return network
