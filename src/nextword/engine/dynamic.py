"""Dynamic evaluation: its settings, and the engine that runs it."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.engine.engine import Engine
from nextword.engine.opening import require_float32_weights, require_jax_engine, start_engine
from nextword.engine.text_model import LoadedModel
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds

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


def dynamic_engine(model: LoadedModel, train: TokenIds, options: DynamicOptions) -> Engine:
    """Return an engine whose weights start as those of a model's network and learn from the text that they read.

    Args:
        model: The model; one that onnxruntime runs in float32 is started in Keras.
        train: The ids of its training text, which say how far each weight may move.
        options: The settings.

    Raises:
        BundleError: The model is slim.
        SettingError: The model does not run in Keras on JAX.
    """
    require_float32_weights(model, "dynamic")
    is_same = model.runtime == "onnxruntime" and model.precision == "float32"
    network = start_engine(model.bundle, "keras", method="static").engine if is_same else model.network
    inner = require_jax_engine(network, "dynamic")
    from nextword.engine.dynamic_engine import DynamicEngine, root_mean_square_gradients

    statistics = root_mean_square_gradients(
        inner.model,
        train,
        end_id=inner.end_id,
        num_steps=options.dynamic_segment_length,
        max_tokens=_STATISTICS_TOKENS,
    )
    return DynamicEngine(inner, statistics, options)
