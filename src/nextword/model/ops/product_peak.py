"""The fastest matrix products that JAX runs on this machine. Training speed is compared with them."""

import time
from functools import partial

import jax
import jax.numpy as jnp

# (M, K, N) for a product of (M, K) and (K, N): the shapes of training, and square ones.
_SHAPES = ((448, 512, 2048), (448, 512, 10_000), (640, 512, 10_000), (1024, 1024, 1024), (2048, 2048, 2048))
# Products that keep a CPU busy are too small for a GPU.
_GPU_SHAPES = ((4096, 4096, 4096), (8192, 8192, 8192))

_product = jax.jit(partial(jnp.matmul, preferred_element_type=jnp.float32))


def measure_product_peak(dtype: str, *, seconds: float) -> float:
    r"""Return the floating-point operations per second of the fastest product, measured for about `seconds`.

    A product of $(M, K)$ and $(K, N)$ counts $2 M K N$ operations. It is accumulated in float32 for every `dtype`.
    """
    shapes = _SHAPES if jax.default_backend() == "cpu" else _SHAPES + _GPU_SHAPES
    return max(_rate(shape, dtype, seconds / len(shapes)) for shape in shapes)


def _rate(shape: tuple[int, int, int], dtype: str, seconds: float) -> float:
    rows, inner, columns = shape
    left, right = jnp.ones((rows, inner), dtype), jnp.ones((inner, columns), dtype)
    _product(left, right).block_until_ready()
    best = float("inf")
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        _product(left, right).block_until_ready()
        now = time.perf_counter()
        best = min(best, now - start)
        if now >= end:
            return 2 * rows * inner * columns / best
