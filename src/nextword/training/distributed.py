"""Several processes that train one model: data parallel over `jax.distributed`.

`srun`, `mpirun`, Kubernetes or Ray starts the processes, and JAX finds them. Each computes its own rows of every batch.
With `sync_every` 1 they exchange gradients at each step. With N, each trains by itself, and all average weights
and moments every N steps and at the end of a round. Process 0 decides, reports and writes the files. All processes call
these functions in the same order. Alone, the functions return what they were given.
"""

import atexit
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from nextword.errors import ProcessLostError, SettingError
from nextword.text.batching.window import PartOfRows, Windows
from nextword.training.checkpoint_store import Checkpoint
from nextword.training.context import RunContext

if TYPE_CHECKING:
    from nextword.training.step.stream_model import StreamModel

_SIZES = ("OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")  # the number of processes by Open MPI and Slurm
_AXIS = "processes"
_TIMES = {"initialization_timeout": 120, "heartbeat_timeout_seconds": 40, "shutdown_timeout_seconds": 60}
_LOST = ("Gloo", "NCCL", "Connection closed by peer", "coordination service", "Connection reset", "heartbeat")
_REPAIR = "see its output, then start all again with `train --resume RUN`: at most one round is lost"
_EXCHANGES: ContextVar[bool] = ContextVar("exchanges", default=False)  # whether the step that is traced exchanges


def _joined_jax() -> Any:
    """Return JAX if it has joined processes, else `None`; it is not imported for that."""
    jax = sys.modules.get("jax")
    return jax if jax is not None and jax.distributed.is_initialized() else None


def num_processes() -> int:
    """Return the number of processes that train together; 1 before they have joined."""
    return int(jax.process_count()) if (jax := _joined_jax()) else 1


def process_id() -> int:
    """Return the number of this process, from 0. The first one decides, reports and writes the files."""
    return int(jax.process_index()) if (jax := _joined_jax()) else 0


def _join() -> None:
    is_job = "JOB_COMPLETION_INDEX" in os.environ and find_spec("kubernetes")  # through which JAX finds the others
    sizes = [os.environ.get(name, "") for name in _SIZES]
    if not (_joined_jax() or is_job or any(size.isdecimal() and int(size) > 1 for size in sizes)):
        return
    import jax

    try:
        if not jax.distributed.is_initialized():
            jax.config.update("jax_enable_preemption_service", False)  # our own handlers hear SIGTERM
            jax.distributed.initialize(**_TIMES)
    except (RuntimeError, ValueError) as error:
        if "before any JAX" in str(error):
            raise SettingError("processes must join before JAX computes, but this one has; start again") from error
        raise ProcessLostError(f"all processes must meet, but did not ({error!s:.240}); see their output") from error
    with suppress(OSError, TypeError, AttributeError):  # no C library to ask
        ctypes.CDLL(None).signal(signal.SIGABRT, _on_abort)
    sys.stdout.flush()
    output = os.dup(1)
    os.dup2(2, 1)  # Gloo prints that it is connected
    agreed(None)  # Gloo waits for seconds only, so all connect while they are at the same point
    os.dup2(output, 1)
    os.close(output)


@contextmanager
def together() -> Iterator[None]:
    """Join the processes if a launcher started several, and name a lost one in the errors of the block.

    Raises:
        ProcessLostError: Another process did not come, or is gone.
        SettingError: This process has used JAX before.
    """
    try:
        _join()
        yield
        agreed(None)
    except BaseException as error:
        if num_processes() == 1:
            raise
        lost = isinstance(error, ValueError | RuntimeError) and any(word in str(error) for word in _LOST)
        code = 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
        atexit.register(_leave, ProcessLostError.exit_code if lost else getattr(error, "exit_code", code))
        if not lost:
            raise
        told = str(error).splitlines()[0]
        raise ProcessLostError(f"all processes must continue, but one is gone ({told:.200}); {_REPAIR}") from error


def _leave(code: int) -> None:
    """End without the others: JAX would wait for them at exit, and they wait for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@ctypes.CFUNCTYPE(None, ctypes.c_int)  # type: ignore[untyped-decorator]
def _on_abort(_signal: int) -> None:
    """Write one sentence and end, in the thread in which JAX aborts after too many missed heartbeats."""
    os.write(2, f"error: all processes must answer, but one no longer does\nhint: {_REPAIR}\n".encode())
    os._exit(ProcessLostError.exit_code)


def quiet(context: RunContext) -> RunContext:
    """Return the context of this process: only the first one reports."""
    own = {name: getattr(context, name) for name in ("callbacks", "data_dir", "cache_dir")}
    return RunContext(warn=lambda _: None, **own) if process_id() else context


def agreed[Value](value: Value) -> Value:
    """Return the value of process 0, which JSON must be able to store."""
    return value if num_processes() == 1 else json.loads(_broadcast(json.dumps(value).encode()))


def gathered(values: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of all processes `(P * B, ...)`, from those of this one `(B, ...)`."""
    if num_processes() == 1:
        return values
    from jax.experimental.multihost_utils import process_allgather

    return np.asarray(process_allgather(values, tiled=True))


def own_part(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of this process `(B, ...)`, from those of all `(P * B, ...)`."""
    return np.array_split(rows, num_processes())[process_id()] if num_processes() > 1 else rows


def checkpoint_of(read: Callable[[], Checkpoint | None]) -> Checkpoint | None:
    """Return the checkpoint that process 0 reads."""
    found = None if process_id() else read()
    if num_processes() == 1:
        return found
    table: dict[str, Any] | None = agreed(
        {"step": found.step, "state": dict(found.state), "best_step": found.best_step} if found else None
    )
    data = _broadcast(safetensors.numpy.save(dict(found.arrays)) if found else b"")
    return Checkpoint(arrays=safetensors.numpy.load(data), **table) if table else None


def _broadcast(data: bytes) -> bytes:
    from jax.experimental import multihost_utils

    size = int(multihost_utils.broadcast_one_to_all(np.array(len(data), np.int32)))
    own = np.zeros(size, np.uint8) if process_id() else np.frombuffer(data, np.uint8)
    return bytes(np.asarray(multihost_utils.broadcast_one_to_all(own), np.uint8)) if size else b""


def own_rows(windows: Windows) -> Windows:
    """Return the rows of each window that this process computes."""
    return windows if num_processes() == 1 else PartOfRows(windows, process_id(), num_processes())


def mean(value: Any) -> Any:
    """Return the mean over all processes, within a step that exchanges."""
    return _joined_jax().lax.pmean(value, _AXIS) if _EXCHANGES.get() else value


def with_mean_gradients(weights: Any) -> Any:
    """Return weights whose gradients are the means over all processes, within a step that exchanges."""
    if not _EXCHANGES.get():
        return weights
    same = _joined_jax().custom_vjp(lambda weights: weights)
    same.defvjp(lambda weights: (weights, None), lambda _, gradients: (_means(gradients),))
    return same(weights)


def _means(arrays: Any) -> Any:
    """Return the means over all processes; the arrays travel as one, since Gloo takes milliseconds for each."""
    from jax.flatten_util import ravel_pytree

    flat, unraveled = ravel_pytree(arrays)
    return unraveled(_joined_jax().lax.pmean(flat, _AXIS))


@cache
def _in_all(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that all processes call at once, each with arrays of its own."""
    jax = _joined_jax()
    mesh, spec = jax.sharding.Mesh(np.array(jax.devices()), (_AXIS,)), jax.sharding.PartitionSpec()
    # Every array passes as if all had the same, so that each process keeps its own.
    mapped = jax.shard_map(function, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    compiled, sharding = jax.jit(mapped, donate_argnums=0), jax.sharding.NamedSharding(mesh, spec)

    def passed(array: Any) -> Any:
        array = jax.numpy.asarray(array)
        return jax.make_array_from_single_device_arrays(array.shape, sharding, [array])

    return lambda *given: jax.tree.map(lambda array: array.addressable_data(0), compiled(*jax.tree.map(passed, given)))


def training_step(stream: "StreamModel") -> Callable[[Any, Any], Any]:
    """Return the compiled training step of one of several processes."""
    from nextword.model.ops.dropout import rows_of_shard

    jax, every = _joined_jax(), stream.options.sync_every

    def step(state: Any, data: Any) -> Any:
        token = _EXCHANGES.set(every == 1)
        with rows_of_shard(jax.lax.axis_index(_AXIS) if every == 1 else jax.numpy.int32(process_id())):
            result = stream.train_step(state, data)
        _EXCHANGES.reset(token)
        return result

    def run_alone(state: Any, data: Any) -> Any:
        logs, (weights, others, moments, metrics) = compiled(state, data)
        stream.steps_alone += 1
        if stream.steps_alone % every == 0:
            weights, moments = _averages((weights, moments))
        return logs, (weights, others, moments, metrics)

    compiled = _in_all(step) if every == 1 else jax.jit(step, donate_argnums=0)
    return compiled if every == 1 else run_alone


def average(stream: "StreamModel") -> None:
    """Replace weights and moments of each process by the means over all."""
    stream.steps_alone = 0
    variables = [*stream.trainable_variables, *stream.optimizer.variables] if num_processes() > 1 else []
    for variable, value in zip(variables, _averages([each.value for each in variables]), strict=True):
        variable.assign(value)


def _averages(arrays: Any) -> Any:
    """Return the means of the arrays of floats, and the others as they are; alone, there are none."""
    import jax

    leaves, form = jax.tree.flatten(arrays)
    floats = [index for index, leaf in enumerate(leaves) if leaf.dtype.kind == "f"]
    means = _in_all(_means)([leaves[index] for index in floats]) if floats else ()
    for index, value in zip(floats, means, strict=True):
        leaves[index] = value
    return jax.tree.unflatten(form, leaves)
