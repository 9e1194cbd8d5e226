"""Dropout whose masks come from a hash, which XLA fuses into what uses it."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import keras

_MULTIPLIER, _INCREMENT = 1_664_525, 1_013_904_223

_SHARD: ContextVar[Any] = ContextVar("shard", default=None)


@contextmanager
def rows_of_shard(shard: Any) -> Iterator[None]:
    """Say, within the block, that inputs are an equal part of the rows of a batch: number `shard`, from 0.

    Masks are then those that the whole batch would have in these rows.
    """
    token = _SHARD.set(shard)
    try:
        yield
    finally:
        _SHARD.reset(token)


def dropout(
    inputs: Any,
    rate: float,
    *,
    seed: keras.random.SeedGenerator,
    noise_shape: Sequence[int | None] | None = None,
    has_rows: bool = True,
) -> Any:
    r"""Set a random part of `inputs` to zero and scale the rest, which keeps the mean.

    $$y = \frac{m \odot x}{1 - p}, \quad m \sim \text{Bernoulli}(1 - p)$$

    The distribution is that of `keras.random.dropout`. The masks differ, because JAX's random numbers take a fifth of a
    training step on a CPU.

    Args:
        inputs: $x$.
        rate: $p$, in [0, 1]; 1 sets everything to zero.
        seed: Advances by one with each call.
        noise_shape: Shape of $m$, with 1 for each axis that shares a mask. `None` is the shape of `inputs`; a `None`
            inside the shape is that dimension of `inputs`.
        has_rows: Whether the first axis is that of the batch; see `rows_of_shard`.
    """
    inputs = keras.ops.convert_to_tensor(inputs)
    shape = noise_shape or (None,) * inputs.ndim
    mask_shape = tuple(whole if part is None else part for part, whole in zip(shape, inputs.shape, strict=True))
    return dropout_by_key(inputs, seed.next(), rate, mask_shape, shard=_SHARD.get() if has_rows else None)


def dropout_by_key(inputs: Any, key: Any, rate: float, mask_shape: tuple[int, ...], *, shard: Any = None) -> Any:
    """Apply dropout to `inputs` at `rate`, with the mask of `key` `(2,)`, or with part `shard` of a larger mask."""
    threshold = min(2**32 - 1, round((1.0 - rate) * 2**32))
    keep = random_bits(key, mask_shape, shard) < jnp.uint32(threshold)
    scale = 1.0 / (1.0 - rate) if rate < 1.0 else 0.0
    return inputs * jnp.where(keep, scale, 0.0).astype(inputs.dtype)


def random_bits(key: Any, shape: tuple[int, ...], shard: Any = None) -> Any:
    """Return 32 random bits for each element of `shape`, determined by `key` `(2,)`.

    With `shard`, they are part number `shard`, along the first axis, of the bits of a larger array.

    The bits are a hash of index and key: a dozen operations on a number, mostly without an array in memory. JAX's
    Threefry passes over an array in memory twenty times.

    Source:
        Jarzynski and Olano (2020), "Hash functions for GPU rendering", Journal of Computer Graphics Techniques 9(3),
        the first of the three results of `pcg3d`.
    """
    index = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    if shard is not None:
        index += shard.astype(jnp.uint32) * jnp.uint32(math.prod(shape))
    x, y, z = (_MULTIPLIER * value.astype(jnp.uint32) + _INCREMENT for value in (index, key[1], key[0]))
    x += y * z
    y += z * x
    z += x * y
    x, y, z = (value ^ (value >> 16) for value in (x, y, z))
    return x + y * z
