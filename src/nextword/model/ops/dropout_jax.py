"""Dropout masks from a hash of each element's index; XLA fuses the hash into the operation that uses it."""

import math

import jax
import jax.numpy as jnp

_MULTIPLIER, _INCREMENT = 1_664_525, 1_013_904_223


def dropout_by_key(
    inputs: jax.Array, key: jax.Array, rate: float, mask_shape: tuple[int, ...], *, shard: jax.Array | None = None
) -> jax.Array:
    """Apply dropout to `inputs` at `rate`, with the mask of `key` `(2,)`, or with part `shard` of a larger mask."""
    threshold = min(2**32 - 1, round((1.0 - rate) * 2**32))
    keep = random_bits(key, mask_shape, shard) < jnp.uint32(threshold)
    scale = 1.0 / (1.0 - rate) if rate < 1.0 else 0.0
    return inputs * jnp.where(keep, scale, 0.0).astype(inputs.dtype)


def random_bits(key: jax.Array, shape: tuple[int, ...], shard: jax.Array | None = None) -> jax.Array:
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
