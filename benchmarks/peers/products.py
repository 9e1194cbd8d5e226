"""The peak of the processor: matrix products with float32 accumulation in JAX, in the shapes of training."""

import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib

from peer_protocol import Run, described, serve

# (M, K, N) for a product of (M, K) and (K, N). The best of them is the peak, so more can only raise it.
SHAPES = (
    (448, 512, 2048),
    (448, 512, 10_000),
    (640, 512, 10_000),
    (2240, 512, 2048),
    (512, 448, 10_000),
    (512, 2240, 10_000),
    (448, 10_000, 512),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
)
# Shapes that fill a processor leave a GPU idle.
GPU_SHAPES = ((4096, 4096, 4096), (8192, 8192, 8192))
DTYPES = ("bfloat16", "float32")


# In float32, whatever the operands are in.
product = jax.jit(partial(jnp.matmul, preferred_element_type=jnp.float32))


def prepare(_settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Make the operands."""
    shapes = SHAPES if jax.default_backend() == "cpu" else SHAPES + GPU_SHAPES
    operands = {
        f"{dtype} {rows}x{inner}x{columns}": (jnp.ones((rows, inner), dtype), jnp.ones((inner, columns), dtype))
        for dtype in DTYPES
        for rows, inner, columns in shapes
    }

    def run(steps: int) -> dict[str, list[float]]:
        return {name: [_seconds(*pair) for _ in range(steps)] for name, pair in operands.items()}

    versions = {"jax": jax.__version__, "jaxlib": jaxlib.__version__}
    return described(0, " and ".join(DTYPES), versions, device=jax.default_backend()), run


def _seconds(left: jax.Array, right: jax.Array) -> float:
    start = time.perf_counter()
    product(left, right).block_until_ready()
    return time.perf_counter() - start


if __name__ == "__main__":
    serve(prepare)
