from functools import partial
from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec
from keras import ops

from nextword.errors import SettingError
from nextword.text.batching.streams import Streams, make_windows
from nextword.text.options import BatchOptions
from nextword.training.cluster.data_parallel import DataParallel, RowsOfProcess, with_whole_gradients
from nextword.training.cluster.group import ProcessGroup
from nextword.training.cluster.joined import AXIS
from nextword.training.config import RunConfig

IDS = np.arange(200, dtype=np.int32)
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


@pytest.mark.parametrize("num_processes", [1, 2, 4])
@pytest.mark.parametrize("varied", [{}, {"variable_num_steps": True}, {"shuffle": "partial"}], ids=str)
def test_parts_together_are_the_whole(num_processes: int, varied: dict[str, Any]) -> None:
    options = BatchOptions(batch_size=4, num_steps=10, **varied)
    whole = make_windows(IDS, options, end_id=0)
    parts = [RowsOfProcess(whole, num_processes, number) for number in range(num_processes)]
    for step in range(7):
        windows = [part.window(step) for part in parts]
        for name, array in whole.window(step)._asdict().items():
            assert np.array_equal(np.concatenate([getattr(each, name) for each in windows]), array)
    np.testing.assert_array_equal(parts[0].relative_lengths(9), whole.relative_lengths(9))
    assert parts[-1].words_per_step == whole.words_per_step
    assert parts[-1].steps_per_epoch == whole.steps_per_epoch
    assert np.array_equal(parts[-1].order([5, 7], 3), whole.order([5, 7], 3))


def test_rows_beyond_the_batch_count_nothing() -> None:
    streams = Streams(IDS, batch_size=3, num_steps=5, first_input=0)
    last = RowsOfProcess(streams, 2, 1).window(0)
    assert last.weights.tolist() == [[1.0] * 5, [0.0] * 5]
    assert last.inputs.dtype == np.int32
    assert RowsOfProcess(Streams(IDS, batch_size=1, num_steps=5, first_input=0), 4, 3).window(0).weights.sum() == 0


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    config = RunConfig.of("quick", {"batching": {"batch_size": 9}})
    with pytest.raises(SettingError, match="`batch_size` must be a multiple of the number of processes, 2, but is 9"):
        DataParallel(ProcessGroup(2, 0)).settings(config)
