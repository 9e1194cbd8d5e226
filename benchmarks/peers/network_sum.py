"""Measures Gloo: `python network_sum.py HOST:PORT NUMBER BYTES` is process NUMBER of two.

Both sum an array of BYTES again and again, as `data-parallel` sums gradients. Each prints the seconds of a sum.
"""

import json
import sys
import time
from statistics import median

import jax
from jax.sharding import PartitionSpec

from nextword.training.cluster.group import ProcessGroup
from nextword.training.cluster.joined import AXIS, Joined, join

_WARM_UP = 3
_SUMS = 12


def main() -> None:
    """Be one of the two processes."""
    address, number, num_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps({"seconds": seconds_of_sum(join(ProcessGroup(2, number, address)), num_bytes // 4)}))


def seconds_of_sum(processes: Joined, length: int) -> float:
    """Return the seconds in which all processes sum an array of float32 `(length,)`; the median of some."""
    same = PartitionSpec()
    total = jax.shard_map(
        lambda array: jax.lax.psum(array, AXIS), mesh=processes.mesh, in_specs=same, out_specs=same, check_vma=False
    )
    compiled = jax.jit(total)
    ones = jax.numpy.ones(length, "float32")
    array = jax.make_array_from_single_device_arrays(
        ones.shape, jax.sharding.NamedSharding(processes.mesh, same), [ones]
    )
    times = []
    for _ in range(_WARM_UP + _SUMS):
        start = time.perf_counter()
        compiled(array).block_until_ready()
        times.append(time.perf_counter() - start)
    return median(times[_WARM_UP:])


if __name__ == "__main__":
    main()
