"""The precision of matrix products: a given one, or the faster one on this processor; and the speed of the fastest."""

import time
import timeit
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import jax
import jax.numpy as jnp

from nextword.model.ops.products import matmul
from nextword.system.framework import ComputeDtype

_peak_product = jax.jit(partial(jnp.matmul, preferred_element_type=jnp.float32))

# A smaller speedup does not justify the loss of precision. Processors without bfloat16 units have a speedup below 1.
WORTHWHILE_SPEEDUP = 1.3

# Another process may disturb one measurement, but hardly all of them.
_TURNS = 4


def shortest_seconds(run: Callable[[], object], *, repeats: int = 7) -> float:
    """Return the shortest time of `repeats` runs in seconds, after one warm-up run."""
    return min(timeit.repeat(run, number=1, repeat=1 + repeats, timer=time.perf_counter)[1:])


def resolve_compute_dtype(requested: ComputeDtype) -> Literal["float32", "bfloat16"]:
    """Return `requested`, or for `auto` the precision in which this processor multiplies matrices faster."""
    if requested != "auto":
        return requested
    return "bfloat16" if bfloat16_speedup() >= WORTHWHILE_SPEEDUP else "float32"


@cache
def bfloat16_speedup() -> float:
    """Return the measured speedup of bfloat16 over float32 on this processor.

    The two precisions take turns, and the shortest time of each counts. This takes half a second, once a process.
    """
    turns = [(_product_seconds("float32"), _product_seconds("bfloat16")) for _ in range(_TURNS)]
    return min(turn[0] for turn in turns) / min(turn[1] for turn in turns)


def _product_seconds(compute_dtype: str) -> float:
    product, *operands = _product(compute_dtype)
    return shortest_seconds(lambda: product(*operands).block_until_ready())


@cache
def _product(compute_dtype: str) -> tuple[Any, Any, Any]:
    """Return a product that is compiled once for all turns, and its operands."""
    product = jax.jit(partial(matmul, compute_dtype=compute_dtype))
    return product, jnp.ones((448, 512), compute_dtype), jnp.ones((512, 2048), compute_dtype)


# (M, K, N) for a product of (M, K) and (K, N): the shapes of training, and square ones.
_SHAPES = ((448, 512, 2048), (448, 512, 10_000), (640, 512, 10_000), (1024, 1024, 1024), (2048, 2048, 2048))
# Products that keep a CPU busy are too small for a GPU.
_GPU_SHAPES = ((4096, 4096, 4096), (8192, 8192, 8192))


def measure_product_peak(dtype: str, *, seconds: float) -> float:
    r"""Return the floating-point operations per second of the fastest product on JAX, measured for about `seconds`.

    The speed of training is compared with it.

    A product of $(M, K)$ and $(K, N)$ counts $2 M K N$ operations. It is accumulated in float32 for every `dtype`.
    """
    shapes = _SHAPES if jax.default_backend() == "cpu" else _SHAPES + _GPU_SHAPES
    return max(_rate(shape, dtype, seconds / len(shapes)) for shape in shapes)


def _rate(shape: tuple[int, int, int], dtype: str, seconds: float) -> float:
    rows, inner, columns = shape
    left, right = jnp.ones((rows, inner), dtype), jnp.ones((inner, columns), dtype)
    _peak_product(left, right).block_until_ready()
    best = float("inf")
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        _peak_product(left, right).block_until_ready()
        now = time.perf_counter()
        best = min(best, now - start)
        if now >= end:
            return 2 * rows * inner * columns / best
