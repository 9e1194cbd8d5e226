"""Reproducible initial weights, with a separate seed for each weight."""

import zlib
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import keras
from keras import ops

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class Initialization(Settings):
    """The distribution of the initial weights.

    `glorot` is the default of Keras and of the tutorial: Glorot-uniform kernels and orthogonal recurrent kernels.
    `uniform` draws all kernels from one interval, as in Zaremba et al. (2014). Biases begin at zero, except that of the
    forget gate.

    The seed of a weight depends only on the model's seed and the layer's name: another layer does not change it.
    """

    group: ClassVar[str] = "initialization"

    kind: Literal["glorot", "uniform"] = setting("glorot", help="Distribution of the kernels.")
    scale: float = setting(0.05, help="Half-width of the uniform interval.", at_least=0.0)
    seed: int = setting(0, help="Seed of all weights.", at_least=0)

    def kernel(self, name: str) -> Any:
        """Return the initializer of an input or output kernel."""
        seed = self._seed(f"{name}/kernel")
        return keras.initializers.GlorotUniform(seed) if self.kind == "glorot" else self._uniform(seed)

    def recurrent(self, name: str) -> Any:
        """Return the initializer of a recurrent kernel."""
        seed = self._seed(f"{name}/recurrent_kernel")
        return keras.initializers.Orthogonal(seed=seed) if self.kind == "glorot" else self._uniform(seed)

    def lstm_bias(self, forget_bias: float) -> Any:
        """Return the initializer of an LSTM's bias `(4H,)`: zero except for the forget gate."""

        def bias(shape: tuple[int, ...], dtype: Any = None) -> Any:
            zeros = ops.zeros((shape[0] // 4,), dtype)
            return ops.concatenate((zeros, ops.full_like(zeros, forget_bias), zeros, zeros))

        return bias

    def embedding(self, name: str) -> Any:
        """Return the initializer of an embedding: uniform for every `kind`."""
        return self._uniform(self._seed(f"{name}/embeddings"))

    def dropout_seed(self, name: str) -> int:
        """Return the seed of a dropout layer's masks."""
        return self._seed(f"{name}/dropout")

    def _uniform(self, seed: int) -> Any:
        return keras.initializers.RandomUniform(-self.scale, self.scale, seed=seed)

    def _seed(self, name: str) -> int:
        return zlib.crc32(f"{self.seed}:{name}".encode()) & 0x7FFF_FFFF


class InitializedLayer(keras.layers.Layer):
    """A layer whose configuration includes its initialization and the precision of its products.

    Args:
        initialization: Distribution of the initial kernels, and seed of the dropout masks.
        compute_dtype: Precision of the matrix products in training, `float32` or `bfloat16`; prediction is float32.
    """

    def __init__(
        self, *, initialization: Initialization | None = None, compute_dtype: str = "float32", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.initialization = initialization or Initialization()
        self.product_dtype = compute_dtype

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "initialization": self.initialization.to_table(),
            "compute_dtype": self.product_dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Create the layer from the result of `get_config`."""
        return cls(**{**config, "initialization": Initialization.from_table(config["initialization"])})
