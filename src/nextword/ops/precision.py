"""The precision of matrix products: asked for by name, or the faster one on this processor."""

import time
from functools import cache
from typing import Literal

ComputeDtype = Literal["auto", "float32", "bfloat16"]

# Below this gain the loss of precision is not worth taking; processors without bfloat16 units come out below 1.
_WORTHWHILE_SPEEDUP = 1.3


def resolve_compute_dtype(asked: ComputeDtype) -> Literal["float32", "bfloat16"]:
    """Return `asked`, or for `auto` the precision in which this processor multiplies matrices faster."""
    if asked != "auto":
        return asked
    return "bfloat16" if bfloat16_speedup() >= _WORTHWHILE_SPEEDUP else "float32"


@cache
def bfloat16_speedup() -> float:
    """Measure how many times faster a bfloat16 product with float32 accumulation is than a float32 one.

    A tenth of a second, once a process. Backends other than JAX have no bfloat16 path and give 1.
    """
    import keras

    if keras.backend.backend() != "jax":
        return 1.0
    return _product_seconds("float32") / _product_seconds("bfloat16")


def _product_seconds(compute_dtype: str, repeats: int = 7) -> float:
    import jax
    import jax.numpy as jnp

    from nextword.ops.products import matmul

    left, right = jnp.ones((448, 512)), jnp.ones((512, 2048))
    product = jax.jit(lambda: matmul(left, right, compute_dtype))
    product().block_until_ready()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        product().block_until_ready()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
