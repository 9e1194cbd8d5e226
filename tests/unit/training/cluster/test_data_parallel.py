from functools import partial

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from keras import ops

from nextword.training.cluster.data_parallel import with_whole_gradients
from nextword.training.cluster.joined import AXIS

WEIGHTS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(4, np.float32), np.ones((), np.float32)]


@partial(
    jax.shard_map,
    mesh=Mesh(np.array(jax.devices()[:1]), (AXIS,)),
    in_specs=PartitionSpec(),
    out_specs=PartitionSpec(),
    check_vma=False,
)
def gradients_of(weights: list[jax.Array]) -> list[jax.Array]:
    """Return the gradients of the sum of the squares, halved."""

    def loss(own: list[jax.Array]) -> jax.Array:
        return ops.sum([ops.sum(each**2) for each in with_whole_gradients(own)]) / 2

    gradients: list[jax.Array] = jax.grad(loss)(weights)
    return gradients


def test_all_gradients_travel_as_one_array() -> None:
    # Gloo takes some milliseconds for each array, however small.
    assert str(jax.make_jaxpr(gradients_of)(WEIGHTS)).count("psum") == 1


def test_each_weight_has_its_own_gradient() -> None:
    found = gradients_of(WEIGHTS)
    assert [each.shape for each in found] == [each.shape for each in WEIGHTS]
    assert all(np.array_equal(each, weight) for each, weight in zip(found, WEIGHTS, strict=True))
