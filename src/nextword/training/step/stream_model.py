"""A language model in training, with the state carried from window to window."""

import platform
from importlib.metadata import version
from typing import Any, override

import keras
from keras import ops

from nextword.errors import CheckpointError
from nextword.model.language_model import LanguageModel
from nextword.model.recurrent_stack import CarriedState, StackOutputs
from nextword.system.capacity import count_cores
from nextword.training import distributed
from nextword.training.checkpoint_store import Arrays
from nextword.training.options import TrainingOptions
from nextword.training.step.candidate_sampler import CandidateSampler

Batch = tuple[dict[str, Any], Any, Any]


class StreamModel(keras.Model):
    r"""Wraps a `LanguageModel` for Keras's `compile`, `fit` and `evaluate`.

    The batches come from `nextword.training.step.step`: inputs `{"tokens": (B, T), "reset": (B,)}`, integer targets
    `(B, T)` and weights `(B, T)`. The prediction is the output of the last layer. The loss is computed from it without
    the logits of a whole window in memory.

    Pass `shuffle=False` to `fit`. Keras shuffles batches by default, which would break the streams.

    Only the loss settings of `options` are used:

    - `loss`: `mean` over the counted tokens of a window, or `sum_over_time`, averaged over rows.
    - `activation_regularization`, in training only: factor of $\frac{1}{BTH} \sum h_t^2$, where $h_t$ is the last
      layer's output after dropout.
    - `temporal_activation_regularization`, in training only: factor of $\frac{1}{B(T-1)H} \sum (h_{t+1} - h_t)^2$,
      with the output before dropout.

    Args:
        model: The language model to train; it is not copied.
        options: The loss settings.
        batch_size: Rows of a training window.
        valid_batch_size: Rows of a validation window, which has its own carried state.
        sampler: Draws the candidates of the softmax in a training step (default: the whole vocabulary).

    Example:
        >>> import numpy as np
        >>> from nextword.model.architecture import Architecture
        >>> network = LanguageModel(Architecture(vocabulary_size=50, embedding_size=8, hidden_sizes=(16, 8)))
        >>> streams = StreamModel(network, TrainingOptions(), batch_size=2)
        >>> streams.compile(optimizer="adam")
        >>> tokens = np.tile(np.arange(9, dtype=np.int32), (2, 1))                  # (B, T + 1)
        >>> inputs = {"tokens": tokens[:, :-1], "reset": np.zeros(2, bool)}
        >>> weights = np.ones((2, 8), np.float32)
        >>> history = streams.fit(inputs, tokens[:, 1:], sample_weight=weights, batch_size=2, shuffle=False, verbose=0)
        >>> sorted(history.history)
        ['accuracy', 'loss', 'perplexity']

    Source:
        Merity, McCann and Socher (2017) for both regularizations; the temporal one after Krueger and Memisevic (2016).
    """

    steps_alone = 0
    """Steps since the weights of several processes were averaged."""

    unknown_id: int | None = None
    """The id that stands for unknown words, which no prediction gets right."""

    def __init__(
        self,
        model: LanguageModel,
        options: TrainingOptions | None = None,
        *,
        batch_size: int,
        valid_batch_size: int | None = None,
        sampler: CandidateSampler | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.options = options or TrainingOptions()
        self.sampler = sampler
        sizes, cell = model.architecture.hidden_sizes, model.architecture.cell
        self.train_state = CarriedState(sizes, batch_size, cell=cell, name="train_state")
        self.valid_state = CarriedState(sizes, valid_batch_size or batch_size, cell=cell, name="valid_state")
        self.perplexity = Perplexity(name="perplexity")
        self.accuracy = keras.metrics.Mean(name="accuracy")
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = False) -> StackOutputs:
        """Return the hidden states of a window, and store its last state for the next window."""
        carried = self.train_state if training else self.valid_state
        outputs, state = self.model.stack_outputs(inputs["tokens"], carried(inputs["reset"]), training=training)
        carried.assign(state)
        return outputs

    @override
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a window, and update perplexity and accuracy."""
        outputs = StackOutputs(*y_pred)
        candidates = None
        if training and self.sampler is not None:
            candidates = self.sampler(ops.reshape(y, (-1,)))
        losses = self.model.token_losses(outputs.hidden, y, sample_weight, training=training, candidates=candidates)
        weights = ops.reshape(sample_weight, (-1,))
        hits = losses.hit if self.unknown_id is None else losses.hit & (ops.reshape(y, (-1,)) != self.unknown_id)
        self.perplexity.update_state(losses.negative_log_likelihood, weights)
        self.accuracy.update_state(ops.cast(hits, "float32"), weights)
        total = self._training_total(losses.total, x, outputs, sample_weight, candidates) if training else losses.total
        if self.options.loss == "sum_over_time":
            loss = total / ops.shape(y)[0]
        else:
            loss = total / ops.maximum(distributed.mean(ops.sum(weights)), 1.0)
        return loss + self._penalty(outputs) if training else loss

    @override
    def compute_loss_and_updates(self, trainable_variables: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the loss of a window and the updates; of several processes, with the mean gradient."""
        weights = distributed.with_mean_gradients(trainable_variables)
        return super().compute_loss_and_updates(weights, *args, **kwargs)

    @override
    def make_train_function(self, force: bool = False) -> None:
        if distributed.num_processes() == 1:
            super().make_train_function(force)
        elif force or getattr(self, "train_function", None) is None:
            self.train_function: Any = self._make_function(distributed.training_step(self))

    @property
    def carried_variables(self) -> list[Any]:
        """Variables with a row for each row of the training windows."""
        return list(self.train_state.variables)

    @property
    def unsaved_variables(self) -> list[Any]:
        """Variables that training does not change and a checkpoint does not hold."""
        return []

    def _training_total(self, total: Any, *_others: Any) -> Any:
        """Return what training minimizes, summed over the tokens of a window, from the loss of the text."""
        return total

    def _penalty(self, outputs: StackOutputs) -> Any:
        penalty, options = 0.0, self.options
        if options.activation_regularization:
            penalty += options.activation_regularization * ops.mean(ops.square(outputs.hidden))
        if options.temporal_activation_regularization and outputs.raw.shape[1] > 1:
            change = outputs.raw[:, 1:] - outputs.raw[:, :-1]
            penalty += options.temporal_activation_regularization * ops.mean(ops.square(change))
        return penalty


class Perplexity(keras.metrics.Mean):
    """The exponential of the mean negative log-likelihood over all counted tokens."""

    def result(self) -> Any:
        """Return the perplexity so far."""
        return ops.exp(super().result())


def capture(stream: StreamModel) -> Arrays:
    """Return weights, carried state, seed generators and optimizer of a compiled model."""
    rows = set(map(id, stream.carried_variables))
    arrays = {
        name: (ops.convert_to_numpy(each.value), id(each) in rows) for name, each in named_variables(stream).items()
    }
    return {name: distributed.gathered(array) if is_carried else array for name, (array, is_carried) in arrays.items()}


def restore(stream: StreamModel, arrays: Arrays) -> None:
    """Restore the arrays of `capture`.

    Raises:
        CheckpointError: The arrays belong to another model.
    """
    variables, rows = named_variables(stream), set(map(id, stream.carried_variables))
    for name in sorted(variables.keys() ^ arrays.keys()):
        where = "not in the checkpoint" if name in variables else "not in the model"
        raise CheckpointError(f"the checkpoint must fit the model, but `{name}` is {where}; train in a new directory")
    own = {
        name: distributed.own_part(arrays[name]) if id(each) in rows else arrays[name]
        for name, each in variables.items()
    }
    for name, variable in variables.items():
        if tuple(variable.shape) != own[name].shape:
            raise CheckpointError(
                f"the checkpoint must fit the model, but `{name}` is {own[name].shape} in the checkpoint and "
                f"{tuple(variable.shape)} in the model; train in a new directory"
            )
    for name, variable in variables.items():
        variable.assign(own[name])


def fingerprint() -> dict[str, str]:
    """Return the versions and hardware facts that decide the exact bits of a run, besides its settings."""
    return {
        **{package: version(package) for package in ("keras", "jax", "jaxlib", "numpy")},
        "machine": platform.machine(),
        "processors": str(count_cores()),
    }


def named_variables(stream: StreamModel) -> dict[str, Any]:
    """Return the variables that a checkpoint holds, by their names in it."""
    left_out = {id(variable) for variable in (*stream.metrics_variables, *stream.unsaved_variables)}
    kept = [variable for variable in stream.variables if id(variable) not in left_out]
    # By position, because Keras numbers models and seed generators per process, and their paths therefore vary.
    named = {f"model/{index:03d}/{variable.name}": variable for index, variable in enumerate(kept)}
    return named | {f"optimizer/{index:03d}": variable for index, variable in enumerate(stream.optimizer.variables)}
