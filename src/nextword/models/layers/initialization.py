"""How weights begin: reproducibly, each from a seed of its own."""

import zlib
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import keras
from keras import ops

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class Initialization(Settings):
    """The distribution that weights are drawn from.

    `glorot` is what Keras does by default and the tutorial therefore has: Glorot-uniform kernels and orthogonal
    recurrent kernels. `uniform` draws all from one interval, as Zaremba et al. (2014) do. Biases begin at zero, the
    forget gate's aside.

    The seed of a weight depends on the model's seed and the layer's name alone, so that adding a layer leaves the
    others as they were.
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

    def factor(self, name: str, *, num_inputs: int, rank: int) -> Any:
        r"""Return the initializer of either factor of a matrix of low rank, whatever the kind.

        Truncated normal, so that the elements of the product have a variance of about $1 / I$ for `num_inputs` $I$ (as
        in google-deepmind/lamb).
        """
        return keras.initializers.TruncatedNormal(stddev=(num_inputs * rank) ** -0.25, seed=self._seed(name))

    def lstm_bias(self, forget_bias: float) -> Any:
        """Return the initializer of an LSTM's bias `(4H,)`: zero, the forget gate's aside."""

        def bias(shape: tuple[int, ...], dtype: Any = None) -> Any:
            zeros = ops.zeros((shape[0] // 4,), dtype)
            return ops.concatenate((zeros, ops.full_like(zeros, forget_bias), zeros, zeros))

        return bias

    def embedding(self, name: str) -> Any:
        """Return the initializer of an embedding: uniform in either case."""
        return self._uniform(self._seed(f"{name}/embeddings"))

    def dropout_seed(self, name: str) -> int:
        """Return the seed of a dropout layer's masks."""
        return self._seed(f"{name}/dropout")

    def _uniform(self, seed: int) -> Any:
        return keras.initializers.RandomUniform(-self.scale, self.scale, seed=seed)

    def _seed(self, name: str) -> int:
        return zlib.crc32(f"{self.seed}:{name}".encode()) & 0x7FFF_FFFF


class InitializedLayer(keras.layers.Layer):
    """A layer that knows how its weights begin and in which precision it multiplies; both are in its configuration.

    Args:
        initialization: How the kernels begin, and the seed of dropout masks.
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
        """Rebuild the layer from `get_config`."""
        return cls(**{**config, "initialization": Initialization.from_table(config["initialization"])})
