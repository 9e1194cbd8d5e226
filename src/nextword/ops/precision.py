"""The precision of matrix products: asked for by name, or the faster one on this processor."""

import math
import time
import timeit
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import keras

from nextword.machine.framework import ComputeDtype

if keras.backend.backend() == "jax":
    import jax
    import jax.numpy as jnp

    from nextword.ops.products import matmul
elif keras.backend.backend() == "torch":
    import torch

    from nextword.ops import lstm_torch

# Below this gain the loss of precision is not worth taking; processors without bfloat16 units come out below 1.
WORTHWHILE_SPEEDUP = 1.3

# Something else may have the processor for as long as one measurement takes, but hardly for all of these.
_TURNS = 4


def shortest_seconds(run: Callable[[], object], *, repeats: int = 7) -> float:
    """Return the shortest of `repeats` runs after one that is not counted; the others were held up by something.

    Args:
        run: Does the work, and returns only when it is done.
        repeats: How often it is timed.

    Example:
        >>> 0 < shortest_seconds(lambda: sum(range(1000))) < 1
        True
    """
    return min(timeit.repeat(run, number=1, repeat=1 + repeats, timer=time.perf_counter)[1:])


def resolve_compute_dtype(asked: ComputeDtype) -> Literal["float32", "bfloat16"]:
    """Return `asked`, or for `auto` the precision in which this processor multiplies matrices faster."""
    if asked != "auto":
        return asked
    return "bfloat16" if bfloat16_speedup() >= WORTHWHILE_SPEEDUP else "float32"


@cache
def bfloat16_speedup() -> float:
    """Measure how many times faster this processor is in bfloat16 than in float32, at what is done in it.

    On JAX that is a matrix product; on PyTorch its own LSTM, forward and back, since there the loss is float32 always.
    In turns, the shortest of each counting; half a second, once a process. Other backends have no bfloat16 path and
    give 1.
    """
    measures = {"jax": _jax_product_seconds, "torch": _torch_lstm_seconds}
    seconds = measures.get(keras.backend.backend())
    if seconds is None:
        return 1.0
    turns = [(seconds("float32"), seconds("bfloat16")) for _ in range(_TURNS)]
    return min(turn[0] for turn in turns) / min(turn[1] for turn in turns)


def _jax_product_seconds(compute_dtype: str) -> float:
    product, *operands = _jax_product(compute_dtype)
    return shortest_seconds(lambda: product(*operands).block_until_ready())


@cache
def _jax_product(compute_dtype: str) -> tuple[Any, Any, Any]:
    """Return a compiled product, compiled once for all turns, and its operands."""
    product = jax.jit(partial(matmul, compute_dtype=compute_dtype))
    return product, jnp.ones((448, 512), compute_dtype), jnp.ones((512, 2048), compute_dtype)


def _torch_lstm_seconds(compute_dtype: str) -> float:
    inputs, state = keras.ops.ones((32, 32, 256)), keras.ops.ones((32, 256))
    kernel, bias = keras.ops.ones((256, 1024)), keras.ops.ones((1024,)).requires_grad_()

    def run() -> float:
        hiddens, _, _ = lstm_torch.lstm_recurrence(inputs, state, state, kernel, kernel, bias, compute_dtype)
        (gradient,) = torch.autograd.grad(hiddens.sum(), (bias,))
        return float(gradient[0])  # read, so that a GPU has finished

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would wait for each other wherever the machine is busy
    try:
        return shortest_seconds(run)
    except RuntimeError:  # so PyTorch says that a device has no LSTM in this precision
        return math.inf
    finally:
        torch.set_num_threads(num_threads)
