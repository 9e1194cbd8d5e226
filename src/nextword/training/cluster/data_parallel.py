"""Data parallelism: each process computes its rows of every batch, and all sums are those of the whole batch."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, override

import jax
import keras
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from keras import ops
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.model.language_model import LanguageModel
from nextword.model.ops.cross_entropy import Candidates, TokenLosses
from nextword.model.ops.dropout import rows_of_shard
from nextword.model.recurrent_stack import StackOutputs
from nextword.text.batching.window import Window, Windows
from nextword.training.checkpoint_store import Arrays, CheckpointStore
from nextword.training.cluster.group import Group, SharedCheckpointStore
from nextword.training.cluster.joined import AXIS, join
from nextword.training.config import RunConfig
from nextword.training.options import TrainingOptions
from nextword.training.step.candidate_sampler import CandidateSampler
from nextword.training.step.stream_model import StreamModel, named_variables

_SAME, _ROWS = PartitionSpec(), PartitionSpec(AXIS)


class DataParallel(Group):
    """Processes that share the rows of each batch; process 0 reads and writes the checkpoints for all."""

    @property
    def mesh(self) -> Mesh:
        """One device of each process."""
        return join(self._group).mesh

    @override
    def settings(self, config: RunConfig) -> RunConfig:
        if config.batching.batch_size % self.num_processes:
            raise SettingError(
                f"`batch_size` must be a multiple of the number of processes, {self.num_processes}, but is "
                f"{config.batching.batch_size}; change it"
            )
        return config

    @override
    def rows(self, windows: Windows) -> Windows:
        return RowsOfProcess(windows, self.num_processes, self.process_id)

    @override
    def stream_model(self, kind: Callable[..., Any]) -> Callable[..., Any]:
        return partial(ParallelStreamModel, group=self)

    @override
    def store(self, root: Path, warn: Callable[[str], object]) -> CheckpointStore:
        return SharedCheckpointStore(root / "checkpoints", self, warn)


class RowsOfProcess(Windows):
    """An equal part of the rows of other windows, for one of several processes.

    Process `i` of `n` reads the rows from `i * B / n` to `(i + 1) * B / n`. If `B` is not a multiple of `n`, rows
    without weight fill up the last parts.
    """

    def __init__(self, windows: Windows, num_processes: int, process_id: int) -> None:
        self.batch_size = -(-windows.batch_size // num_processes)
        self.num_steps = windows.num_steps
        self.steps_per_epoch = windows.steps_per_epoch
        self._windows = windows
        self._first = process_id * self.batch_size

    @property
    @override
    def words_per_step(self) -> int:
        return self._windows.words_per_step

    @override
    def window(self, step: int) -> Window:
        inputs, targets, weights, reset = self._windows.window(step)
        return Window(self._own(inputs), self._own(targets), self._own(weights), self._own(reset))

    @override
    def order(self, planned_steps: Sequence[int], round_steps: int) -> NDArray[np.int64]:
        return self._windows.order(planned_steps, round_steps)

    @override
    def relative_lengths(self, num_windows: int) -> NDArray[np.float32] | None:
        return self._windows.relative_lengths(num_windows)

    def _own(self, array: NDArray[Any]) -> NDArray[Any]:
        own = array[self._first : self._first + self.batch_size]
        missing = self.batch_size - len(own)
        return np.pad(own, [(0, missing), *[(0, 0)] * (array.ndim - 1)]) if missing else own


class ParallelStreamModel(StreamModel):
    r"""A `StreamModel` of one of several processes, each of which holds an equal part of the rows of a batch.

    Keras's own training step runs in every process on its own rows. Within it, sums over the batch are taken over all
    processes: the number of counted tokens in the loss, the metrics, and the gradient

    $$\nabla \mathcal{L} = \sum_p \nabla_w \frac{\text{total}_p(w)}{\sum_q n_q}$$

    So loss, gradient and metrics are those of the whole batch, and all processes apply the same update to the same
    weights. Dropout masks and candidates are those that one process would draw for the whole batch.

    The variables of the model are arrays of this process. Only during a step are they parts of arrays of all processes,
    so everything between two steps works as in a run of one process.
    """

    def __init__(
        self,
        model: LanguageModel,
        options: TrainingOptions,
        *,
        batch_size: int,
        valid_batch_size: int,
        group: DataParallel,
        sampler: CandidateSampler | None = None,
        **kwargs: Any,
    ) -> None:
        sizes: dict[str, Any] = {"batch_size": batch_size, "valid_batch_size": valid_batch_size}
        super().__init__(model, options, sampler=sampler, **sizes, **kwargs)
        self._group = group
        self._rows = {id(each) for state in (self.train_state, self.valid_state) for each in state.variables}

    @override
    def call(self, inputs: dict[str, Any], training: bool = False) -> StackOutputs:
        with rows_of_shard(jax.lax.axis_index(AXIS)):
            return super().call(inputs, training)

    @override
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        with rows_of_shard(jax.lax.axis_index(AXIS)):  # the projection has dropout too
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    @override
    def compute_loss_and_updates(self, trainable_variables: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the loss of these rows, which has the gradient of the whole batch, and the loss of the batch."""
        variables = with_whole_gradients(list(trainable_variables))
        loss, (part, *others) = super().compute_loss_and_updates(variables, *args, **kwargs)
        return loss, (jax.lax.psum(part, AXIS), *others)

    @override
    def make_train_function(self, force: bool = False) -> None:
        if getattr(self, "train_function", None) is None or force:
            self.train_function: Any = self._make_function(self._over_processes(self.train_step))

    @override
    def make_test_function(self, force: bool = False) -> None:
        if getattr(self, "test_function", None) is None or force:
            self.test_function: Any = self._make_function(self._over_processes(self.test_step))

    @override
    def jax_state_sync(self) -> None:
        state: dict[str, list[Any]] | None = getattr(self, "_jax_state", None)
        if state and not self._jax_state_synced:
            self._jax_state: Any = {name: [_local(each) for each in arrays] for name, arrays in state.items()}
        super().jax_state_sync()

    @override
    def whole_arrays(self, arrays: Arrays) -> Arrays:
        split = self._split_names()
        return {
            name: self._group.collective.gather(array) if name in split else array for name, array in arrays.items()
        }

    @override
    def own_arrays(self, arrays: Arrays) -> Arrays:
        number, count, split = self._group.process_id, self._group.num_processes, self._split_names()
        return {
            name: np.array_split(array, count)[number] if name in split else array for name, array in arrays.items()
        }

    def _split_names(self) -> set[str]:
        return {name for name, variable in named_variables(self).items() if id(variable) in self._rows}

    @override
    def _total(self, value: Any) -> Any:
        return jax.lax.psum(value, AXIS)

    @override
    def _update_metrics(self, losses: TokenLosses, weights: Any) -> None:
        hits = ops.cast(losses.hit, "float32")
        sums = [ops.sum(values * weights) for values in (losses.negative_log_likelihood, hits)]
        likelihood, hits, count = jax.lax.psum((*sums, ops.sum(weights)), AXIS)
        safe_count = ops.maximum(count, 1.0)
        self.perplexity.update_state(likelihood / safe_count, count)
        self.accuracy.update_state(hits / safe_count, count)

    @override
    def _penalty(self, outputs: StackOutputs) -> Any:
        return super()._penalty(outputs) / self._group.num_processes  # a mean over rows

    @override
    def _candidates(self, sampler: CandidateSampler, targets: Any) -> Candidates:
        candidates = super()._candidates(sampler, jax.lax.all_gather(targets, AXIS, tiled=True))
        first = jax.lax.axis_index(AXIS) * len(targets)
        places = jax.lax.dynamic_slice_in_dim(candidates.places, first, len(targets))
        return candidates._replace(places=places)

    def _over_processes(self, step: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Return a step over arrays of this process that runs in all processes at once."""
        mesh, compiled = self._group.mesh, None

        def run(state: Sequence[list[Any]], data: Any) -> Any:
            nonlocal compiled
            specs = self._specs(len(state))
            if compiled is None:
                whole = jax.shard_map(
                    step, mesh=mesh, in_specs=(specs, _ROWS), out_specs=(_SAME, specs), check_vma=False
                )
                compiled = jax.jit(whole, donate_argnums=0)
            joined = tuple(
                [_joined(each, NamedSharding(mesh, spec)) for each, spec in zip(arrays, own, strict=True)]
                for arrays, own in zip(state, specs, strict=True)
            )
            spread = partial(jax.make_array_from_process_local_data, NamedSharding(mesh, _ROWS))
            return compiled(joined, keras.tree.map_structure(lambda rows: spread(np.asarray(rows)), data))

        return run

    def _specs(self, num_lists: int) -> tuple[list[PartitionSpec], ...]:
        """Return how the variables of a state are spread: 4 lists in training, 3 without the optimizer."""
        optimizer = [self.optimizer.variables] if num_lists == 4 else []
        lists = (self.trainable_variables, self.non_trainable_variables, *optimizer, self.metrics_variables)
        return tuple([_ROWS if id(variable) in self._rows else _SAME for variable in variables] for variables in lists)


def _same(weights: list[jax.Array]) -> list[jax.Array]:
    return weights


with_whole_gradients = jax.custom_vjp(_same)
"""Returns weights whose gradients are the sums of those of all processes."""


def _summed(_residuals: None, gradients: list[jax.Array]) -> tuple[list[jax.Array]]:
    """Return the sums of gradients over all processes.

    They travel as one array: Gloo takes some milliseconds for each, however small it is.
    """
    ends = np.cumsum([each.size for each in gradients])[:-1]
    flat = jax.lax.psum(jax.numpy.concatenate([each.ravel() for each in gradients]), AXIS)
    parts = zip(jax.numpy.split(flat, ends), gradients, strict=True)
    return ([part.reshape(each.shape).astype(each.dtype) for part, each in parts],)


with_whole_gradients.defvjp(lambda weights: (weights, None), _summed)


def _joined(array: Any, sharding: NamedSharding) -> jax.Array:
    """Return an array of this process as its part of an array of all processes; nothing is copied."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        return array
    array = jax.numpy.asarray(array)
    num_parts = sharding.mesh.size if sharding.spec == _ROWS else 1
    shape = (num_parts * array.shape[0], *array.shape[1:]) if num_parts > 1 else array.shape
    return jax.make_array_from_single_device_arrays(shape, sharding, [array])


def _local(array: Any) -> Any:
    return array.addressable_shards[0].data if isinstance(array.sharding, NamedSharding) else array
