"""How much the gradient of each weight moved over a training text: what dynamic evaluation scales its steps by."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nextword.batching.streams import Streams
from nextword.batching.window import TokenIds
from nextword.engine.engine import State
from nextword.engine.functional_model import Weights, in_place_of, require_jax, weights_of
from nextword.models.language_model import LanguageModel

Progress = Callable[[int, int], None]
"""Told how many tokens have been read, and how many will be."""


class GradientStatistics(NamedTuple):
    """How much the gradient of each weight moved over a text.

    Attributes:
        root_mean_squares: RMS, an array for each trainable variable of the model, in their order.
        num_tokens: How many tokens of the text were read.
    """

    root_mean_squares: Weights
    num_tokens: int

    @property
    def mean(self) -> float:
        """The mean over the arrays of the means over their elements."""
        return float(np.mean([float(ops.mean(array)) for array in self.root_mean_squares]))


def gradient_statistics(
    model: LanguageModel,
    ids: TokenIds,
    *,
    end_id: int,
    batch_size: int = 100,
    num_steps: int = 20,
    max_tokens: int | None = None,
    on_progress: Progress | None = None,
) -> GradientStatistics:
    r"""Read a training text once, without dropout, and return how much the gradient of each weight moved.

    With the gradient $g_b$ of the mean loss of batch $b$,

    $$\text{RMS} = \sqrt{\operatorname{mean}_b g_b^2}.$$

    Args:
        model: The model; its weights stay as they are.
        ids: The tokens of the text `(N,)`.
        end_id: The id of `<eos>`.
        batch_size: Streams that are read side by side; fewer where the text is short. The more, the less the
            gradients move, and the farther a learning rate goes.
        num_steps: Tokens of a stream in a batch, as many as a segment is to have.
        max_tokens: About how many tokens to read at most, from the beginning of every stream; all where left out.
        on_progress: Called after each batch.

    Raises:
        SettingError: The backend is not JAX, or the text is empty.
    """
    require_jax("dynamic evaluation")
    batch_size = max(1, min(batch_size, len(ids) // num_steps))
    streams = Streams(ids, batch_size=batch_size, num_steps=num_steps, first_input=end_id)
    cells, num_batches = batch_size * num_steps, streams.steps_per_epoch
    if max_tokens is not None:
        num_batches = max(1, min(num_batches, max_tokens // cells))
    add, weights, state = _adder(model), weights_of(model), model.initial_state(batch_size)
    sums = tuple(ops.zeros_like(array) for array in weights)
    for index in range(num_batches):
        window = streams.window(index)
        sums, state = add(sums, weights, state, window.inputs, window.targets, window.weights)
        if on_progress is not None:
            on_progress(min((index + 1) * cells, len(ids)), min(num_batches * cells, len(ids)))
    root_mean_squares = tuple(ops.sqrt(total / num_batches) for total in sums)
    return GradientStatistics(root_mean_squares, min(num_batches * cells, len(ids)))


def _adder(model: LanguageModel) -> Callable[..., tuple[Weights, State]]:
    """Return a compiled function that adds a batch's squared gradients to sums, which it overwrites."""
    import jax

    def loss_of(weights: Weights, state: State, inputs: Any, targets: Any, counted: Any) -> tuple[Any, State]:
        with in_place_of(model, weights):
            hidden, after = model.hidden_states(inputs, state)
            total = model.token_losses(hidden, targets, counted).total
        return total / ops.maximum(ops.sum(counted), 1.0), after

    def add(sums: Weights, weights: Weights, state: State, *batch: Any) -> tuple[Weights, State]:
        gradients, after = jax.grad(loss_of, has_aux=True)(weights, state, *batch)
        return tuple(total + g * g for total, g in zip(sums, gradients, strict=True)), after

    compiled: Callable[..., tuple[Weights, State]] = jax.jit(add, donate_argnums=0)
    return compiled
